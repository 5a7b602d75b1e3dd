"""The second transport: the trio-websocket library, for a dial of our own or for a connection the caller has already opened.

Where it differs from the default one, by the library's nature: no compression; `max_message` counts the characters of a text
message, not its bytes; a message in fragments of a few bytes takes many times its size in memory; a peer's pings go unanswered
while more than twice `QUEUE` messages wait unread; a pong nobody asked for is not reported.
"""

from __future__ import annotations

import contextlib
import ssl
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias, cast

import attrs
import trio
import trio_websocket
import wsproto.connection
import wsproto.events
import wsproto.utilities
from websockets.headers import build_authorization_basic, build_host

from ..core.effects import Close, Dial, Handshake
from ..core.secrets import Redactor, Secret
from ..errors import LocalProtocolError
from ..wire.client import most_fragments
from ..wire.refusal import ResponseHead, printable
from ..wire.target import Target, resolve_target
from .dialer import Dialer, explain
from .transport import DialFailed, Read

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["QUEUE", "HandedOver", "TrioWebSocketConnection", "TrioWebSocketConnector", "bound_fragments"]

QUEUE: Final = 64
"""Messages that may wait in the library, and as many again here."""

_READ_SIZE: Final = 16384
"""Bytes. The library goes through all that one read has brought before anything of it can be judged."""

_NORMAL: Final = 1000
_ABNORMAL: Final = 1006
_TOO_BIG: Final = 1009

_LAST_WORDS: Final = 1.0
"""Seconds that a close frame of ours has to leave a connection whose peer broke the protocol."""

_CLOSED: Final = (trio_websocket.ConnectionClosed, wsproto.utilities.LocalProtocolError)
"""The second comes when the library has received the peer's close frame, and not looked at it yet."""

Sent: TypeAlias = str | bytes | Close
"""What waits to be sent: a message, a ping's payload, or the close frame."""


class TrioWebSocketConnector:
    """Opens connections through trio-websocket; the settings are those of `WebSocketConnector`."""

    def __init__(
        self, *, tls: ssl.SSLContext | None = None, proxy: str | Secret | None = None, proxy_tls: ssl.SSLContext | None = None
    ) -> None:
        self._dialer = Dialer(tls=tls, proxy=proxy, proxy_tls=proxy_tls)

    async def dial(self, dial: Dial, nursery: trio.Nursery) -> TrioWebSocketConnection:
        """Open a connection, handshake included; its tasks live in `nursery` and end with `aclose`. Raises `DialFailed`."""
        try:
            target = resolve_target(dial)
        except LocalProtocolError as error:
            raise DialFailed(Close(reason=str(error), by="us")) from None
        connection: TrioWebSocketConnection = await nursery.start(self._host, dial, target)
        return connection

    async def _host(self, dial: Dial, target: Target, task_status: trio.TaskStatus[TrioWebSocketConnection]) -> None:
        """Hold the library's tasks, and the socket, from the dial to `aclose`."""
        stream = _Watched(await self._dialer.open(target.uri), target.redact)
        connection: TrioWebSocketConnection | None = None
        end = Close(reason="closed here", by="transport")
        try:
            async with trio.open_nursery() as own:
                stream.give_up = own.cancel_scope.cancel
                websocket = await _wrap(own, stream, dial, target)
                stream.opened = True
                stream.before_read = partial(bound_fragments, websocket)
                connection = TrioWebSocketConnection(websocket, own, target.redact, stream.drop)
                task_status.started(connection)
                await trio.sleep_forever()
        except* Exception as errors:  # noqa: BLE001 - whatever the library's reader raises, it must not end the session
            end = Close(reason=f"WebSocket protocol failed: {explain(errors)}", by="transport")
        finally:
            await stream.drop()
        if connection is None:
            raise DialFailed(stream.failure or Close(reason="handshake: not a valid WebSocket response", by="transport"))
        connection.end(end)


class HandedOver:
    """A connection that the caller has opened with trio-websocket, for one dial; it is closed with it.

    The dial's URL, headers and limits play no part: they were the caller's to set. A second dial fails.
    """

    def __init__(self, connection: trio_websocket.WebSocketConnection) -> None:
        self._websocket: trio_websocket.WebSocketConnection | None = connection

    async def dial(self, dial: Dial, nursery: trio.Nursery) -> TrioWebSocketConnection:
        """Take the connection. Raises `DialFailed` when it has been taken, or is closed."""
        websocket, self._websocket = self._websocket, None
        if websocket is None:
            raise DialFailed(Close(reason="a connection that was handed over serves one dial only", by="us"))
        if websocket.closed is not None:
            raise DialFailed(Close(reason="the connection that was handed over is closed", by="us"))
        connection: TrioWebSocketConnection = await nursery.start(self._host, websocket)
        return connection

    async def _host(
        self, websocket: trio_websocket.WebSocketConnection, task_status: trio.TaskStatus[TrioWebSocketConnection]
    ) -> None:
        async def drop() -> None:
            # The library's own `aclose` waits for the peer, and leaves the socket open where the peer closed first.
            await trio.aclose_forcefully(websocket._stream)  # pyright: ignore[reportPrivateUsage] - hence this

        try:
            async with trio.open_nursery() as own:
                task_status.started(TrioWebSocketConnection(websocket, own, Redactor(), drop))
                await trio.sleep_forever()
        finally:
            await drop()


class TrioWebSocketConnection:
    """An open connection; see `transport.Connection`."""

    def __init__(
        self,
        websocket: trio_websocket.WebSocketConnection,
        own: trio.Nursery,
        redact: Redactor,
        drop: Callable[[], Awaitable[None]],
    ) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in websocket.handshake_headers}
        self.handshake: Final = Handshake(101, headers, websocket.subprotocol)
        self._websocket = websocket
        self._own = own
        self._redact = redact
        self._drop = drop
        self._messages: deque[str | bytes] = deque()
        self._pongs: list[bytes] = []
        self._close: Close | None = None
        self._hangup: Close | None = None
        self._outbox: list[Sent] = []
        self._writing = trio.Lock()
        self._arrived = trio.lowlevel.ParkingLot()
        self._room = trio.lowlevel.ParkingLot()
        own.start_soon(self._pump)

    async def read(self) -> Read:
        """Wait for messages, and take all that have arrived."""
        while not (self._messages or self._pongs or self._close):
            await self._arrived.park()
        read = Read(tuple(self._messages), tuple(self._pongs), self._close)
        self._messages.clear()
        self._pongs.clear()
        self._room.unpark_all()
        return read

    def send_text(self, *texts: str) -> None:
        """Buffer messages."""
        for text in texts:
            self._buffer(text)

    def send_ping(self, payload: bytes) -> None:
        """Buffer a ping."""
        self._buffer(payload)

    def send_close(self, code: int, reason: str) -> None:
        """Buffer the start of the closing handshake. What arrives after it is discarded by the library."""
        close = Close(code=code, reason=reason, by="us")
        self._buffer(close)
        self._hangup = self._hangup or close

    async def flush(self) -> None:
        """Write what is buffered."""
        async with self._writing:
            outbox, self._outbox = self._outbox, []
            try:
                for item in outbox:
                    await self._send(item)
            except _CLOSED:
                pass  # `read` says so
            except BaseException:
                # Nobody knows where in a frame the write stopped.
                self.end(Close(reason="write: cut short", by="transport"))
                raise

    async def aclose(self) -> None:
        """Drop the connection at once, and its tasks."""
        self.end(Close(reason="closed here", by="transport"))
        self._own.cancel_scope.cancel()
        await self._drop()

    def end(self, close: Close) -> None:
        """Report `close` to the reader, unless it has a reason already."""
        if self._close is None:
            self._close = attrs.evolve(close, reason=self._redact(close.reason))
            self._arrived.unpark_all()

    def _buffer(self, item: Sent) -> None:
        if self._hangup is None and self._close is None:
            self._outbox.append(item)

    async def _send(self, item: Sent) -> None:
        if self._close is not None:
            return
        if isinstance(item, str):
            await self._websocket.send_message(item)
        elif isinstance(item, bytes):
            self._own.start_soon(self._ping, item)  # waits for the pong, too
        else:
            self._own.start_soon(self._websocket.aclose, item.code or _NORMAL, item.reason)  # waits for the answer, too

    async def _ping(self, payload: bytes) -> None:
        try:
            await self._websocket.ping(payload)
        except (*_CLOSED, ValueError):
            return  # closed, or the same payload is under way already
        self._pongs.append(payload)
        self._arrived.unpark_all()

    async def _pump(self) -> None:
        """Take messages out of the library while there is room here."""
        try:
            while True:
                self._messages.append(await self._websocket.get_message())
                self._arrived.unpark_all()
                while len(self._messages) >= QUEUE:
                    await self._room.park()
        except trio_websocket.ConnectionClosed:
            verdict = self._verdict()
            if verdict.code is not None and _broken(self._websocket):
                await self._refuse(verdict.code, verdict.reason)
                verdict = attrs.evolve(verdict, by="us")
            self.end(verdict)

    async def _refuse(self, code: int, reason: str) -> None:
        """Tell a peer that broke the protocol: the library forgets to."""
        self._websocket._reader_running = False  # pyright: ignore[reportPrivateUsage] - or it answers what comes after
        frame = wsproto.events.CloseConnection(code=code, reason=reason)
        with trio.move_on_after(_LAST_WORDS), contextlib.suppress(*_CLOSED):
            await self._websocket._send(frame)  # pyright: ignore[reportPrivateUsage] - its `aclose` does nothing once it is closed

    def _verdict(self) -> Close:
        closed = self._websocket.closed
        if self._hangup is not None:
            return self._hangup
        if closed is None or closed.code == _ABNORMAL:
            return Close(reason="the peer ended the stream without a close frame", by="transport")
        reason = printable(closed.reason or "")
        # The library notes its own refusal of a big message in the same place as the peer's close frame.
        ours = closed.code == _TOO_BIG and reason.startswith("Exceeded maximum message size")
        return Close(code=int(closed.code), reason=reason, by="us" if ours else "peer")


def _broken(websocket: trio_websocket.WebSocketConnection) -> bool:
    """Whether it is closed although no close frame went either way: then the library could not read what the peer sent, and notes
    that in the place of the peer's close frame."""
    state = websocket._wsproto.state  # pyright: ignore[reportPrivateUsage] - nothing public tells
    return state is wsproto.connection.ConnectionState.OPEN


def bound_fragments(websocket: trio_websocket.WebSocketConnection) -> None:
    """To be called before each read of the library, which bounds the size of a message but not the number of its fragments: once
    there are too many, the next is over the limit, whatever its size."""
    most = websocket._max_message_size  # pyright: ignore[reportPrivateUsage] - nothing public tells
    if len(websocket._message_parts) > most_fragments(most):  # pyright: ignore[reportPrivateUsage] - nor that
        websocket._message_size = most + 1  # pyright: ignore[reportPrivateUsage]


async def _wrap(own: trio.Nursery, stream: _Watched, dial: Dial, target: Target) -> trio_websocket.WebSocketConnection:
    uri = target.uri
    headers = {"user-agent": ("User-Agent", "pushwire")}
    if uri.user_info is not None:
        headers["authorization"] = ("Authorization", build_authorization_basic(*uri.user_info))
    for name, value in target.headers:
        headers[name.lower()] = (name, value)
    _, host = headers.pop("host", ("Host", build_host(uri.host, uri.port, uri.secure)))
    return await trio_websocket.wrap_client_stream(
        own,
        cast("trio.SocketStream", stream),  # any `trio.abc.Stream` does: the annotation names the two the library opens itself
        host,
        uri.resource_name,
        subprotocols=dial.subprotocols,
        extra_headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.values()],
        message_queue_size=QUEUE,
        max_message_size=dial.max_message,
        receive_buffer_size=_READ_SIZE,
    )


class _Watched(trio.abc.Stream):
    """The stream under the library, watched until the handshake is done: the library itself waits for ever when that fails."""

    def __init__(self, stream: trio.abc.Stream, redact: Redactor) -> None:
        self._stream = stream
        self._redact = redact
        self._head = ResponseHead()
        self.give_up: Callable[[], None] = _nothing
        """Called when the handshake has failed, for the reason in `failure`."""
        self.before_read: Callable[[], None] = _nothing
        self.opened = False
        self.failure: Close | None = None

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        try:
            await self._stream.send_all(data)
        except trio.BrokenResourceError as error:
            self._fail(explain(error))
            raise

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        self.before_read()
        try:
            data = await self._stream.receive_some(max_bytes)
        except trio.BrokenResourceError as error:
            self._fail(explain(error))
            raise
        if not data:
            self._fail("the peer ended the stream")
        elif not self._head.whole:
            refusal = self._head.feed(data)
            if refusal is not None:
                self._fail("refused", attrs.evolve(refusal, reason=self._redact(refusal.reason)))
        return data

    async def aclose(self) -> None:
        """The library gives up."""
        self._fail("not a valid WebSocket response")
        await self.drop()

    async def drop(self) -> None:
        """Close the stream, now."""
        await trio.aclose_forcefully(self._stream)

    def _fail(self, reason: str, refusal: Close | None = None) -> None:
        if not self.opened and self.failure is None:
            self.failure = refusal or Close(reason=f"handshake: {reason}", by="transport")
            self.give_up()


def _nothing() -> None:
    """There is nothing to give up, or to look after, yet."""
