"""The ledger's tables in PostgreSQL, and every statement on them.

A row's `digest` is what it is found by: a provider's keys may be longer than an index can hold. `turn` is how many the namespace
had finished when the row was the newest: it tells the rows' number without counting them; of rows that a caller's own transaction
wrote it is not known until they are seen.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final, LiteralString

from psycopg.sql import SQL, Identifier

from ..core.effects import Identity

__all__ = ["SCHEMA_VERSION", "Statements", "advisory_key", "digest", "identity_of", "texts"]

SCHEMA_VERSION: Final = 2

_FIRST: Final = (
    "CREATE TABLE {schema}.pushwire_schema (version INTEGER NOT NULL)",
    # Always empty: see `guard`.
    "CREATE TABLE {schema}.pushwire_guard (id INTEGER PRIMARY KEY)",
    # `guard` refers to nothing while one of our transactions is under way: a COMMIT that is not ours fails. `owner` counts those
    # who had the namespace: who finds another number has lost it.
    """CREATE TABLE {schema}.pushwire_namespace (
        id BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
        name TEXT NOT NULL UNIQUE,
        owner BIGINT NOT NULL DEFAULT 1,
        mark DOUBLE PRECISION,
        finishes BIGINT NOT NULL DEFAULT 0,
        commits BIGINT NOT NULL DEFAULT 0,
        guard INTEGER REFERENCES {schema}.pushwire_guard (id) DEFERRABLE INITIALLY DEFERRED
    )""",
    # What is delivered and what is finished are two tables, so that a caller's open transaction, which has finished a delivery,
    # never stands in the way of the commits that note its delivery.
    """CREATE TABLE {schema}.pushwire_delivered (
        namespace BIGINT NOT NULL REFERENCES {schema}.pushwire_namespace (id),
        digest BYTEA NOT NULL,
        key TEXT NOT NULL,
        version TEXT NOT NULL,
        at DOUBLE PRECISION NOT NULL,
        turn BIGINT NOT NULL,
        PRIMARY KEY (namespace, digest)
    )""",
    """CREATE TABLE {schema}.pushwire_finished (
        namespace BIGINT NOT NULL,
        digest BYTEA NOT NULL,
        key TEXT NOT NULL,
        version TEXT NOT NULL,
        at DOUBLE PRECISION NOT NULL,
        turn BIGINT,
        PRIMARY KEY (namespace, digest)
    )""",
    "CREATE INDEX pushwire_delivered_oldest ON {schema}.pushwire_delivered (namespace, turn, at)",
    "CREATE INDEX pushwire_finished_oldest ON {schema}.pushwire_finished (namespace, turn, at)",
    # Bytes, UTF-8: PostgreSQL's text cannot hold all that a payload can.
    """CREATE TABLE {schema}.pushwire_parked (
        seq BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
        namespace BIGINT NOT NULL REFERENCES {schema}.pushwire_namespace (id),
        digest BYTEA NOT NULL,
        key TEXT NOT NULL,
        version TEXT NOT NULL,
        at DOUBLE PRECISION NOT NULL,
        note BYTEA NOT NULL,
        raw BYTEA NOT NULL
    )""",
)
_SECOND: Final = (
    # What the provider has its ACK for and nobody has finished, in the order of `seq`: never subject to the retention.
    """CREATE TABLE {schema}.pushwire_held (
        namespace BIGINT NOT NULL REFERENCES {schema}.pushwire_namespace (id),
        digest BYTEA NOT NULL,
        seq BIGINT GENERATED ALWAYS AS IDENTITY,
        key TEXT NOT NULL,
        version TEXT NOT NULL,
        at DOUBLE PRECISION NOT NULL,
        raw BYTEA NOT NULL,
        PRIMARY KEY (namespace, digest)
    )""",
)

_ROWS: Final = "unnest(%s::bigint[], %s::bytea[], %s::text[], %s::text[], %s::float8[], %s::bigint[])"
_NAMED: Final = f"{_ROWS} AS new (namespace, digest, key, version, at, turn)"
_PAIRS: Final = "unnest(%s::bigint[], %s::bytea[]) AS these (namespace, digest)"


def _oldest(table: LiteralString) -> LiteralString:
    # By where the rows lie: no plan of it reads the whole table, whatever the statistics say. Nobody else changes them.
    return (
        f"DELETE FROM {{schema}}.{table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM (SELECT ctid, turn, at FROM {{schema}}.{table} "
        "WHERE namespace = %s ORDER BY turn, at LIMIT %s) AS oldest WHERE (turn <= %s OR at < %s) AND at < %s))"
    )


class Statements:
    """The statements, for the tables in one schema."""

    def __init__(self, schema: str) -> None:
        def made(text: LiteralString) -> bytes:
            return SQL(text).format(schema=Identifier(schema)).as_bytes(None)

        self.steps: list[list[bytes]] = [[made(text) for text in step] for step in (_FIRST, _SECOND)]
        """What each version of the schema added."""
        # Asked first: to make it if it is not there takes a privilege even where it is.
        self.has_schema: bytes = made("SELECT to_regnamespace('{schema}') IS NOT NULL")
        self.make_schema: bytes = made("CREATE SCHEMA {schema}")
        self.exists: bytes = made("SELECT to_regclass('{schema}.pushwire_schema') IS NOT NULL")
        self.version: bytes = made("SELECT max(version) FROM {schema}.pushwire_schema")
        self.first_version: bytes = made("INSERT INTO {schema}.pushwire_schema VALUES (%s)")
        self.set_version: bytes = made("UPDATE {schema}.pushwire_schema SET version = %s")

        self.own: bytes = made(
            "INSERT INTO {schema}.pushwire_namespace AS known (name) VALUES (%s) "
            "ON CONFLICT (name) DO UPDATE SET owner = known.owner + 1, guard = NULL RETURNING id, owner"
        )
        self.look: bytes = made("SELECT owner, mark, finishes, commits FROM {schema}.pushwire_namespace WHERE id = %s")
        self.adopt: bytes = made(
            "WITH late AS (SELECT namespace, digest, row_number() OVER (ORDER BY at) AS place "
            "FROM {schema}.pushwire_finished WHERE namespace = %s AND turn IS NULL) "
            "UPDATE {schema}.pushwire_finished AS known SET turn = %s + place FROM late "
            "WHERE (known.namespace, known.digest) = (late.namespace, late.digest)"
        )
        self.adopted: bytes = made("UPDATE {schema}.pushwire_namespace SET finishes = finishes + %s WHERE id = %s")
        self.finished: bytes = made(
            "SELECT key, version, at FROM {schema}.pushwire_finished WHERE namespace = %s ORDER BY at, turn"
        )
        self.delivered: bytes = made(
            "SELECT key, version, at FROM {schema}.pushwire_delivered AS known WHERE namespace = %s AND NOT EXISTS "
            "(SELECT FROM {schema}.pushwire_finished AS done "
            "WHERE (done.namespace, done.digest) = (known.namespace, known.digest)) ORDER BY at, turn"
        )

        self.begin_namespaces: bytes = made(
            "UPDATE {schema}.pushwire_namespace AS known SET guard = 0 "
            "FROM unnest(%s::bigint[], %s::bigint[]) AS mine (id, owner) "
            "WHERE (known.id, known.owner) = (mine.id, mine.owner) RETURNING known.id, finishes, commits"
        )
        # A booking may have changed it for the rest of the transaction.
        self.end_namespace: bytes = made(
            "UPDATE {schema}.pushwire_namespace SET guard = NULL, mark = %s, finishes = %s, commits = commits + 1 WHERE id = %s "
            "RETURNING set_config('synchronous_commit', %s, true)"
        )
        self.are_finished: bytes = made(
            f"SELECT namespace, digest FROM {{schema}}.pushwire_finished JOIN {_PAIRS} USING (namespace, digest)"
        )
        self.claim: bytes = made(
            f"INSERT INTO {{schema}}.pushwire_finished (namespace, digest, key, version, at, turn) SELECT * FROM {_ROWS} "
            "ON CONFLICT DO NOTHING RETURNING namespace, digest"
        )
        self.unclaim: bytes = made(
            f"DELETE FROM {{schema}}.pushwire_finished AS known USING {_PAIRS} "
            "WHERE (known.namespace, known.digest) = (these.namespace, these.digest)"
        )
        self.renew: bytes = made(
            f"UPDATE {{schema}}.pushwire_finished AS known SET at = new.at, turn = new.turn FROM {_NAMED} "
            "WHERE (known.namespace, known.digest) = (new.namespace, new.digest)"
        )
        self.supersede: bytes = made(
            f"DELETE FROM {{schema}}.pushwire_delivered AS known USING {_PAIRS} "
            "WHERE (known.namespace, known.digest) = (these.namespace, these.digest)"
        )
        self.deliver: bytes = made(
            f"INSERT INTO {{schema}}.pushwire_delivered (namespace, digest, key, version, at, turn) SELECT * FROM {_NAMED} "
            "WHERE NOT EXISTS (SELECT FROM {schema}.pushwire_finished AS done "
            "WHERE (done.namespace, done.digest) = (new.namespace, new.digest)) ON CONFLICT DO NOTHING"
        )
        self.hold: bytes = made(
            "INSERT INTO {schema}.pushwire_held (namespace, digest, key, version, at, raw) "
            "SELECT namespace, digest, key, version, at, raw FROM unnest(%s::bigint[], %s::bytea[], %s::text[], %s::text[], "
            "%s::float8[], %s::bytea[]) WITH ORDINALITY AS new (namespace, digest, key, version, at, raw, place) "
            "WHERE NOT EXISTS (SELECT FROM {schema}.pushwire_finished AS done "
            "WHERE (done.namespace, done.digest) = (new.namespace, new.digest)) ORDER BY place ON CONFLICT DO NOTHING"
        )
        self.held_no_longer: bytes = made(
            f"DELETE FROM {{schema}}.pushwire_held AS known USING {_PAIRS} "
            "WHERE (known.namespace, known.digest) = (these.namespace, these.digest)"
        )
        # Of those that callers' own transactions have finished, without coming back to say so.
        self.held_late: bytes = made(
            "DELETE FROM {schema}.pushwire_held AS known USING {schema}.pushwire_finished AS done "
            "WHERE known.namespace = %s AND (done.namespace, done.digest) = (known.namespace, known.digest)"
        )
        self.held: bytes = made(
            "SELECT key, version, at, length(raw) FROM {schema}.pushwire_held WHERE namespace = %s ORDER BY seq"
        )
        self.payloads: bytes = made(
            "SELECT key, version, raw FROM {schema}.pushwire_held WHERE namespace = %s AND digest = ANY(%s::bytea[])"
        )
        self.retain: list[bytes] = [made(_oldest("pushwire_finished")), made(_oldest("pushwire_delivered"))]

        self.park: bytes = made(
            "INSERT INTO {schema}.pushwire_parked (namespace, digest, key, version, at, note, raw) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)"
        )
        self.parked: bytes = made(
            "SELECT key, version, at, note, raw FROM {schema}.pushwire_parked JOIN {schema}.pushwire_namespace ON id = namespace "
            "WHERE name = coalesce(%s, name) ORDER BY seq"
        )
        self.discard_parked: bytes = made(
            "DELETE FROM {schema}.pushwire_parked WHERE digest = ANY(%s::bytea[]) "
            "AND namespace IN (SELECT id FROM {schema}.pushwire_namespace WHERE name = coalesce(%s, name))"
        )
        # In a caller's own transaction: two of them that finish the same delivery meet here, and the later one fails.
        self.finish: bytes = made(
            "INSERT INTO {schema}.pushwire_finished (namespace, digest, key, version, at) "
            "SELECT id, digest, key, version, extract(epoch FROM clock_timestamp()) "
            "FROM {schema}.pushwire_namespace, unnest(%s::bytea[], %s::text[], %s::text[]) AS new (digest, key, version) "
            "WHERE name = %s"
        )


def texts(identity: Identity) -> tuple[str, str]:
    """Key and version as JSON, in ASCII."""
    return json.dumps(identity.key, separators=(",", ":")), json.dumps(identity.version, separators=(",", ":"))


def digest(identity: Identity) -> bytes:
    """What a row is found by."""
    return hashlib.sha256("\n".join(texts(identity)).encode("ascii")).digest()


def identity_of(key: str, version: str) -> Identity:
    return Identity(tuple(json.loads(key)), tuple(json.loads(version)))


def advisory_key(*parts: str) -> int:
    """The number of an advisory lock: 64 bits, signed."""
    name = "\n".join(("pushwire", *parts)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(name).digest()[:8], "big", signed=True)
