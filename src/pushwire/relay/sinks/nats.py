"""A stream of NATS JetStream as a sink: for any number of relays at a time, also of the same streams.

What lives here: what the caller says, and what is checked whenever it is opened. `nats_write` writes.
"""

from __future__ import annotations

import re
import ssl
import string
from collections.abc import Collection, Iterator, Sequence
from typing import Final
from urllib.parse import urlsplit

import trio

from ...core.config import count, http_url, seconds
from ...errors import ConfigError
from ..entries import Answer, Entry
from .base import Quarantined, SinkError
from .nats_api import create, stream_info, walk
from .nats_connection import NatsConnection
from .nats_login import Login
from .nats_message import quarantined
from .nats_monitor import read_syncing
from .nats_stream import ACCEPTED, STRONG, StreamInfo, Wanted, refusable
from .nats_write import Target, write

__all__ = ["NatsSink"]

CONNECT_WITHIN: Final = 10.0
"""Seconds for one server, until it has taken the login."""
WINDOW: Final = 3600.0
"""Seconds for which what was sent is known again at least: so long may an outage last, with something under way."""
_PLACES: Final = {"stream", "provider", "kind"}


class NatsSink:
    """A `Sink` in the stream `stream` of the servers at `servers`, tried one after the other: `nats://HOST[:PORT]`, or `tls://`
    where nothing may be told a server without TLS.

    An entry is published under `subject`, in which `{stream}`, `{provider}` and `{kind}` stand for its own. Its key is the
    message's id: it is stored once within the stream's duplicate window, whichever relay brings it. One with another payload
    under an id that is known goes to the stream `<stream>_quarantine`. Entries without a key are stored as they come.

    Both streams are made where they are missing, if `create` is set, with `replicas` replicas, and are checked whenever the
    sink is opened. `window` is the seconds that their duplicate window must have at least; it is never less than `horizon`, the
    seconds within which a provider sends the same again. `monitors` are the URLs of the servers' monitoring ports, where it
    shows whether they sync each message to the disk. `accept` names weaker promises that will do (`nats_stream.ACCEPTED`).

    What a server or the stream will never take, since it is too large, is refused. Raises `ConfigError` naming all that is wrong.
    """

    def __init__(
        self,
        servers: Sequence[str],
        stream: str,
        *,
        subject: str = "pushwire.{stream}",
        create: bool = False,
        replicas: int = STRONG,
        window: float = WINDOW,
        horizon: float = 0.0,
        monitors: Sequence[str] = (),
        accept: Collection[str] = (),
        login: Login | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        problems = [*_server_problems(servers), *_subject_problems(subject), *_accept_problems(accept)]
        if not re.fullmatch("[A-Za-z0-9_-]{1,200}", stream):
            problems.append("stream: must be a name of letters, digits, _ and -")
        problems += (f"monitor: {problem}" for problem in map(http_url, monitors) if problem is not None)
        for name, problem in (("replicas", count(replicas)), ("window", seconds(window))):
            if problem is not None:
                problems.append(f"{name}: {problem}")
            elif name == "replicas" and replicas < STRONG and "fewer-replicas" not in accept:
                problems.append(f"replicas: must be {STRONG} at least, or {refusable('fewer-replicas')}")
        if not monitors and "page-cache" not in accept:
            problems.append(
                "monitor: is needed, for each server, to see that it syncs each message to the disk (sync_interval: always), "
                f"or {refusable('page-cache')}"
            )
        if problems:
            raise ConfigError(problems)
        self._servers = list(servers)
        self._create = create
        self._monitors = monitors
        self._accept = frozenset(accept)
        self._login = login or Login()
        self._tls = tls
        needed = max(window, horizon)
        aside = f"{stream}_quarantine"
        self._main = Wanted(name=stream, subject=_pattern(subject), replicas=replicas, window=needed, accepted=self._accept)
        self._aside = Wanted(
            name=aside, subject=f"pushwire_quarantine.{stream}", replicas=replicas, window=needed, accepted=self._accept
        )
        self._subject = subject
        self._connection: NatsConnection | None = None
        self._target: Target | None = None
        self._promises: list[str] = []

    def __repr__(self) -> str:
        return f"NatsSink({', '.join(self._servers)}, {self._main.name!r})"

    async def open(self) -> None:
        connection = await self._connect()
        try:
            await self._look(connection)
        except BaseException:
            await connection.aclose()
            raise
        self._connection = connection

    async def write(self, batch: Sequence[Entry]) -> Sequence[Answer]:
        connection = self._running()
        assert self._target is not None, "it is open"
        return await write(connection, self._target, batch)

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        # What was wrong may have been this server's fault alone.
        self._servers = [*self._servers[1:], *self._servers[:1]]
        if connection is not None:
            await connection.aclose()

    async def check(self) -> Sequence[str]:
        connection = self._running()
        await self._look(connection)
        return [f"{connection.name}: {line}" for line in self._promises]

    async def quarantine(self) -> list[Quarantined]:
        """What was set aside, oldest first; also while relays write."""
        return [quarantined(message) for message in await walk(self._running(), self._aside.name)]

    def _running(self) -> NatsConnection:
        if self._connection is None:
            raise SinkError(f"{self!r} is not open")
        return self._connection

    async def _connect(self) -> NatsConnection:
        reasons: list[str] = []
        for url in self._servers:
            with trio.move_on_after(CONNECT_WITHIN):
                try:
                    return await NatsConnection.open(url, self._login, self._tls)
                except SinkError as error:
                    reasons.append(str(error))
                    continue
            reasons.append(f"{url}: not connected within {CONNECT_WITHIN:g} s")
        raise SinkError("; ".join(reasons))

    # What it must be

    async def _look(self, connection: NatsConnection) -> None:
        """Look whether what is stored stays. Raises one `SinkError` for all that is wrong."""
        problems: list[str] = []
        promises: list[str] = []
        infos: list[StreamInfo] = []
        for wanted in (self._main, self._aside):
            info = await stream_info(connection, wanted.name)
            if info is None and self._create:
                info = await create(connection, wanted.creation())
            if info is None:
                problems.append(f"there is no stream {wanted.name} (create = true makes it)")
                continue
            infos.append(info)
            problems += (f"stream {wanted.name}: {problem}" for problem in wanted.problems(info.config))
            promises += wanted.promises(info)
        problems += await self._syncing(connection, infos, promises)
        if problems:
            raise SinkError(f"{connection.name}: {'; '.join(problems)}")
        self._promises = [*promises, *(f"accepted: {ACCEPTED[name]}" for name in sorted(self._accept))]
        direct = infos[0].config.allow_direct
        self._target = Target(self._main.name, self._subject, self._aside.name, self._aside.subject, direct)

    async def _syncing(self, connection: NatsConnection, infos: Sequence[StreamInfo], promises: list[str]) -> list[str]:
        found, problems = await read_syncing(self._monitors, self._tls)
        servers = {name for info in infos for name in info.servers(connection.info.server_name)}
        unseen = sorted(servers - found.keys())
        loose = sorted(name for name in servers & found.keys() if not found[name])
        # One that is down, its monitor with it, must not stop the others, who are enough for a PubAck.
        enough = 2 * len(unseen) < len(servers) and len(problems) >= len(unseen)
        if enough and not loose:
            promises.append("sync_interval is always: it is on the disk before the PubAck")
            promises += (f"that could not be seen of server {name}, which is not there: {'; '.join(problems)}" for name in unseen)
            return []
        if "page-cache" in self._accept:
            promises.append("it is not certain that it is on the disk before the PubAck (sync_interval: always)")
            return []
        problems = [f"monitor: {problem}" for problem in problems]
        problems += (f"server {name}: sync_interval is not always: set it, or {refusable('page-cache')}" for name in loose)
        problems += (f"server {name} holds the streams, and no monitor is its own" for name in unseen)
        return problems


def _server_problems(servers: Sequence[str]) -> Iterator[str]:
    if not servers:
        yield "servers: there must be one at least"
    for url in servers:
        try:
            parts = urlsplit(url)
            _ = parts.port
        except ValueError:
            yield "servers: must be URLs, as nats://HOST:PORT or tls://HOST:PORT"
            continue
        if parts.username is not None or parts.password is not None:
            yield "servers: must hold no user or password, which must come from elsewhere"
        elif (
            parts.scheme not in ("nats", "tls")
            or not parts.hostname
            or parts.path not in ("", "/")
            or parts.query
            or parts.fragment
        ):
            yield "servers: must be URLs, as nats://HOST:PORT or tls://HOST:PORT"


def _subject_problems(subject: str) -> Iterator[str]:
    try:
        parts = list(string.Formatter().parse(subject))
    except ValueError:
        parts = [("", "", None, None)]
    places = {name for _, name, _, _ in parts if name is not None}
    if not places <= _PLACES or any(form or conversion for _, _, form, conversion in parts):
        yield "subject: may hold {stream}, {provider} and {kind}, and no other braces"
    elif not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", subject.format(stream="x", provider="x", kind="x")):
        yield "subject: must be words of letters, digits, _ and - with dots between them"


def _accept_problems(accept: Collection[str]) -> Iterator[str]:
    for name in accept:
        if name not in ACCEPTED:
            yield f"accept: there is no {name!r}; there are: {', '.join(ACCEPTED)}"


def _pattern(subject: str) -> str:
    """What takes every subject that is made from it."""
    return ".".join("*" if "{" in word else word for word in subject.split("."))
