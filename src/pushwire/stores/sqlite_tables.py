"""The ledger's tables in an SQLite file: how they are made, and every row that is read or written. Transactions are not begun or
ended here (`sqlite_file`), and bookings are not known.

All of it runs on the store's connection, in its thread, and raises `sqlite3.Error`.
"""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from ..core.effects import Held, Identity, Record, Resends, Restored, scalars_text
from ..errors import StoreError
from .sqlite_rows import Insert, digest

__all__ = ["Tables", "prepare"]

SCHEMA_VERSION: Final = 2

_FIRST: Final = (
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
        digest BLOB NOT NULL,
        key TEXT NOT NULL,
        version TEXT NOT NULL,
        finished INTEGER NOT NULL,
        at REAL NOT NULL,
        turn INTEGER NOT NULL,
        UNIQUE (namespace, digest)
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
_SECOND: Final = (
    # What the provider has its ACK for and nobody has finished: never subject to the retention. The size of a blob is known
    # without reading it. In the order of `seq`, which AUTOINCREMENT never gives twice.
    """CREATE TABLE pushwire_held (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        namespace INTEGER NOT NULL REFERENCES pushwire_namespace (id),
        key TEXT NOT NULL,
        version TEXT NOT NULL,
        at REAL NOT NULL,
        raw BLOB NOT NULL,
        UNIQUE (namespace, key, version)
    )""",
)
_STEPS: Final = (_FIRST, _SECOND)
"""What each version of the schema added."""

# The remark keeps our statements apart from a booking's in the statement cache, which goes by the text and asks no authorizer.
_IS_FINISHED: Final = "SELECT 1 FROM pushwire_ledger WHERE namespace = ? AND digest = ? AND finished -- pushwire"
_LEDGER: Final = "pushwire_ledger (namespace, digest, key, version, at, finished, turn)"
_DELIVERED: Final = Insert(_LEDGER, 7, "ON CONFLICT DO NOTHING -- pushwire")
_FINISHED: Final = Insert(
    _LEDGER, 7, "ON CONFLICT DO UPDATE SET finished = 1, at = excluded.at, turn = excluded.turn -- pushwire"
)
_PARKED: Final = "INSERT INTO pushwire_parked (namespace, key, version, at, note, raw) VALUES (?, ?, ?, ?, ?, ?) -- pushwire"
_HELD: Final = (
    "INSERT INTO pushwire_held (namespace, key, version, at, raw) SELECT ?1, ?3, ?4, ?5, ?6 WHERE NOT EXISTS "
    "(SELECT 1 FROM pushwire_ledger WHERE namespace = ?1 AND digest = ?2 AND finished) "
    "ON CONFLICT DO NOTHING -- pushwire"
)
_HELD_NO_LONGER: Final = "DELETE FROM pushwire_held WHERE namespace = ? AND key = ? AND version = ? -- pushwire"
_PAYLOAD: Final = "SELECT raw FROM pushwire_held WHERE namespace = ? AND key = ? AND version = ? -- pushwire"
_FORGET: Final = (
    "DELETE FROM pushwire_ledger WHERE seq IN (SELECT seq FROM (SELECT seq, turn, at FROM pushwire_ledger WHERE namespace = ? "
    "ORDER BY turn, at LIMIT ?) WHERE (turn <= ? OR at < ?) AND at < ?) -- pushwire"
)


_Spelled: TypeAlias = tuple[bytes, str, str]
"""An identity as it is written: the digest of its key and version, and those."""
SPELLED: Final = 16_384
"""Identities whose spelling is remembered at most."""


def prepare(db: sqlite3.Connection, path: str) -> None:
    """Make what is missing, inside a transaction. Raises `StoreError` for the file of a newer version, before anything is
    written: its tables are not ours to complete."""
    version = 0
    if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'pushwire_schema'").fetchone() is not None:
        version = db.execute("SELECT max(version) FROM pushwire_schema").fetchone()[0]
        if not isinstance(version, int):
            raise StoreError(f"{path} is damaged: it names no schema")
        if version > SCHEMA_VERSION:
            raise StoreError(f"{path} was written by a newer pushwire (schema {version}, known: {SCHEMA_VERSION})")
    if version == 1:
        _add_digests(db)
    for statement in itertools.chain.from_iterable(_STEPS[version:]):
        db.execute(statement)
    if version == 0:
        db.execute("INSERT INTO pushwire_schema VALUES (?, 0)", (SCHEMA_VERSION,))
    elif version < SCHEMA_VERSION:
        db.execute("UPDATE pushwire_schema SET version = ?", (SCHEMA_VERSION,))


def _add_digests(db: sqlite3.Connection) -> None:
    """The first version found its rows by key and version."""
    if any(column[1] == "digest" for column in db.execute("PRAGMA table_info(pushwire_ledger)").fetchall()):
        return
    db.execute("DROP INDEX pushwire_oldest")
    db.execute("ALTER TABLE pushwire_ledger RENAME TO pushwire_ledger_1")
    for statement in _FIRST:
        db.execute(statement)
    rows = db.execute("SELECT namespace, key, version, at, finished, turn FROM pushwire_ledger_1 ORDER BY seq").fetchall()
    # Read and written anew, since the texts were spelled in another way as well.
    again = ((row, _texts(_identity(row[1], row[2]))) for row in rows)
    _DELIVERED(db, [(row[0], _digest(*texts), *texts, *row[3:]) for row, texts in again])
    db.execute("DROP TABLE pushwire_ledger_1")


class Tables:
    """The rows of all namespaces, which are named by their numbers here. `retain_for` is seconds."""

    def __init__(self, retain_for: float, retain_rows: int) -> None:
        self._retain_for = retain_for
        self._retain_rows = retain_rows
        self._resends: dict[int, Resends] = {}
        # Those that hold, or may hold, anything: the others are spared a look at that table with every row they finish.
        self._holding: set[int] = set()
        # Most are written twice, soon after one another: when delivered, and when finished.
        self._spelled: dict[Identity, _Spelled] = {}

    # What is known

    def load(self, db: sqlite3.Connection, namespace: str, resends: Resends) -> tuple[int, Restored]:
        """The number of a namespace, which is made if it is new, and what is known of it."""
        db.execute("INSERT INTO pushwire_namespace (name) VALUES (?) ON CONFLICT DO NOTHING", (namespace,))
        number, mark = db.execute("SELECT id, mark FROM pushwire_namespace WHERE name = ?", (namespace,)).fetchone()
        finished: dict[Identity, float] = {}
        delivered: dict[Identity, float] = {}
        rows = db.execute(
            "SELECT key, version, finished, at FROM pushwire_ledger WHERE namespace = ? ORDER BY at, seq", (number,)
        )
        for key, version, is_finished, at in rows:
            (finished if is_finished else delivered)[_identity(key, version)] = at
        rows = db.execute("SELECT key, version, at, length(raw) FROM pushwire_held WHERE namespace = ? ORDER BY seq", (number,))
        held = {_identity(key, version): Held(at, size) for key, version, at, size in rows}
        self._resends[number] = resends
        if held:
            self._holding.add(number)
        return number, Restored(finished, delivered, mark, held)

    def is_finished(self, db: sqlite3.Connection, namespace: int, identity: Identity) -> bool:
        return db.execute(_IS_FINISHED, (namespace, _digest(*_texts(identity)))).fetchone() is not None

    def payloads(self, db: sqlite3.Connection, namespace: int, identities: Sequence[Identity]) -> dict[Identity, str]:
        """What is held of these, whole; those that are not held are missing."""
        found = ((identity, db.execute(_PAYLOAD, (namespace, *_texts(identity))).fetchone()) for identity in identities)
        return {identity: row[0].decode("utf-8", "surrogatepass") for identity, row in found if row is not None}

    def parked(self, db: sqlite3.Connection, namespace: str | None) -> list[Record]:
        """What was set aside, oldest first."""
        rows = db.execute(
            "SELECT key, version, at, note, raw FROM pushwire_parked JOIN pushwire_namespace ON id = namespace "
            "WHERE name = coalesce(?, name) ORDER BY seq",
            (namespace,),
        )
        return [Record("parked", _identity(key, version), at, note, raw) for key, version, at, note, raw in rows]

    # What is written

    def keep(self, db: sqlite3.Connection, namespace: int, turn: int, records: Iterable[Record]) -> int:
        """Write them down. Returns the turn after them."""
        for kind, group in itertools.groupby(records, lambda record: record.kind):
            alike = list(group)
            if kind == "delivered":
                _DELIVERED(db, [(namespace, *self._remembered(record.identity), record.at, 0, turn) for record in alike])
                continue
            spelled = [self._take_spelled(record.identity) for record in alike]
            if kind == "held":
                self._holding.add(namespace)
                raws = (record.raw.encode("utf-8", "surrogatepass") for record in alike)
                written = zip(spelled, alike, raws, strict=True)
                db.executemany(_HELD, [(namespace, *texts, record.at, raw) for texts, record, raw in written])
                continue
            numbered = zip(spelled, alike, itertools.count(turn + 1), strict=False)
            _FINISHED(db, [(namespace, *texts, record.at, 1, later) for texts, record, later in numbered])
            turn += len(alike)
            if namespace in self._holding:
                db.executemany(_HELD_NO_LONGER, [(namespace, key, version) for _, key, version in spelled])
            if kind == "parked":
                parked = zip(spelled, alike, strict=True)
                rows = (
                    (namespace, *texts[1:], record.at, _storable(record.note), _storable(record.raw)) for texts, record in parked
                )
                db.executemany(_PARKED, rows)
        return turn

    def _take_spelled(self, identity: Identity) -> _Spelled:
        found = self._spelled.pop(identity, None)
        return _spell(identity) if found is None else found

    def _remembered(self, identity: Identity) -> _Spelled:
        if len(self._spelled) >= SPELLED:
            self._spelled.clear()
        spelled = self._spelled[identity] = _spell(identity)
        return spelled

    def retain(self, db: sqlite3.Connection, namespace: int, turn: int, mark: float, times: Sequence[float]) -> None:
        """Let go of what is too old or too much, oldest first: of at most two rows for each one written, and of none that may be
        sent again."""
        if not times:
            return
        # What is old is measured by what is written now: one record with a time far ahead must not outdate all others for good.
        now = max(times)
        floor = self._resends[namespace].since(mark, now)
        db.execute(_FORGET, (namespace, 2 * len(times), turn - self._retain_rows, now - self._retain_for, floor))

    def discard_parked(self, db: sqlite3.Connection, identities: Sequence[Identity], namespace: str | None) -> int:
        """Delete what was set aside under these. Returns how many rows went."""
        statement = (
            "DELETE FROM pushwire_parked WHERE key = ? AND version = ? "
            "AND namespace IN (SELECT id FROM pushwire_namespace WHERE name = coalesce(?, name))"
        )
        gone = db.executemany(statement, [(*_texts(identity), namespace) for identity in identities]).rowcount
        return max(0, gone)  # of no rows at all, the module says -1


def _texts(identity: Identity) -> tuple[str, str]:
    return scalars_text(identity.key), scalars_text(identity.version)


def _digest(key: str, version: str) -> bytes:
    return digest(f"{key}\n{version}")


def _spell(identity: Identity) -> _Spelled:
    key, version = _texts(identity)
    return _digest(key, version), key, version


def _identity(key: str, version: str) -> Identity:
    return Identity(tuple(json.loads(key)), tuple(json.loads(version)))


def _storable(text: str) -> str:
    """Lone surrogates, which JSON can hold and a database cannot, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
