"""The ledger in PostgreSQL, beside the caller's own tables, through psycopg in one thread."""

from __future__ import annotations

import re
from typing import Final

try:
    import psycopg
except ImportError as _missing:
    raise ImportError("PostgresStore needs psycopg 3: pip install 'pushwire[postgres]'") from _missing
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from ..core.commands import Ledgered
from ..core.secrets import Secret, revealed
from ..errors import AlreadyFinished, ConfigError, LocalProtocolError
from .base import Receipt
from .postgres_leash import LeashedConnection
from .postgres_ledger import PostgresLedger
from .postgres_sql import Statements, digest, texts
from .threaded import WEEK, ThreadedStore

__all__ = ["PostgresStore"]

_SECRETS: Final = ("password", "sslpassword")
_DEFAULTS: Final[dict[str, str | int]] = {
    "application_name": "pushwire",
    # A server that is gone is found out within half a minute, also in the midst of a commit. Seconds, but for the last one.
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


class PostgresStore(ThreadedStore[psycopg.Connection[TupleRow], PostgresLedger]):
    """A `Store` in the database that `conninfo` names, as libpq understands it: a URL, or `host=... dbname=... user=...`.

    The password is a `Secret`, given as `password` or in a `conninfo` that is one as a whole; or libpq finds it by itself
    (PGPASSWORD, a password file). The tables are made in `schema` where they are missing.

    It serves any number of streams of one process. Each has a namespace, which one process at a time owns; a second one, or a
    second `PostgresStore`, gets a `StoreError`. Where the server was away, the next commit connects anew.

    Finished rows are kept for `retain_for` seconds and at most `retain_rows` of them, parked ones until you delete them.

    A booking gets the `psycopg.Connection` itself, in the store's thread and inside a savepoint of its own. It may not commit,
    roll back or close, nor set what outlives the transaction: trying to is a `LocalProtocolError` in the booking. It waits for a
    lock for `lock_timeout` seconds at most. Where a booking ends the transaction all the same, or leaves something to be checked
    at its end (`DEFERRABLE INITIALLY DEFERRED`) for which the COMMIT is refused, that booking fails, and the others of the
    transaction run once more, the first time undone.
    """

    def __init__(
        self,
        conninfo: str | Secret = "",
        *,
        password: Secret | None = None,
        schema: str = "public",
        lock_timeout: float = 10.0,
        retain_for: float = WEEK,
        retain_rows: int = 1_000_000,
    ) -> None:
        parameters, secrets = _parsed(conninfo, password)
        if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]{0,62}", schema):
            raise ConfigError(["schema: must be a plain name"])
        shown = {name: value for name, value in parameters.items() if name in ("host", "port", "dbname", "user")}
        self._shown = repr(make_conninfo("", **shown))
        self._parameters = _DEFAULTS | parameters
        self._secrets = secrets
        self._schema = schema
        self._lock_timeout = lock_timeout
        self._retain_for = retain_for
        self._retain_rows = retain_rows
        self._finish = Statements(schema).finish
        super().__init__(f"PostgreSQL {self._shown}", "pushwire postgres")

    def __repr__(self) -> str:
        return f"PostgresStore({self._shown})"

    def finish(self, connection: psycopg.Connection[object], *events: Ledgered, namespace: str | None = None) -> Receipt:
        """Mark deliveries as finished in your own transaction, on any connection to the database and in any thread; hand the
        receipt to `stream.ack` when you have committed.

        It waits where another transaction is finishing one of them. `namespace` is that of the stream's config, needed where
        several streams use the store. Raises `AlreadyFinished` where one of them was finished before: your transaction is then
        lost, as after any statement that failed. Raises `LocalProtocolError` outside a transaction and inside a booking, and what
        psycopg raises.
        """
        name = self._only_namespace(namespace)
        if isinstance(connection, LeashedConnection):
            raise LocalProtocolError("a booking finishes its events by itself: `finish` is for transactions of your own")
        if connection.autocommit and connection.info.transaction_status is TransactionStatus.IDLE:
            raise LocalProtocolError("`finish` belongs inside a transaction: on its own, it would be committed at once")
        identities = tuple(event.identity for event in events)
        # In one order everywhere: transactions that meet on several rows wait for one another, never in a circle.
        rows = sorted({(digest(identity), *texts(identity)) for identity in identities})
        columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], []]
        cursor = psycopg.Cursor(connection)
        try:
            cursor.execute(self._finish, (*columns, name))
        except psycopg.errors.UniqueViolation as error:
            keys = ", ".join(str(identity.key) for identity in identities)
            raise AlreadyFinished(f"of {keys}, one is finished already, by an earlier transaction") from error
        if cursor.rowcount != len(rows):
            raise LocalProtocolError(f"this connection is to another database: it has no ledger of {name!r}")
        return Receipt(name, identities)

    def _make(self) -> PostgresLedger:
        return PostgresLedger(
            self._name,
            self._parameters,
            self._secrets,
            self._schema,
            self._lock_timeout,
            self._retain_for,
            self._retain_rows,
        )


def _parsed(conninfo: str | Secret, password: Secret | None) -> tuple[dict[str, str | int], dict[str, Secret]]:
    """What libpq gets, and what of it is secret. Raises `ConfigError`, which shows nothing of it."""
    try:
        found = conninfo_to_dict(revealed(conninfo))
    except psycopg.Error:
        # libpq quotes what it could not read.
        raise ConfigError(["conninfo: libpq cannot read it"]) from None
    secrets = {name: Secret(str(found.pop(name))) for name in _SECRETS if found.get(name)}
    if secrets and isinstance(conninfo, str):
        raise ConfigError(["conninfo: holds a password; give it as `password`, a Secret, or make all of conninfo a Secret"])
    if password is not None:
        secrets["password"] = password
    return {name: value for name, value in found.items() if value is not None}, secrets
