"""The PostgreSQL sink's connection, its tables and its transactions. Used by one thread alone.

Relays that bring the same entries meet at the advisory lock of their partition, and then at the unique identity; the later one
finds what the earlier one has stored. Nothing is asked about a COMMIT whose answer was lost: it is sent again, and found.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Generator, Mapping, Sequence
from typing import Final, LiteralString, NamedTuple, TypeAlias

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from ...core.secrets import Redactor, Secret
from ...stores.postgres_sql import advisory_key
from ..entries import Answer, Entry, Outcome, Refused
from .base import Quarantined, SinkError

__all__ = ["Claim", "EventTable"]

Connection: TypeAlias = psycopg.Connection[TupleRow]

SCHEMA_VERSION: Final = 1

_PREPARE: Final = """SELECT current_setting('fsync'), current_setting('synchronous_commit'), pg_is_in_recovery(),
    set_config('synchronous_commit', current_setting('synchronous_commit'), false),
    set_config('lock_timeout', '10s', false), set_config('idle_in_transaction_session_timeout', '30s', false),
    set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),
    set_config('tcp_keepalives_count', '3', false)"""
"""What is checked of the server, and for this connection: `synchronous_commit` stays as it was checked, whatever is reloaded; a
relay that stands still, or whose machine is gone, lets go of its locks, so that another goes on."""

_COLUMNS: Final = "stream, provider, kind, key, at, digest, payload, identity"
# `identity` is the key's digest, since a key may be longer than an index can hold.
_TABLES: Final[tuple[LiteralString, ...]] = (
    "CREATE TABLE {schema}.pushwire_events_schema (version INTEGER NOT NULL)",
    "CREATE SEQUENCE {schema}.pushwire_events_seq",
    """CREATE TABLE {schema}.pushwire_events (
        seq BIGINT PRIMARY KEY,
        stream TEXT NOT NULL,
        provider TEXT NOT NULL,
        kind TEXT NOT NULL,
        key TEXT,
        at DOUBLE PRECISION NOT NULL,
        digest TEXT NOT NULL,
        payload TEXT NOT NULL,
        identity BYTEA UNIQUE
    )""",
    "ALTER SEQUENCE {schema}.pushwire_events_seq OWNED BY {schema}.pushwire_events.seq",
    """CREATE TABLE {schema}.pushwire_events_quarantine (
        seq BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
        stream TEXT NOT NULL,
        provider TEXT NOT NULL,
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        at DOUBLE PRECISION NOT NULL,
        digest TEXT NOT NULL,
        payload TEXT NOT NULL,
        identity BYTEA NOT NULL,
        UNIQUE (identity, digest)
    )""",
)
_ROWS: Final = (
    "unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::float8[], %s::text[], %s::text[], %s::bytea[]) "
    f"WITH ORDINALITY AS new ({_COLUMNS}, place)"
)

Row: TypeAlias = tuple[str, str, str, str | None, float, str, str, bytes | None]


class _Statements:
    """The statements, for the tables in one schema."""

    def __init__(self, schema: str) -> None:
        def made(text: LiteralString) -> bytes:
            return SQL(text).format(schema=Identifier(schema)).as_bytes(None)

        self.tables = [made(text) for text in _TABLES]
        # Asked first: to make it if it is not there takes a privilege even where it is.
        self.has_schema = made("SELECT to_regnamespace('{schema}') IS NOT NULL")
        self.make_schema = made("CREATE SCHEMA {schema}")
        self.exists = made("SELECT to_regclass('{schema}.pushwire_events_schema') IS NOT NULL")
        self.version = made("SELECT max(version) FROM {schema}.pushwire_events_schema")
        self.set_version = made("INSERT INTO {schema}.pushwire_events_schema VALUES (%s)")
        # Numbered as they came, stored sorted: transactions that meet on several rows wait for one another, never in a circle.
        self.insert = made(
            f"WITH numbered AS MATERIALIZED (SELECT nextval('{{schema}}.pushwire_events_seq') AS seq, {_COLUMNS} "
            f"FROM (SELECT * FROM {_ROWS} ORDER BY place) AS ordered) "
            f"INSERT INTO {{schema}}.pushwire_events (seq, {_COLUMNS}) SELECT seq, {_COLUMNS} FROM numbered "
            "ORDER BY identity, seq ON CONFLICT DO NOTHING RETURNING identity"
        )
        self.held = made("SELECT identity, digest FROM {schema}.pushwire_events WHERE identity = ANY(%s::bytea[])")
        self.set_aside = made(
            f"INSERT INTO {{schema}}.pushwire_events_quarantine ({_COLUMNS}) SELECT {_COLUMNS} FROM {_ROWS} "
            "ORDER BY identity, digest ON CONFLICT DO NOTHING"
        )
        self.quarantine = made(
            "SELECT stream, kind, key, digest, payload, at FROM {schema}.pushwire_events_quarantine ORDER BY seq"
        )
        self.counts = made(
            "SELECT (SELECT coalesce(max(seq), 0) FROM {schema}.pushwire_events), "
            "(SELECT count(*) FROM {schema}.pushwire_events_quarantine), current_setting('synchronous_standby_names'), "
            "current_setting('synchronous_commit')"
        )


_LOCK: Final = "SELECT pg_advisory_xact_lock(key) FROM unnest(%s::bigint[]) AS partition (key)"
_MARK: Final = "SELECT pg_logical_emit_message(true, 'pushwire', '')"
"""A COMMIT that has written nothing waits for nothing. With this it waits for all before it, so that what is found stored is as
durable as what is stored now, on the standbys too."""


class Claim(NamedTuple):
    """Which streams' events are brought, and whether others may bring them as well."""

    streams: tuple[str, ...]
    shared: bool


class EventTable:
    """The tables while they are open. Every method but `close` raises `SinkError`, which shows no password."""

    def __init__(
        self, name: str, parameters: Mapping[str, str | int], password: Secret | None, schema: str, claim: Claim
    ) -> None:
        self._name = name
        self._parameters = parameters
        self._password = password
        self._redact = Redactor(() if password is None else (password,))
        self._schema = schema
        self._claim = claim
        self._sql = _Statements(schema)
        self._connection: Connection | None = None
        self._warnings: list[str] = []

    def open(self) -> None:
        """Connect, look whether a commit is durable there and who else writes, and make the tables where there are none."""
        secret = {} if self._password is None else {"password": self._password.reveal()}
        try:
            with self._explained():
                conninfo = make_conninfo("", **{**self._parameters, **secret})
                self._connection = psycopg.connect(conninfo, autocommit=True)
                self._connection.add_notice_handler(self._notice)
                self._prepare(self._connection)
        except BaseException:
            self.close()
            raise

    def _notice(self, said: psycopg.errors.Diagnostic) -> None:
        if said.severity_nonlocalized == "WARNING":
            self._warnings.append(str(said.message_primary))

    def _prepare(self, db: Connection) -> None:
        fsync, synchronous_commit, is_standby = _row(db, _PREPARE)[:3]
        if is_standby:
            raise SinkError(f"{self._name} is a standby: the events must be written to the primary")
        if fsync != "on":
            raise SinkError(f"{self._name}: `fsync` is {fsync}: a commit would not survive a power failure")
        if synchronous_commit == "off":
            raise SinkError(
                f"{self._name}: `synchronous_commit` is off: a commit would be reported before it is durable. "
                "Set it to on for this role (ALTER ROLE ... SET synchronous_commit = on)"
            )
        with db.transaction():
            # Two that begin at the same time would both find nothing, and both make it.
            db.execute("SELECT pg_advisory_xact_lock(%s)", (advisory_key("events", self._schema),))
            if not _row(db, self._sql.has_schema)[0]:
                db.execute(self._sql.make_schema)
            if not _row(db, self._sql.exists)[0]:
                for statement in self._sql.tables:
                    db.execute(statement)
                db.execute(self._sql.set_version, (SCHEMA_VERSION,))
            version = _row(db, self._sql.version)[0]
            if version > SCHEMA_VERSION:
                raise SinkError(f"{self._name} was written by a newer pushwire (schema {version}, known: {SCHEMA_VERSION})")
        self._hold(db)

    def _hold(self, db: Connection) -> None:
        """Take the locks of the claim, for as long as this connection lasts."""
        take = "SELECT pg_try_advisory_lock_shared(%s)" if self._claim.shared else "SELECT pg_try_advisory_lock(%s)"
        for stream in self._claim.streams:
            found = db.execute(take, (advisory_key("relay", self._schema, stream),)).fetchone()
            if found != (True,):
                raise SinkError(
                    f"{self._name}: another relay brings the stream {stream}, or an earlier connection of this one has yet to "
                    "end; several at a time need active_active = true in [sink] of each"
                )

    def close(self) -> None:
        """Disconnect. Never raises: what was reported stored is."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                if self._claim.streams:
                    # The server finds out in its own time that a connection has gone: who takes over at once would be refused.
                    connection.execute("SELECT pg_advisory_unlock_all()")
            with contextlib.suppress(psycopg.Error):
                connection.close()

    def check(self) -> Sequence[str]:
        """What it promises."""
        with self._explained():
            last, aside, standbys, synchronous_commit = _row(self._db, self._sql.counts)
        where = f"and on the synchronous standbys ({standbys})" if standbys else "of this server; no standby is waited for"
        return (
            f"{self._name}: the last event has seq {last}, {aside} in quarantine",
            f"each commit is on the disk (fsync=on, synchronous_commit={synchronous_commit}) {where}",
        )

    def quarantine(self) -> list[Quarantined]:
        """What was set aside, oldest first."""
        with self._explained():
            return [Quarantined(*row) for row in self._db.execute(self._sql.quarantine).fetchall()]

    # Writing

    def write(self, batch: Sequence[Entry]) -> list[Answer]:
        """Store all of it in one transaction. What it raises means that it did not happen, or that this cannot be known."""
        db = self._db
        if not batch:
            return []
        partitions = sorted({advisory_key("partition", self._schema, entry.partition) for entry in batch})
        with self._explained():
            db.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
            try:
                db.execute(_LOCK, (partitions,))
                db.execute(_MARK)
                answers = self._store_all(db, batch)
                self._commit(db)
            except BaseException:
                # Where the connection is lost, the server does it.
                with contextlib.suppress(psycopg.Error):
                    db.execute("ROLLBACK")
                raise
        return answers

    def _commit(self, db: Connection) -> None:
        self._warnings.clear()
        db.execute("COMMIT")
        if self._warnings:
            # It says so alone where somebody cancelled the wait for a standby.
            raise SinkError(f"{self._name}: {'; '.join(self._warnings)}")

    def _store_all(self, db: Connection, batch: Sequence[Entry]) -> list[Answer]:
        try:
            with db.transaction():
                return self._store(db, batch)
        except _NEVER as error:
            if len(batch) == 1:
                return [Refused(self._redact(str(error).strip()))]
        # One of them is refused: which, is found out one by one.
        return [answer for entry in batch for answer in self._store_all(db, [entry])]

    def _store(self, db: Connection, batch: Sequence[Entry]) -> list[Answer]:
        rows = [_row_of(entry) for entry in batch]
        # Of those that come twice within the batch the first is stored, the others are compared with it.
        first: dict[bytes, int] = {}
        for place, row in enumerate(rows):
            if row[7] is not None:
                first.setdefault(row[7], place)
        offered = [row for place, row in enumerate(rows) if row[7] is None or first[row[7]] == place]
        stored = [identity for (identity,) in db.execute(self._sql.insert, _columns(offered)).fetchall()]
        new: set[bytes | None] = set(stored) - {None}
        keyed = sum(row[7] is not None for row in rows)
        if stored.count(None) != len(rows) - keyed:
            raise self._left_out("an entry without a key")
        held: dict[bytes, str] = {}
        if len(new) < keyed:
            held.update(db.execute(self._sql.held, (list(first),)).fetchall())
        answers: list[Answer] = []
        aside: list[Row] = []
        for place, row in enumerate(rows):
            identity, digest = row[7], row[5]
            if identity is None or (identity in new and first[identity] == place):
                answers.append(Outcome.STORED)
            elif identity not in held:
                raise self._left_out(str(row[3]))
            elif held[identity] == digest:
                answers.append(Outcome.DUPLICATE)
            else:
                answers.append(Outcome.QUARANTINED)
                aside.append(row)
        if aside:
            db.execute(self._sql.set_aside, _columns(aside))
        return answers

    def _left_out(self, what: str) -> SinkError:
        return SinkError(f"{self._name}: {what} was neither stored nor found: a trigger leaves it out, or it was just deleted")

    @property
    def _db(self) -> Connection:
        assert self._connection is not None, "the thread does nothing before it opens, nor after it closes"
        return self._connection

    @contextlib.contextmanager
    def _explained(self) -> Generator[None]:
        """Say with a `SinkError` which database it was that failed, and never a password."""
        try:
            yield
        except psycopg.Error as error:
            raise SinkError(f"{self._name}: {self._redact(str(error).strip())}") from None


_NEVER: Final = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded)
"""What the database says of a row that it will not take, however often it is sent."""


def _row_of(entry: Entry) -> Row:
    return (
        _text(entry.stream),
        _text(entry.provider),
        _text(entry.kind),
        None if entry.key is None else _text(entry.key),
        entry.at,
        entry.digest,
        _text(entry.payload),
        None if entry.key is None else hashlib.sha256(entry.key.encode("utf-8", "surrogatepass")).digest(),
    )


def _text(value: str) -> str:
    """Lone surrogates and NUL, which JSON can hold and a database cannot, as escapes."""
    return value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\u0000")


def _columns(rows: Sequence[Row]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _row(db: Connection, query: bytes | LiteralString) -> TupleRow:
    row = db.execute(query).fetchone()
    assert row is not None, "it is there"
    return row
