"""The SQLite file itself: its tables and its transactions. Used by one thread alone.

What a caller's own code may do with the connection is not decided here, but in `sqlite_leash`.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import sqlite3
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Final, TypeVar

from ..core.effects import Committed, Identity, Record, Restored, Ticket, Write, scalars_text
from ..errors import AlreadyFinished, LocalProtocolError, StoreError
from .base import Receipt, run_booking
from .durable import make_durable
from .sqlite_leash import LeashedConnection
from .threaded import Batch

__all__ = ["LedgerFile"]

ResultT = TypeVar("ResultT")

SCHEMA_VERSION: Final = 1

_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS pushwire_schema (version INTEGER NOT NULL, commits INTEGER NOT NULL)",
    """CREATE TABLE IF NOT EXISTS pushwire_namespace (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        mark REAL,
        finishes INTEGER NOT NULL DEFAULT 0
    )""",
    # `turn` is how many the namespace had finished when this was the newest: it tells the rows' number without counting them.
    """CREATE TABLE IF NOT EXISTS pushwire_ledger (
        seq INTEGER PRIMARY KEY,
        namespace INTEGER NOT NULL REFERENCES pushwire_namespace (id),
        key TEXT NOT NULL,
        version TEXT NOT NULL,
        finished INTEGER NOT NULL,
        at REAL NOT NULL,
        turn INTEGER NOT NULL,
        UNIQUE (namespace, key, version)
    )""",
    "CREATE INDEX IF NOT EXISTS pushwire_oldest ON pushwire_ledger (namespace, turn, at)",
    """CREATE TABLE IF NOT EXISTS pushwire_parked (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        namespace INTEGER NOT NULL REFERENCES pushwire_namespace (id),
        key TEXT NOT NULL,
        version TEXT NOT NULL,
        at REAL NOT NULL,
        note TEXT NOT NULL,
        raw TEXT NOT NULL
    )""",
)

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

_IS_FINISHED: Final = "SELECT 1 FROM pushwire_ledger WHERE namespace = ? AND key = ? AND version = ? AND finished -- pushwire"
_DELIVERED: Final = (
    "INSERT INTO pushwire_ledger (namespace, key, version, finished, at, turn) VALUES (?, ?, ?, 0, ?, ?) "
    "ON CONFLICT DO NOTHING -- pushwire"
)
_FINISHED: Final = (
    "INSERT INTO pushwire_ledger (namespace, key, version, finished, at, turn) VALUES (?, ?, ?, 1, ?, ?) "
    "ON CONFLICT DO UPDATE SET finished = 1, at = excluded.at, turn = excluded.turn -- pushwire"
)
_PARKED: Final = "INSERT INTO pushwire_parked (namespace, key, version, at, note, raw) VALUES (?, ?, ?, ?, ?, ?) -- pushwire"
_FORGET: Final = (
    "DELETE FROM pushwire_ledger WHERE seq IN (SELECT seq FROM (SELECT seq, turn, at FROM pushwire_ledger WHERE namespace = ? "
    "ORDER BY turn, at LIMIT ?) WHERE turn <= ? OR at < ?) -- pushwire"
)


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
        self._retain_for = retain_for
        self._retain_rows = retain_rows
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
        make_durable(db, self._path)
        db.execute(_BEGIN)
        # Before anything is written: a newer version's tables are not ours to complete.
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'pushwire_schema'").fetchone() is not None:
            version = db.execute("SELECT max(version) FROM pushwire_schema").fetchone()[0]
            if not isinstance(version, int):
                raise StoreError(f"{self._path} is damaged: it names no schema")
            if version > SCHEMA_VERSION:
                raise StoreError(f"{self._path} was written by a newer pushwire (schema {version}, known: {SCHEMA_VERSION})")
        else:
            for statement in _SCHEMA:
                db.execute(statement)
            db.execute("INSERT INTO pushwire_schema VALUES (?, 0)", (SCHEMA_VERSION,))
        db.execute(_COMMIT)

    def close(self) -> None:
        """Close the file. Never raises: what was reported durable is."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def load(self, namespace: str) -> Restored:
        """What is known of a namespace, which is made if it is new. Raises `StoreError`."""
        db = self._db
        with self._explained():
            db.execute("INSERT INTO pushwire_namespace (name) VALUES (?) ON CONFLICT DO NOTHING", (namespace,))
            number, mark = db.execute("SELECT id, mark FROM pushwire_namespace WHERE name = ?", (namespace,)).fetchone()
            self._ids[namespace] = number
            finished: dict[Identity, float] = {}
            delivered: dict[Identity, float] = {}
            rows = db.execute(
                "SELECT key, version, finished, at FROM pushwire_ledger WHERE namespace = ? ORDER BY at, seq", (number,)
            )
            for key, version, is_finished, at in rows:
                (finished if is_finished else delivered)[_identity(key, version)] = at
            return Restored(finished, delivered, mark)

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
            rows = self._db.execute(
                "SELECT key, version, at, note, raw FROM pushwire_parked JOIN pushwire_namespace ON id = namespace "
                "WHERE name = coalesce(?, name) ORDER BY seq",
                (namespace,),
            )
            return [Record("parked", _identity(key, version), at, note, raw) for key, version, at, note, raw in rows]

    def discard_parked(self, identities: Sequence[Identity], namespace: str | None) -> int:
        """Delete what was set aside under these. Returns how many rows went. Raises `StoreError`."""
        statement = (
            "DELETE FROM pushwire_parked WHERE key = ? AND version = ? "
            "AND namespace IN (SELECT id FROM pushwire_namespace WHERE name = coalesce(?, name))"
        )
        rows = [(*_texts(identity), namespace) for identity in identities]

        def delete() -> int:
            with self._explained():
                return self._db.executemany(statement, rows).rowcount

        return max(0, self._transaction(delete))  # of no rows at all, the module says -1

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
                if self._is_finished(namespace, identity):
                    raise AlreadyFinished(f"{identity.key} is finished already, by an earlier transaction")
            turn = db.execute(_TURN, (namespace,)).fetchone()[0]
            turn = self._keep(namespace, turn, [Record("finished", identity, at) for identity in receipt.identities])
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
        try:
            stored = self._db.execute(_COMMITS).fetchone()[0]
            if stored != number and getattr(error, "sqlite_errorcode", None) not in _INCOMPLETE:
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
            turn = self._keep(namespace, turn, write.records)
            times += [record.at for record in write.records]
        self._db.execute(_MARK, (batch.mark, turn, namespace))
        self._retain(namespace, turn, times)
        return Committed(failed)

    def _is_booked(self, namespace: int, write: Write) -> bool:
        """Whether an earlier commit, whose outcome its caller never learned, has booked this already."""
        return bool(write.records) and all(self._is_finished(namespace, record.identity) for record in write.records)

    def _is_finished(self, namespace: int, identity: Identity) -> bool:
        return self._db.execute(_IS_FINISHED, (namespace, *_texts(identity))).fetchone() is not None

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

    def _keep(self, namespace: int, turn: int, records: Sequence[Record]) -> int:
        """Write them down. Returns the turn after them."""
        db = self._db
        for kind, group in itertools.groupby(records, lambda record: record.kind):
            alike = list(group)
            rows = [(namespace, *_texts(record.identity), record.at) for record in alike]
            if kind == "delivered":
                db.executemany(_DELIVERED, [(*row, turn) for row in rows])
            else:
                db.executemany(_FINISHED, [(*row, later) for later, row in enumerate(rows, turn + 1)])
                turn += len(rows)
            if kind == "parked":
                notes = ((_storable(record.note), _storable(record.raw)) for record in alike)
                db.executemany(_PARKED, [(*row, *note) for row, note in zip(rows, notes, strict=True)])
        return turn

    def _retain(self, namespace: int, turn: int, times: Sequence[float]) -> None:
        """Let go of what is too old or too much, oldest first: of at most two rows for each one written."""
        if not times:
            return
        # What is old is measured by what is written now: one record with a time far ahead must not outdate all others for good.
        horizon = max(times) - self._retain_for
        self._db.execute(_FORGET, (namespace, 2 * len(times), turn - self._retain_rows, horizon))


def _texts(identity: Identity) -> tuple[str, str]:
    return scalars_text(identity.key), scalars_text(identity.version)


def _identity(key: str, version: str) -> Identity:
    return Identity(tuple(json.loads(key)), tuple(json.loads(version)))


def _storable(text: str) -> str:
    """Lone surrogates, which JSON can hold and a database cannot, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
