"""The file of the SQLite sink: its tables and its transactions. Used by one thread alone."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Generator, Sequence
from typing import Final

from ...stores.durable import make_durable
from ...stores.sqlite_rows import Insert, digest, tune
from ..entries import Answer, Entry, Outcome
from .base import Quarantined, SinkError

__all__ = ["EventFile"]

SCHEMA_VERSION: Final = 1

_SCHEMA: Final = (
    "CREATE TABLE pushwire_events_schema (version INTEGER NOT NULL)",
    """CREATE TABLE events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        stream TEXT NOT NULL,
        provider TEXT NOT NULL,
        kind TEXT NOT NULL,
        key TEXT,
        at REAL NOT NULL,
        digest TEXT NOT NULL,
        payload TEXT NOT NULL,
        key_digest BLOB UNIQUE
    )""",
    """CREATE TABLE events_quarantine (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        stream TEXT NOT NULL,
        provider TEXT NOT NULL,
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        at REAL NOT NULL,
        digest TEXT NOT NULL,
        payload TEXT NOT NULL,
        UNIQUE (key, digest)
    )""",
)
_COLUMNS: Final = "stream, provider, kind, key, at, digest, payload"
_INSERT: Final = Insert(f"events ({_COLUMNS}, key_digest)", 8, "ON CONFLICT DO NOTHING")
_SET_ASIDE: Final = Insert(f"events_quarantine ({_COLUMNS})", 7, "ON CONFLICT DO NOTHING")
_HELD: Final = "SELECT key, digest FROM events WHERE key_digest = ?"
_QUARANTINE: Final = "SELECT stream, kind, key, digest, payload, at FROM events_quarantine ORDER BY seq"


class EventFile:
    """The file while it is open."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open, lock and prepare the file. Raises `SinkError`."""
        try:
            with self._explained():
                self._connection = sqlite3.connect(self._path, timeout=0, isolation_level=None)
                self._prepare(self._connection)
        except BaseException:
            self.close()
            raise

    def _prepare(self, db: sqlite3.Connection) -> None:
        # Exclusive before the first access: SQLite then needs no shared memory, and nobody else can come in between.
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise SinkError(f"{self._path}: SQLite cannot keep a write-ahead log there (journal mode {mode})")
        db.execute("PRAGMA synchronous = FULL")
        tune(db)
        make_durable(db, self._path)
        db.execute("BEGIN IMMEDIATE")
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'pushwire_events_schema'").fetchone() is None:
            for statement in _SCHEMA:
                db.execute(statement)
            db.execute("INSERT INTO pushwire_events_schema VALUES (?)", (SCHEMA_VERSION,))
        version = db.execute("SELECT max(version) FROM pushwire_events_schema").fetchone()[0]
        if not isinstance(version, int):
            raise SinkError(f"{self._path} is damaged: it names no schema")
        if version > SCHEMA_VERSION:
            raise SinkError(f"{self._path} was written by a newer pushwire (schema {version}, known: {SCHEMA_VERSION})")
        db.execute("COMMIT")

    def close(self) -> None:
        """Close the file. Never raises: what was reported stored is."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def check(self) -> Sequence[str]:
        """What it promises. Raises `SinkError`."""
        with self._explained():
            told = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if told != "ok":
                raise SinkError(f"{self._path} is damaged: {told}")
            (events,) = self._db.execute("SELECT count(*) FROM events").fetchone()
            (aside,) = self._db.execute("SELECT count(*) FROM events_quarantine").fetchone()
        return (f"{self._path}: {events} events, {aside} in quarantine", "each commit is on the disk (WAL, synchronous=FULL)")

    def quarantine(self) -> list[Quarantined]:
        """What was set aside, oldest first. Raises `SinkError`."""
        with self._explained():
            return [Quarantined(*row) for row in self._db.execute(_QUARANTINE)]

    def write(self, batches: Sequence[Sequence[Entry]]) -> list[list[Answer]]:
        """Store all batches in one transaction. Raises `SinkError` where it did not happen, or that cannot be known."""
        db = self._db
        try:
            with self._explained():
                db.execute("BEGIN IMMEDIATE")
                if self._all_are_new(batches):
                    answers: list[list[Answer]] = [[Outcome.STORED] * len(batch) for batch in batches]
                else:
                    db.execute("ROLLBACK")
                    db.execute("BEGIN IMMEDIATE")
                    answers = [[self._store(entry) for entry in batch] for batch in batches]
                db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
            raise
        return answers

    def _all_are_new(self, batches: Sequence[Sequence[Entry]]) -> bool:
        """Insert them all, as it nearly always can be done. False where a part was not inserted."""
        rows = [_row(entry, entry.payload) for batch in batches for entry in batch]
        try:
            return _INSERT(self._db, rows) == len(rows)
        except UnicodeError:
            return False

    def _store(self, entry: Entry) -> Answer:
        # Lone surrogates, which JSON can hold and a database cannot, as escapes.
        row = _row(entry, entry.payload.encode("utf-8", "backslashreplace").decode())
        if _INSERT(self._db, [row]):
            return Outcome.STORED
        if self._db.execute(_HELD, row[-1:]).fetchone() == (entry.key, entry.digest):
            return Outcome.DUPLICATE
        _SET_ASIDE(self._db, [row[:-1]])
        return Outcome.QUARANTINED

    @property
    def _db(self) -> sqlite3.Connection:
        if self._connection is None:
            raise SinkError(f"{self._path} is not open")
        return self._connection

    @contextlib.contextmanager
    def _explained(self) -> Generator[None]:
        """Say with a `SinkError` which file it was that failed."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            # The lowest byte is the error, the others its circumstances.
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
                raise SinkError(f"{self._path} is held by another process") from error
            raise SinkError(f"{self._path}: {error}") from error


def _row(entry: Entry, payload: str) -> tuple[str | float | bytes | None, ...]:
    key = entry.key
    hashed = None if key is None else digest(key)
    return entry.stream, entry.provider, entry.kind, key, entry.at, entry.digest, payload, hashed
