"""One connection to a NATS server: questions out, each answered, or the connection is lost.

What lives here: the socket, and the task that reads and writes it. Nobody else writes, so whoever is cancelled leaves no half
of a frame behind. Nothing is sent twice and nothing is dialled again: that is the relay's to decide.
"""

from __future__ import annotations

import itertools
import secrets
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from urllib.parse import urlsplit

import attrs
import trio

from ...core.secrets import Redactor
from ...shell.dialer import Dialer, explain, start_tls
from ...shell.transport import DialFailed
from .base import SinkError
from .nats_login import Login
from .nats_wire import Command, Info, Message, Received, ServerError, Signal, WireReader, connect, publish, subscribe

__all__ = ["NatsConnection"]

DEFAULT_PORT: Final = 4222
READ: Final = 1 << 16
"""Bytes."""
PING_EVERY: Final = 10.0
"""Seconds of silence after which the server is asked whether it is there, and then to its answer."""
IN_FLIGHT: Final = 2_000
"""Questions that wait for their answers at a time: a stream refuses more than 10,000."""


@attrs.define(eq=False)
class _Batch:
    """Questions asked together. `missing` is how many are not answered."""

    answers: list[Message | None]
    missing: int
    done: trio.Event = attrs.field(factory=trio.Event)


class NatsConnection:
    """A connection that is up, from `open` to `aclose` or until it is lost."""

    def __init__(self, name: str, stream: trio.abc.Stream, reader: WireReader, info: Info, said: Sequence[Received] = ()) -> None:
        self.name = name
        self.info: Info = info
        self.lost: str | None = None
        """Why it is no longer up."""
        self._stream = stream
        self._reader = reader
        self._said = said
        # A server says what it knows of subscriptions: nobody must guess this one.
        self._inbox = f"_INBOX.{secrets.token_hex(12)}."
        self._tokens = itertools.count()
        self._waiting: dict[str, tuple[_Batch, int]] = {}
        self._batches: set[_Batch] = set()
        self._room = trio.lowlevel.ParkingLot()
        self._out = bytearray(subscribe(f"{self._inbox}*"))
        self._more = trio.Event()
        self._heard = trio.current_time()
        self._scope = trio.CancelScope()
        self._ended = trio.Event()
        trio.lowlevel.spawn_system_task(self._run)

    @classmethod
    async def open(cls, url: str, login: Login, tls: ssl.SSLContext | None) -> NatsConnection:
        """Connect and log in. Raises `SinkError`, which holds no secret; when it fails or is cancelled, no socket is left."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or DEFAULT_PORT
        name = f"NATS {host}:{port}"
        dialer = Dialer(tls=tls)
        try:
            stream = await dialer.open_tcp(host, port)
        except DialFailed as error:
            raise SinkError(f"{name}: {error.close.reason}") from None
        hello = _Hello(stream)
        try:
            info = await hello.next()
            if not isinstance(info, Info):
                raise SinkError("this is no NATS server")
            if parts.scheme == "tls" or info.tls_required:
                if not (info.tls_required or info.tls_available):
                    raise SinkError("it offers no TLS")
                if hello.more:
                    raise SinkError("it sent more before TLS than it may")
                stream = hello.stream = await start_tls(stream, dialer.tls, host)
            await _log_in(hello, login, info)
        except BaseException as error:
            await trio.aclose_forcefully(stream)
            reason = _reason(error)
            if reason is None:
                raise
            raise SinkError(Redactor(login.secrets)(f"{name}: {reason}")) from None
        return cls(name, stream, hello.reader, info, hello.said)

    async def ask(self, commands: Sequence[Command]) -> list[Message | None]:
        """Send them all, and return what each was answered, in order; None where the connection was lost before.

        Raises `SinkError` where none was answered.
        """
        answers: list[Message | None] = []
        for start in range(0, len(commands), IN_FLIGHT):
            answers += await self._ask(commands[start : start + IN_FLIGHT])
        if commands and answers.count(None) == len(answers):
            raise SinkError(f"{self.name}: {self.lost}")
        return answers

    async def _ask(self, commands: Sequence[Command]) -> Sequence[Message | None]:
        while len(self._waiting) + len(commands) > IN_FLIGHT and self._waiting:
            await self._room.park()
        if self.lost is not None:
            return [None] * len(commands)
        batch = _Batch([None] * len(commands), len(commands))
        tokens = [f"{self._inbox}{next(self._tokens)}" for _ in commands]
        self._batches.add(batch)
        for place, (token, command) in enumerate(zip(tokens, commands, strict=True)):
            self._waiting[token] = batch, place
            self._out += publish(command, token)
        self._more.set()
        try:
            await batch.done.wait()
        finally:
            self._batches.discard(batch)
            for token in tokens:
                self._waiting.pop(token, None)
            self._room.unpark_all()
        return batch.answers

    async def aclose(self) -> None:
        """Hang up, at once. Harmless when it is lost, and when cancelled it is done all the same."""
        self._lose("it was closed")
        with trio.CancelScope(shield=True):
            await self._ended.wait()

    # The task

    async def _run(self) -> None:
        with self._scope:
            try:
                async with trio.open_nursery() as nursery:
                    for part in (self._read, self._write, self._watch):
                        nursery.start_soon(self._guarded, part)
            finally:
                await trio.aclose_forcefully(self._stream)
        self._lose("it was given up")
        self._ended.set()

    async def _guarded(self, part: Callable[[], Awaitable[None]]) -> None:
        try:
            await part()
        except Exception as error:  # noqa: BLE001 - whatever it is, the connection cannot be used any more
            self._lose(_reason(error) or type(error).__name__)

    def _lose(self, reason: str) -> None:
        if self.lost is None:
            self.lost = reason
            for batch in self._batches:
                batch.done.set()
            self._room.unpark_all()
        self._scope.cancel()

    async def _read(self) -> None:
        for item in self._said:
            self._take(item)
        while True:
            data = await self._stream.receive_some(READ)
            if not data:
                raise SinkError("it hung up")
            self._heard = trio.current_time()
            for item in self._reader.receive(bytes(data)):
                self._take(item)

    def _take(self, item: Received) -> None:
        if isinstance(item, Message):
            batch, place = self._waiting.pop(item.subject, (None, 0))
            if batch is None:
                return  # whoever asked was cancelled
            batch.answers[place] = item
            batch.missing -= 1
            if not batch.missing:
                batch.done.set()
        elif isinstance(item, ServerError):
            # Some leave the connection open, and the question unanswered for ever.
            raise SinkError(item.text)
        elif isinstance(item, Info):
            self.info = item
        elif item.name == "PING":
            self._send(b"PONG\r\n")

    async def _write(self) -> None:
        while True:
            out, self._out = self._out, bytearray()
            if out:
                await self._stream.send_all(out)
            if not self._out:
                await self._more.wait()
            self._more = trio.Event()

    def _send(self, data: bytes) -> None:
        self._out += data
        self._more.set()

    async def _watch(self) -> None:
        """Find out that the server is gone, where nothing else would say so."""
        while True:
            await trio.sleep_until(self._heard + PING_EVERY)
            heard = self._heard
            if trio.current_time() < heard + PING_EVERY:
                continue
            self._send(b"PING\r\n")
            await trio.sleep(PING_EVERY)
            if self._heard == heard:
                raise SinkError("it does not answer")


@attrs.define
class _Hello:
    """What a server says before anybody else reads it, one value at a time."""

    stream: trio.abc.Stream
    reader: WireReader = attrs.field(factory=WireReader)
    said: deque[Received] = attrs.field(factory=deque[Received])

    @property
    def more(self) -> bool:
        """Whether it said more than was asked for."""
        return bool(self.said) or self.reader.pending

    async def next(self) -> Received:
        while not self.said:
            data = await self.stream.receive_some(READ)
            if not data:
                raise SinkError("it hung up")
            self.said.extend(self.reader.receive(bytes(data)))
        item = self.said.popleft()
        if isinstance(item, ServerError):
            raise SinkError(item.text)
        return item


async def _log_in(hello: _Hello, login: Login, info: Info) -> None:
    if not info.headers:
        raise SinkError(f"version {info.version} knows no headers")
    ours: dict[str, object] = {
        "verbose": False,
        "pedantic": False,
        "echo": False,
        "lang": "python",
        "version": "pushwire",
        "name": "pushwire relay",
        "protocol": 1,
        "headers": True,
        "no_responders": True,
    }
    await hello.stream.send_all(connect({**ours, **login.fields(info.nonce)}) + b"PING\r\n")
    while await hello.next() != Signal("PONG"):
        pass


def _reason(error: BaseException) -> str | None:
    """Why the connection is lost, in words that hold no secret; None: it is not the connection's failure."""
    if isinstance(error, SinkError):
        return str(error)
    if isinstance(error, DialFailed):
        return error.close.reason
    if isinstance(error, OSError | trio.BrokenResourceError):
        return explain(error)
    return None
