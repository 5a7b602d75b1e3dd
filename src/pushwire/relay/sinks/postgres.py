"""A PostgreSQL table as a sink: for any number of relays at a time, also of the same streams.

What lives here: what the caller says, and the thread that the connection lives in. The connection itself is `postgres_table`'s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

try:
    import psycopg
except ImportError as _missing:
    raise ImportError("PostgresSink needs psycopg 3: pip install 'pushwire[postgres]'") from _missing
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ...core.secrets import Secret
from ...errors import ConfigError
from ..entries import Answer, Entry
from .base import Quarantined
from .postgres_table import Claim, EventTable
from .thread import SinkThread, Task, run_each

__all__ = ["PostgresSink"]

_SECRETS: Final = ("password", "sslpassword")
_DEFAULTS: Final[Mapping[str, str | int]] = {
    "application_name": "pushwire relay",
    # A server that is gone is found out within half a minute, also in the midst of a commit. Seconds, but for the last one.
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
_ENCODING: Final = {"client_encoding": "UTF8"}


class PostgresSink:
    """A `Sink` in the database that `conninfo` names, as libpq understands it: a URL, or `host=... dbname=... user=...`.

    The password is given as `password`, or libpq finds it by itself (PGPASSWORD, a password file); never in `conninfo`.

    Events are in the table `pushwire_events` of `schema` (`seq, stream, provider, kind, key, at, digest, payload`), made where it
    is missing. An entry with a key is stored once, whichever relay brings it; one with another payload under a key that is there
    goes to `pushwire_events_quarantine`. Entries without a key are stored as they come.

    Within a partition `seq` grows in the order of commits: who reads on from the last `seq` he has seen of it skips nothing.
    Delete what you have used, but not before its provider has ceased to send it again: a key that is gone is a new one.

    What the database will never take is refused: text outside its encoding, a row that is too large, one that a constraint of
    your own forbids.
    """

    def __init__(self, conninfo: str = "", *, password: Secret | None = None, schema: str = "public") -> None:
        problems: list[str] = []
        found: Mapping[str, object] = {}
        try:
            found = conninfo_to_dict(conninfo)
        except psycopg.Error:
            # libpq quotes what it could not read.
            problems.append("conninfo: libpq cannot read it")
        if any(found.get(name) for name in _SECRETS):
            problems.append("conninfo: holds a password, which must come from elsewhere")
        if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]{0,62}", schema):
            problems.append("schema: must be a plain name")
        if problems:
            raise ConfigError(problems)
        given = {name: str(value) for name, value in found.items() if value is not None}
        shown = {name: value for name, value in given.items() if name in ("host", "port", "dbname", "user")}
        self._shown = repr(make_conninfo("", **shown))
        self._parameters: Mapping[str, str | int] = {**_DEFAULTS, **given, **_ENCODING}
        self._password = password
        self._schema = schema
        self._claim = Claim((), shared=True)
        self._make()

    def claim(self, streams: Sequence[str], *, shared: bool) -> None:
        """Say before `open` which streams' events it will get, and whether other relays bring them too. Unless all of them say
        so, it is open for one of them at a time: the server holds an advisory lock for each stream."""
        self._claim = Claim(tuple(streams), shared=shared)

    def _make(self) -> None:
        # What an earlier opening left behind, its thread among it, keeps what it has.
        self._table = EventTable(f"PostgreSQL {self._shown}", self._parameters, self._password, self._schema, self._claim)
        self._thread = SinkThread("pushwire postgres sink", run_each)

    def __repr__(self) -> str:
        return f"PostgresSink({self._shown})"

    async def open(self) -> None:
        self._make()
        self._thread.start()
        try:
            await self._thread.do(Task(self._table.open))
        except BaseException:
            await self.close()
            raise

    async def write(self, batch: Sequence[Entry]) -> Sequence[Answer]:
        table = self._table
        return await self._thread.do(Task(lambda: table.write(batch)))

    async def close(self) -> None:
        await self._thread.end(self._table.close)

    async def check(self) -> Sequence[str]:
        return await self._thread.do(Task(self._table.check))

    async def quarantine(self) -> list[Quarantined]:
        """What was set aside, oldest first; also while relays write."""
        return await self._thread.do(Task(self._table.quarantine))
