"""The connection to PostgreSQL: who owns a namespace, what happens when it is lost, and what was committed. Used by one thread.

A namespace has one owner at a time, who holds an advisory lock for as long as the connection lives. So a connection made later
that gets the lock knows that the earlier one is over, and what became of its last COMMIT.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Generator, Mapping, Sequence
from typing import Final, LiteralString, TypeAlias

import attrs
import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from ..core.effects import Committed, Held, Identity, Loaded, Record, Resends, Restored, Ticket
from ..core.secrets import Redactor, Secret
from ..errors import StoreError
from .postgres_commit import Booking, Fenced, Limits, Owned, Spoilt, Transaction
from .postgres_leash import LeashedConnection
from .postgres_sql import SCHEMA_VERSION, Statements, advisory_key, digest, identity_of
from .threaded import Batch

__all__ = ["PostgresLedger"]

PostgresBatch: TypeAlias = Batch[psycopg.Connection[TupleRow]]

LOCK_WITHIN: Final = 2.0
"""Seconds that a lock is waited for, of a namespace that others may be about to leave."""

_LOOK: Final = """SELECT current_setting('fsync'), current_setting('synchronous_commit'), pg_is_in_recovery(),
    set_config('lock_timeout', %s, false), set_config('idle_in_transaction_session_timeout', '0', false),
    set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),
    set_config('tcp_keepalives_count', '3', false)"""
"""The last ones: a server that still waits for a connection whose machine is gone would keep its locks for hours."""


class PostgresLedger:
    """The database while the store is open. Every method but `__init__` runs in the store's thread."""

    def __init__(
        self,
        name: str,
        parameters: Mapping[str, str | int],
        secrets: Mapping[str, Secret],
        schema: str,
        lock_timeout: float,
        retain_for: float,
        retain_rows: int,
    ) -> None:
        self._name = name
        self._parameters = parameters
        self._secrets = secrets
        self._redact = Redactor(secrets.values())
        self._schema = schema
        self._lock_timeout = lock_timeout
        self._sql = Statements(schema)
        self._limits = Limits(retain_for, retain_rows, "on")
        self._connection: LeashedConnection | None = None
        # Those that were opened, and of them those whose lock this connection holds.
        self._owned: dict[str, Owned] = {}
        self._held: set[str] = set()
        # Those that hold deliveries, or may: the others are spared a look at that table with every row they finish.
        self._holding: set[int] = set()

    # The connection

    def open(self) -> None:
        """Connect, and make the tables where there are none. Raises `StoreError`."""
        with self._explained():
            self._connect()

    def close(self) -> None:
        """Disconnect. Never raises: what was reported durable is."""
        self._owned.clear()
        if self._connection is not None:
            # The server takes a moment to find out that a connection was closed, and whoever comes next may be quicker.
            with contextlib.suppress(psycopg.Error):
                self._connection.execute("SELECT pg_advisory_unlock_all()")
        self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._held.clear()
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                connection.close()

    def _alive(self) -> LeashedConnection:
        """As `_connected`, and not lost since it was used last."""
        db = self._connected()
        try:
            db.execute("SELECT 1")
        except psycopg.OperationalError:
            return self._connected()
        return db

    def _connected(self) -> LeashedConnection:
        if self._connection is None or self._connection.closed:
            self._drop()
            self._connect()
            # Those that others hold meanwhile stay without a lock, and fail by themselves.
            for namespace in self._owned:
                with contextlib.suppress(StoreError):
                    self._hold(namespace, patiently=True)
        assert self._connection is not None, "it was made just now"
        return self._connection

    def _connect(self) -> None:
        secrets = {name: secret.reveal() for name, secret in self._secrets.items()}
        self._connection = LeashedConnection.connect(make_conninfo("", **{**self._parameters, **secrets}), autocommit=True)
        try:
            self._prepare(self._connection)
        except BaseException:
            self._drop()
            raise

    def _prepare(self, db: LeashedConnection) -> None:
        fsync, synchronous_commit, is_standby = _row(db, _LOOK, (_milliseconds(self._lock_timeout),))[:3]
        if is_standby:
            raise StoreError(f"{self._name} is a standby: the ledger must be written to")
        if fsync != "on":
            raise StoreError(f"{self._name}: `fsync` is {fsync}: a commit would not survive a power failure")
        if synchronous_commit == "off":
            raise StoreError(
                f"{self._name}: `synchronous_commit` is off: a commit would be reported before it is durable. "
                "Set it to on for this role (ALTER ROLE ... SET synchronous_commit = on)"
            )
        self._limits = self._limits._replace(synchronous_commit=synchronous_commit)
        with db.transaction():
            # Two that begin at the same time would both find nothing, and both make it.
            db.execute("SELECT pg_advisory_xact_lock(%s)", (advisory_key("tables", self._schema),))
            if not _row(db, self._sql.has_schema)[0]:
                db.execute(self._sql.make_schema)
            found = _row(db, self._sql.version)[0] if _row(db, self._sql.exists)[0] else 0
            if found > SCHEMA_VERSION:
                raise StoreError(f"{self._name} was written by a newer pushwire (schema {found}, known: {SCHEMA_VERSION})")
            for statement in itertools.chain.from_iterable(self._sql.steps[found:]):
                db.execute(statement)
            if found < SCHEMA_VERSION:
                db.execute(self._sql.set_version if found else self._sql.first_version, (SCHEMA_VERSION,))

    @contextlib.contextmanager
    def _explained(self) -> Generator[None]:
        """Say with a `StoreError` which database it was that failed, and never a password."""
        try:
            yield
        except (psycopg.Error, ValueError) as error:  # the latter: text that no database can hold, or that somebody edited there
            raise self._error(error) from self._shown(error)

    def _error(self, error: Exception) -> StoreError:
        return StoreError(f"{self._name}: {self._redact(str(error).strip())}")

    def _shown(self, error: Exception) -> Exception | None:
        """The error, where it may be shown."""
        return error if self._redact(str(error)) == str(error) else None

    # Namespaces

    def load(self, namespace: str, resends: Resends) -> Restored:
        """Own a namespace, which is made if it is new, and say what is known of it. Raises `StoreError`."""
        with self._explained():
            db = self._alive()
            if namespace in self._owned:
                self._hold(namespace)
                self._owned[namespace] = self._owned[namespace]._replace(resends=resends)
                return self._restore(db, self._owned[namespace])
            self._lock(db, namespace, patiently=True)
            try:
                with db.transaction():
                    number, owner = _row(db, self._sql.own, (namespace,))
                    owned = Owned(number, owner, resends)
                    restored = self._restore(db, owned)
            except BaseException:
                self.leave(namespace)
                raise
            self._owned[namespace] = owned
            self._held.add(namespace)
            return restored

    def leave(self, namespace: str) -> None:
        """Others may have it now. Never raises."""
        self._owned.pop(namespace, None)
        self._held.discard(namespace)
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connection.execute("SELECT pg_advisory_unlock(%s)", (self._key(namespace),))

    def _key(self, namespace: str) -> int:
        return advisory_key("namespace", self._schema, namespace)

    def _lock(self, db: LeashedConnection, namespace: str, *, patiently: bool) -> None:
        """Raises `StoreError` where others have it; `patiently`: for more than a moment."""
        # An earlier connection of ours, lost or not closed, may just be about to end.
        patience = min(LOCK_WITHIN, self._lock_timeout) if patiently else 0.0
        try:
            with db.transaction():
                if not _row(db, "SELECT pg_try_advisory_lock(%s)", (self._key(namespace),))[0]:
                    db.execute("SELECT set_config('lock_timeout', %s, true)", (_milliseconds(patience),))
                    db.execute("SELECT pg_advisory_lock(%s)", (self._key(namespace),))
        except psycopg.errors.LockNotAvailable:
            who = "another process, or another store of this one"
            raise StoreError(f"{self._name}: the ledger of {namespace!r} is held by {who}") from None

    def _hold(self, namespace: str, *, patiently: bool = False) -> None:
        """Get the lock of a namespace that was ours, where this connection does not hold it yet. Raises `StoreError`."""
        if namespace in self._held:
            return
        db = self._connected()
        if namespace in self._held:
            return
        self._lock(db, namespace, patiently=patiently)
        owned = self._owned[namespace]
        if _row(db, self._sql.look, (owned.id,))[0] != owned.owner:
            db.execute("SELECT pg_advisory_unlock(%s)", (self._key(namespace),))
            raise self._taken(namespace)
        self._held.add(namespace)

    def _taken(self, namespace: str) -> StoreError:
        return StoreError(
            f"{self._name}: another process has had the ledger of {namespace!r} while the connection was lost: "
            "what is known of it here is out of date, connect anew"
        )

    def _restore(self, db: LeashedConnection, owned: Owned) -> Restored:
        mark, finishes = _row(db, self._sql.look, (owned.id,))[1:3]
        # What callers' own transactions have finished, without coming back to say so.
        adopted = db.execute(self._sql.adopt, (owned.id, finishes)).rowcount
        db.execute(self._sql.adopted, (adopted, owned.id))
        db.execute(self._sql.held_late, (owned.id,))
        rows = (db.execute(statement, (owned.id,)).fetchall() for statement in (self._sql.finished, self._sql.delivered))
        finished, delivered = ({identity_of(key, version): at for key, version, at in found} for found in rows)
        rest = db.execute(self._sql.held, (owned.id,)).fetchall()
        held = {identity_of(key, version): Held(at, size) for key, version, at, size in rest}
        if held:
            self._holding.add(owned.id)
        return Restored(finished, delivered, mark, held)

    def payloads(self, namespace: str, identities: Sequence[Identity]) -> Loaded:
        """What is held of these. Raises `StoreError`."""
        with self._explained():
            digests = [digest(identity) for identity in identities]
            rows = self._alive().execute(self._sql.payloads, (self._owned[namespace].id, digests)).fetchall()
            return Loaded({identity_of(key, version): _text(raw) for key, version, raw in rows})

    # What was set aside

    def parked(self, namespace: str | None) -> list[Record]:
        """What was set aside, oldest first. Raises `StoreError`."""
        with self._explained():
            rows = self._alive().execute(self._sql.parked, (namespace,)).fetchall()
            return [
                Record("parked", identity_of(key, version), at, _text(note), _text(raw)) for key, version, at, note, raw in rows
            ]

    def discard_parked(self, identities: Sequence[Identity], namespace: str | None) -> int:
        """Delete what was set aside under these. Returns how many rows went. Raises `StoreError`."""
        with self._explained():
            digests = [digest(identity) for identity in identities]
            return self._alive().execute(self._sql.discard_parked, (digests, namespace)).rowcount

    # Transactions

    def commit(self, batches: Sequence[PostgresBatch]) -> list[Committed | StoreError]:
        """Store all batches in one transaction. Raises `StoreError` where it did not happen, or that cannot be known."""
        refused: dict[str, StoreError] = {}
        spoilt: dict[Booking, BaseException] = {}
        stale = False
        while True:
            ours = self._ready(batches, refused)
            try:
                results = iter(self._attempt(ours, spoilt)) if ours else iter(())
            except _Stale as found:
                if stale:
                    raise self._error(found.error) from self._shown(found.error)
                stale = True
            except Fenced as fenced:
                refused.update((namespace, self._taken(namespace)) for namespace in fenced.namespaces)
            except Spoilt as loss:
                # The neighbours begin anew, without it: their bookings run once more, the first time having left no trace.
                spoilt[loss.booking] = loss.error
            except _Refused as refusal:
                bookings = [(batch.namespace, write.ticket) for batch in ours for write in batch.writes]
                if len(bookings) > 1:
                    return [refused.get(batch.namespace) or self._one_by_one(batch) for batch in batches]
                ((namespace, ticket),) = bookings or ((ours[0].namespace, None),)
                if ticket is None or (namespace, ticket) in spoilt:
                    raise self._error(refusal.error) from self._shown(refusal.error)
                spoilt[namespace, ticket] = refusal.error
            else:
                return [refused.get(batch.namespace) or next(results) for batch in batches]

    def _ready(self, batches: Sequence[PostgresBatch], refused: dict[str, StoreError]) -> list[PostgresBatch]:
        """Connect if need be. Returns those whose namespaces are ours, and says in `refused` what is the matter with others."""
        with self._explained():
            self._connected()
            for namespace in {batch.namespace for batch in batches} - self._held - refused.keys():
                try:
                    self._hold(namespace)
                except StoreError as error:
                    refused[namespace] = error
        return [batch for batch in batches if batch.namespace not in refused]

    def _attempt(self, batches: Sequence[PostgresBatch], spoilt: Mapping[Booking, BaseException]) -> list[Committed]:
        db = self._connected()
        transaction = Transaction(db, self._sql, batches, self._owned, spoilt, self._holding)
        try:
            try:
                transaction.begin()
            except psycopg.OperationalError as error:
                raise (_Stale(error) if db.closed else error) from None
            results = transaction.store(self._limits)
        except psycopg.Error as error:
            self._roll_back(db)
            raise self._error(error) from self._shown(error)
        except BaseException:
            self._roll_back(db)
            raise
        try:
            db.execute("COMMIT")
        except psycopg.Error as error:
            if not db.closed:
                # Something that a booking left to be checked in the end. Nothing was stored; but whose was it?
                raise _Refused(error) from None
            self._after_lost_commit(batches[0].namespace, transaction, error)
        return results

    def _roll_back(self, db: LeashedConnection) -> None:
        if db.info.transaction_status is not TransactionStatus.IDLE:
            try:
                db.execute("ROLLBACK")
            except psycopg.Error:
                self._drop()

    def _after_lost_commit(self, namespace: str, transaction: Transaction, error: psycopg.Error) -> None:
        """The connection went while it committed: ask on another one whether it happened. Returns where it did."""
        self._drop()
        try:
            with self._explained():
                # Once we have its lock, the server is done with the transaction.
                self._hold(namespace, patiently=True)
                commits = _row(self._connected(), self._sql.look, (self._owned[namespace].id,))[3]
        except StoreError as trouble:
            raise StoreError(
                f"{trouble}; whether the last commit was stored cannot be read back", outcome="unknown"
            ) from self._shown(error)
        if commits != transaction.number(namespace):
            raise self._error(error) from self._shown(error)

    def _one_by_one(self, batch: PostgresBatch) -> Committed | StoreError:
        """Each write in a transaction of its own, so that what one booking left behind fails that one alone."""
        failed: dict[Ticket, BaseException] = {}
        for place, write in enumerate(batch.writes):
            try:
                (result,) = self.commit([attrs.evolve(batch, writes=(write,))])
            except StoreError as error:
                result = error
            if isinstance(result, StoreError):
                # Those before it are stored.
                return StoreError(str(result), outcome="unknown" if place else result.outcome)
            failed.update(result.failed)
        return Committed(failed)


class _Stale(Exception):
    """The connection was lost before anything was done with it."""

    def __init__(self, error: psycopg.Error) -> None:
        super().__init__(error)
        self.error = error


class _Refused(Exception):
    """The server did not commit, for the reason `error`."""

    def __init__(self, error: psycopg.Error) -> None:
        super().__init__(error)
        self.error = error


def _row(db: LeashedConnection, query: bytes | LiteralString, parameters: Sequence[object] = ()) -> TupleRow:
    row = db.execute(query, parameters).fetchone()
    assert row is not None, "it is there"
    return row


def _milliseconds(seconds: float) -> str:
    # 0 would mean for ever.
    return str(max(1, round(seconds * 1000)))


def _text(stored: bytes) -> str:
    return stored.decode("utf-8", "surrogatepass")
