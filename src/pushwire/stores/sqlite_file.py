"""The SQLite file itself: its tables, its transactions, and the leash on a caller's booking. Used by one thread alone."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import attrs

from ..core.effects import Committed, Identity, Record, Restored, Ticket, Write
from ..errors import LocalProtocolError, StoreError

__all__ = ["Batch", "LedgerFile"]

ResultT = TypeVar("ResultT")

SCHEMA_VERSION: Final = 1

_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS pushwire_schema (version INTEGER NOT NULL, commits INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS pushwire_namespace (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, mark REAL)",
    """CREATE TABLE IF NOT EXISTS pushwire_ledger (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        namespace INTEGER NOT NULL REFERENCES pushwire_namespace (id),
        key TEXT NOT NULL,
        version TEXT NOT NULL,
        finished INTEGER NOT NULL,
        at REAL NOT NULL,
        UNIQUE (namespace, key, version)
    )""",
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

# The remark keeps our statements apart from a booking's in the statement cache, which is looked up by text and asks no authorizer.
_BEGIN: Final = "BEGIN IMMEDIATE -- pushwire"
_COMMIT: Final = "COMMIT -- pushwire"
_ROLLBACK: Final = "ROLLBACK -- pushwire"

_DELIVERED: Final = "INSERT INTO pushwire_ledger (namespace, key, version, finished, at) VALUES (?, ?, ?, 0, ?) ON CONFLICT DO NOTHING"
_FINISHED: Final = (
    "INSERT INTO pushwire_ledger (namespace, key, version, finished, at) VALUES (?, ?, ?, 1, ?) "
    "ON CONFLICT DO UPDATE SET finished = 1, at = excluded.at"
)
_PARKED: Final = "INSERT INTO pushwire_parked (namespace, key, version, at, note, raw) VALUES (?, ?, ?, ?, ?, ?)"

_FORBIDDEN: Final = frozenset({sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH})
_WRITES: Final = frozenset({sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE, sqlite3.SQLITE_DROP_TABLE})


@attrs.frozen
class Batch:
    """What one `commit` call wants stored."""

    namespace: str
    writes: Sequence[Write]
    mark: float
    books: Mapping[Ticket, Callable[[sqlite3.Connection], object]]


class _Connection(sqlite3.Connection):
    """A connection that lets nobody but us end a transaction."""

    leashed = False

    def _check(self) -> None:
        if self.leashed:
            raise LocalProtocolError("a booking runs inside the ledger's transaction: it may not commit, roll back or close")

    def commit(self) -> None:
        self._check()
        super().commit()

    def rollback(self) -> None:
        self._check()
        super().rollback()

    def close(self) -> None:
        self._check()
        super().close()

    def executescript(self, sql_script: str, /) -> sqlite3.Cursor:
        # The standard library commits before a script.
        self._check()
        return super().executescript(sql_script)

    def __exit__(self, *args: Any) -> Any:  # as the standard library declares it
        self._check()
        return super().__exit__(*args)


class LedgerFile:
    """The file while it is open. Every method but `__init__` runs in the store's thread."""

    def __init__(self, path: str, retain_for: float, retain_rows: int) -> None:
        self._path = path
        self._retain_for = retain_for
        self._retain_rows = retain_rows
        self._connection: _Connection | None = None
        self._ids: dict[str, int] = {}
        self._commits = 0
        self._newest = 0.0

    @property
    def _db(self) -> _Connection:
        assert self._connection is not None, "the file is open"
        return self._connection

    def open(self) -> None:
        """Open, lock and prepare the file. Raises `StoreError`."""
        try:
            self._connection = db = sqlite3.connect(
                self._path, timeout=0, isolation_level=None, check_same_thread=False, factory=_Connection
            )
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute(_BEGIN)
            for statement in _SCHEMA:
                db.execute(statement)
            row = db.execute("SELECT version, commits FROM pushwire_schema").fetchone()
            if row is None:
                db.execute("INSERT INTO pushwire_schema VALUES (?, 0)", (SCHEMA_VERSION,))
                row = (SCHEMA_VERSION, 0)
            db.execute(_COMMIT)
            if row[0] > SCHEMA_VERSION:
                raise StoreError(f"{self._path} was written by a newer pushwire (schema {row[0]}, known: {SCHEMA_VERSION})")
            self._commits = row[1]
            db.set_authorizer(self._authorize)
        except sqlite3.Error as error:
            self._drop()
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
                raise StoreError(f"{self._path} is held by another process, or another store of this one") from error
            raise StoreError(f"{self._path}: {error}") from error
        except StoreError:
            self._drop()
            raise

    def close(self) -> None:
        """Close the file. Never raises: what was reported durable is."""
        self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def load(self, namespace: str) -> Restored:
        """What is known of a namespace, which is made if it is new."""
        db = self._db
        db.execute("INSERT INTO pushwire_namespace (name) VALUES (?) ON CONFLICT DO NOTHING", (namespace,))
        number, mark = db.execute("SELECT id, mark FROM pushwire_namespace WHERE name = ?", (namespace,)).fetchone()
        self._ids[namespace] = number
        finished: dict[Identity, float] = {}
        delivered: dict[Identity, float] = {}
        rows = db.execute("SELECT key, version, finished, at FROM pushwire_ledger WHERE namespace = ? ORDER BY at, seq", (number,))
        for key, version, is_finished, at in rows:
            (finished if is_finished else delivered)[_identity(key, version)] = at
            self._newest = max(self._newest, at)
        return Restored(finished, delivered, mark)

    def read(self, look: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        """What `look` returns; the file cannot be changed meanwhile."""
        db = self._db
        db.execute("PRAGMA query_only = ON")
        try:
            with self._leash():
                return look(db)
        finally:
            db.execute("PRAGMA query_only = OFF")

    def parked(self, namespace: str | None) -> list[Record]:
        rows = self._db.execute(
            "SELECT key, version, at, note, raw FROM pushwire_parked JOIN pushwire_namespace ON id = namespace "
            "WHERE name = coalesce(?, name) ORDER BY seq",
            (namespace,),
        )
        return [Record("parked", _identity(key, version), at, note, raw) for key, version, at, note, raw in rows]

    # Transactions

    def commit(self, batches: Sequence[Batch]) -> list[Committed]:
        """Store all batches in one transaction. Raises `StoreError` where it did not happen, or that cannot be known."""
        db = self._db
        try:
            db.execute(_BEGIN)
            results = [self._store(batch) for batch in batches]
            self._retain(sum(len(write.records) for batch in batches for write in batch.writes))
            db.execute("UPDATE pushwire_schema SET commits = ?", (self._commits + 1,))
        except sqlite3.Error as error:
            self._roll_back()
            raise StoreError(f"{self._path}: {error}") from error
        try:
            db.execute(_COMMIT)
        except sqlite3.Error as error:
            self._after_lost_commit(error)
        self._commits += 1
        return results

    def _after_lost_commit(self, error: sqlite3.Error) -> None:
        """COMMIT failed: ask the file whether it happened all the same. Returns where it did."""
        self._roll_back()
        try:
            stored = self._db.execute("SELECT commits FROM pushwire_schema").fetchone()[0]
        except sqlite3.Error:
            raise StoreError(f"{self._path}: {error}; whether it was stored cannot be read back", outcome="unknown") from error
        if stored != self._commits + 1:
            raise StoreError(f"{self._path}: {error}") from error

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute(_ROLLBACK)

    def _store(self, batch: Batch) -> Committed:
        number = self._ids[batch.namespace]
        failed: dict[Ticket, BaseException] = {}
        for write in batch.writes:
            book = None if write.ticket is None else batch.books.get(write.ticket)
            error = None if book is None or self._is_booked(number, write) else self._book(book)
            if error is None:
                self._keep(number, write.records)
            elif write.ticket is not None:
                failed[write.ticket] = error
        self._db.execute("UPDATE pushwire_namespace SET mark = ? WHERE id = ?", (batch.mark, number))
        return Committed(failed)

    def _is_booked(self, number: int, write: Write) -> bool:
        """Whether an earlier commit, whose outcome its caller never learned, has booked this already."""
        question = "SELECT 1 FROM pushwire_ledger WHERE namespace = ? AND key = ? AND version = ? AND finished"
        return all(
            self._db.execute(question, (number, *_texts(record.identity))).fetchone() is not None for record in write.records
        )

    def _book(self, book: Callable[[sqlite3.Connection], object]) -> BaseException | None:
        """Run a booking inside a savepoint. Returns what it raised, its own writes undone."""
        db = self._db
        db.execute("SAVEPOINT pushwire_booking")
        error: BaseException | None = None
        try:
            with self._leash():
                book(db)
        except BaseException as raised:  # the caller's own, whatever it is: it goes back to the caller
            error = raised
        if not db.in_transaction:
            raise sqlite3.OperationalError("a booking ended the ledger's transaction")
        if error is not None:
            db.execute("ROLLBACK TO pushwire_booking")
        db.execute("RELEASE pushwire_booking")
        return error

    def _keep(self, number: int, records: Sequence[Record]) -> None:
        db = self._db
        for record in records:
            key, version = _texts(record.identity)
            row = (number, key, version, record.at)
            db.execute(_DELIVERED if record.kind == "delivered" else _FINISHED, row)
            self._newest = max(self._newest, record.at)
            if record.kind == "parked":
                db.execute(_PARKED, (*row, record.note, record.raw))

    def _retain(self, written: int) -> None:
        """Let go of what is too old or too much, a bounded number of rows at a time, oldest first."""
        db = self._db
        oldest = db.execute("SELECT seq, at FROM pushwire_ledger ORDER BY seq LIMIT ?", (2 * written,)).fetchall()
        if not oldest:
            return
        # Rows go from the low end alone, so the numbers in use tell how many there are.
        newest = db.execute("SELECT max(seq) FROM pushwire_ledger").fetchone()[0]
        excess = newest - oldest[0][0] + 1 - self._retain_rows
        doomed = [(seq,) for place, (seq, at) in enumerate(oldest) if place < excess or at < self._newest - self._retain_for]
        if doomed:
            db.executemany("DELETE FROM pushwire_ledger WHERE seq = ?", doomed)

    # The leash

    @contextlib.contextmanager
    def _leash(self) -> Iterator[None]:
        self._db.leashed = True
        try:
            yield
        finally:
            self._db.leashed = False

    def _authorize(self, action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
        if not self._db.leashed:
            return sqlite3.SQLITE_OK
        ours = any(name is not None and name.startswith("pushwire_") for name in (first, second))
        if action in _FORBIDDEN or (ours and (action in _WRITES or action == sqlite3.SQLITE_SAVEPOINT)):
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK


def _texts(identity: Identity) -> tuple[str, str]:
    return json.dumps(identity.key, separators=(",", ":")), json.dumps(identity.version, separators=(",", ":"))


def _identity(key: str, version: str) -> Identity:
    return Identity(tuple(json.loads(key)), tuple(json.loads(version)))
