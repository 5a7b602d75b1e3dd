"""The SQLite file itself: how it is opened, and its transactions. Used by one thread alone; its tables are in `sqlite_tables`.

What a caller's own code may do with the connection is not decided here, but in `sqlite_leash`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Final, TypeVar

from ..core.effects import Committed, Identity, Loaded, Record, Resends, Restored, Ticket, Write
from ..errors import AlreadyFinished, LocalProtocolError, StoreError
from .base import Receipt, run_booking
from .durable import make_durable
from .sqlite_leash import LeashedConnection
from .sqlite_rows import tune
from .sqlite_tables import Tables, prepare
from .threaded import Batch

__all__ = ["LedgerFile"]

ResultT = TypeVar("ResultT")

# The remark keeps our statements apart from a booking's in the statement cache, which goes by the text and asks no authorizer.
_BEGIN: Final = "BEGIN IMMEDIATE -- pushwire"
_COMMIT: Final = "COMMIT -- pushwire"
_ROLLBACK: Final = "ROLLBACK -- pushwire"
_SAVEPOINT: Final = "SAVEPOINT pushwire_booking -- pushwire"
_UNDO: Final = "ROLLBACK TO pushwire_booking -- pushwire"
_RELEASE: Final = "RELEASE pushwire_booking -- pushwire"

_COMMITS: Final = "SELECT commits FROM pushwire_schema -- pushwire"
_COUNT: Final = "UPDATE pushwire_schema SET commits = ? -- pushwire"
_TURN: Final = "SELECT finishes FROM pushwire_namespace WHERE id = ? -- pushwire"
_TURNED: Final = "UPDATE pushwire_namespace SET finishes = ? WHERE id = ? -- pushwire"
_MARK: Final = "UPDATE pushwire_namespace SET mark = ?, finishes = ? WHERE id = ? -- pushwire"

# The commit's last page, which makes it one, was not written. After any other error it may be: in the file, but not believed by
# this connection.
_INCOMPLETE: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE})


class _Spoilt(Exception):
    """A booking took the whole transaction with it. `error` is what becomes of that booking."""

    def __init__(self, namespace: str, ticket: Ticket, error: BaseException) -> None:
        super().__init__(namespace, ticket)
        self.booking = (namespace, ticket)
        self.error = error


class LedgerFile:
    """The file while it is open. Every method but `__init__` runs in the store's thread."""

    def __init__(self, path: str, retain_for: float, retain_rows: int) -> None:
        self._path = path
        self._tables = Tables(retain_for, retain_rows)
        self._connection: LeashedConnection | None = None
        self._ids: dict[str, int] = {}

    @property
    def _db(self) -> LeashedConnection:
        assert self._connection is not None, "the file is open"
        return self._connection

    def open(self) -> None:
        """Open, lock and prepare the file. Raises `StoreError`."""
        try:
            with self._explained():
                self._connection = sqlite3.connect(self._path, timeout=0, isolation_level=None, factory=LeashedConnection)
                self._prepare()
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        db = self._db
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise StoreError(f"{self._path}: SQLite cannot keep a write-ahead log there (journal mode {mode})")
        db.execute("PRAGMA synchronous = FULL")
        tune(db)
        make_durable(db, self._path)
        db.execute(_BEGIN)
        prepare(db, self._path)
        db.execute(_COMMIT)

    def close(self) -> None:
        """Close the file. Never raises: what was reported durable is."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def load(self, namespace: str, resends: Resends) -> Restored:
        """What is known of a namespace, which is made if it is new. Raises `StoreError`."""
        with self._explained():
            self._ids[namespace], restored = self._tables.load(self._db, namespace, resends)
            return restored

    def payloads(self, namespace: str, identities: Sequence[Identity]) -> Loaded:
        """What is held of these. Raises `StoreError`."""
        with self._explained():
            return Loaded(self._tables.payloads(self._db, self._ids[namespace], identities))

    def read(self, look: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        """What `look` returns; the file cannot be changed meanwhile."""
        db = self._db
        db.execute("PRAGMA query_only = ON")
        try:
            with db.lent("look"):
                return look(db)
        finally:
            db.execute("PRAGMA query_only = OFF")

    def parked(self, namespace: str | None) -> list[Record]:
        """What was set aside, oldest first. Raises `StoreError`."""
        with self._explained():
            return self._tables.parked(self._db, namespace)

    def discard_parked(self, identities: Sequence[Identity], namespace: str | None) -> int:
        """Delete what was set aside under these. Returns how many rows went. Raises `StoreError`."""

        def delete() -> int:
            with self._explained():
                return self._tables.discard_parked(self._db, identities, namespace)

        return self._transaction(delete)

    def leave(self, namespace: str) -> None:
        """The file is held as a whole: nothing to do."""

    @contextlib.contextmanager
    def _explained(self) -> Generator[None]:
        """Say with a `StoreError` which file it was that failed."""
        try:
            yield
        except (sqlite3.Error, OSError, ValueError) as error:  # the last: text that no file can hold, or that somebody has edited
            # The lowest byte is the error, the others its circumstances.
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
                raise StoreError(f"{self._path} is held by another process, or another store of this one") from error
            raise StoreError(f"{self._path}: {error}") from error

    # Transactions

    def run(self, work: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        """What `work` returns, durable. Raises what it raises, and `StoreError`."""
        db = self._db

        def lent() -> ResultT:
            with db.lent("run"):
                result = run_booking(work, db)
            if not db.in_transaction:
                raise LocalProtocolError("SQLite rolled the transaction back while this ran")
            return result

        return self._transaction(lent)

    def finish(self, connection: sqlite3.Connection, receipt: Receipt, at: float) -> None:
        """Mark them as finished. Raises `AlreadyFinished`."""
        db = self._db
        if connection is not db:
            raise LocalProtocolError("this connection is not the store's: `finish` belongs inside what `store.run` runs")
        db.check_alive()
        with db.taken_back():
            namespace = self._ids[receipt.namespace]
            for identity in receipt.identities:
                if self._tables.is_finished(db, namespace, identity):
                    raise AlreadyFinished(f"{identity.key} is finished already, by an earlier transaction")
            turn = db.execute(_TURN, (namespace,)).fetchone()[0]
            records = [Record("finished", identity, at) for identity in receipt.identities]
            turn = self._tables.keep(db, namespace, turn, records)
            db.execute(_TURNED, (turn, namespace))

    def _transaction(self, work: Callable[[], ResultT]) -> ResultT:
        """What `work` returns, in a transaction of its own. Raises what it raises, and `StoreError`."""
        db = self._db
        try:
            with self._explained():
                db.execute(_BEGIN)
                number = db.execute(_COMMITS).fetchone()[0] + 1
            result = work()
            with self._explained():
                db.execute(_COUNT, (number,))
        except BaseException:
            self._roll_back()
            raise
        self._end(number)
        return result

    def _end(self, number: int) -> None:
        try:
            self._db.execute(_COMMIT)
        except sqlite3.Error as error:
            self._after_lost_commit(number, error)

    def commit(self, batches: Sequence[Batch[sqlite3.Connection]]) -> list[Committed]:
        """Store all batches in one transaction. Raises `StoreError` where it did not happen, or that cannot be known."""
        spoilt: dict[tuple[str, Ticket], BaseException] = {}
        while True:
            try:
                return self._commit(batches, spoilt)
            except _Spoilt as loss:
                # The neighbours begin anew, without it: their bookings run once more, the first time having left no trace.
                spoilt[loss.booking] = loss.error

    def _commit(
        self, batches: Sequence[Batch[sqlite3.Connection]], spoilt: Mapping[tuple[str, Ticket], BaseException]
    ) -> list[Committed]:
        db = self._db
        try:
            db.execute(_BEGIN)
            number = db.execute(_COMMITS).fetchone()[0] + 1
            results = [self._store(batch, spoilt) for batch in batches]
            db.execute(_COUNT, (number,))
        except _Spoilt:
            raise
        except Exception as error:  # whatever it is, nothing was stored, and no half of it may stay behind
            self._roll_back()
            raise StoreError(f"{self._path}: {error}") from error
        self._end(number)
        return results

    def _after_lost_commit(self, number: int, error: sqlite3.Error) -> None:
        """COMMIT failed: ask the file whether it happened all the same. Returns where it did."""
        self._roll_back()
        incomplete = getattr(error, "sqlite_errorcode", None) in _INCOMPLETE
        if incomplete:
            # Where there is no room the log may not grow; brought home, it is written from its beginning again.
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("PRAGMA wal_checkpoint").close()
        try:
            stored = self._db.execute(_COMMITS).fetchone()[0]
            if stored != number and not incomplete:
                # Where the write-ahead log was written and only its fsync failed, a crash now would bring the transaction back.
                # The next one takes its place there. (A change it must be: SQLite writes no page that stays the same.)
                self._db.execute(_COUNT, (number,))
        except sqlite3.Error:
            raise StoreError(f"{self._path}: {error}; whether it was stored cannot be read back", outcome="unknown") from error
        if stored != number:
            raise StoreError(f"{self._path}: {error}") from error

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute(_ROLLBACK)

    def _store(self, batch: Batch[sqlite3.Connection], spoilt: Mapping[tuple[str, Ticket], BaseException]) -> Committed:
        namespace = self._ids[batch.namespace]
        turn = self._db.execute(_TURN, (namespace,)).fetchone()[0]
        times: list[float] = []
        failed: dict[Ticket, BaseException] = {}
        for write in batch.writes:
            ticket = write.ticket
            if ticket is not None and ticket in batch.books and not self._is_booked(namespace, write):
                booking = (batch.namespace, ticket)
                error = spoilt[booking] if booking in spoilt else self._book(booking, batch.books[ticket])
                if error is not None:
                    failed[ticket] = error
                    continue
            turn = self._tables.keep(self._db, namespace, turn, write.records)
            times += [record.at for record in write.records]
        self._db.execute(_MARK, (batch.mark, turn, namespace))
        self._tables.retain(self._db, namespace, turn, batch.mark, times)
        return Committed(failed)

    def _is_booked(self, namespace: int, write: Write) -> bool:
        """Whether an earlier commit, whose outcome its caller never learned, has booked this already."""
        return bool(write.records) and all(
            self._tables.is_finished(self._db, namespace, record.identity) for record in write.records
        )

    def _book(self, booking: tuple[str, Ticket], book: Callable[[sqlite3.Connection], object]) -> BaseException | None:
        """Run a booking inside a savepoint. Returns what it raised, its own writes undone; raises `_Spoilt`."""
        db = self._db
        db.execute(_SAVEPOINT)
        try:
            with db.lent("booking"):
                run_booking(book, db)
        except BaseException as error:  # noqa: BLE001 - the caller's own, whatever it is: it goes back to the caller
            if not db.in_transaction:
                raise _Spoilt(*booking, error) from None
            db.execute(_UNDO)
            db.execute(_RELEASE)
            return error
        if not db.in_transaction:
            # A full disk, an INSERT OR ROLLBACK: the booking caught what came of it and went on.
            raise _Spoilt(*booking, LocalProtocolError("SQLite rolled the ledger's transaction back during this booking"))
        db.execute(_RELEASE)
        return None
