"""A trio-websocket server around a server machine: sockets in, sockets out. No decision about a protocol is taken here."""

from __future__ import annotations

import math
import time
from contextlib import asynccontextmanager
from email.utils import formatdate
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

import attrs
import trio
import trio_websocket
import wsproto.utilities
from websockets.frames import Frame, Opcode

from ..core.http import Response
from ..shell.http_server import answer_http
from ..shell.trio_websocket import bound_fragments
from .base import CloseConn, ConnectRequest, Cut, HttpCall, HttpMachine, ListeningMachine, Refuse, SendTo
from .http import Peeked, is_websocket, peek

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Callable

    from .base import ServerMachine

__all__ = ["MAX_QUEUE", "SandboxServer", "listen", "serve"]

MAX_QUEUE: Final = 32 * 1024 * 1024
"""Bytes that may wait for a slow reader before its connection is cut."""

WRITE: Final = 64 * 1024
"""Bytes that leave in one write: a system call for each message costs more than the message."""

HANDSHAKE_WITHIN: Final = 10.0
"""Seconds a client has for its opening handshake."""

HTTP_WITHIN: Final = 60.0
"""Seconds a client has for its next request over HTTP, and for taking the answer."""

CLOSE_WITHIN: Final = 5.0
"""Seconds a client has to answer a close frame."""

INBOUND_QUEUE: Final = 1024
"""Messages of one client that are read ahead of the machine."""


class _Connection:
    """One client's connection: what waits to be sent to it, and how to end it.

    Whatever is sent goes through one queue, pongs too: a client takes the answer to a ping for word that all before it has left.
    """

    def __init__(self, number: int, max_queue: int) -> None:
        self.number = number
        self.scope = trio.CancelScope()
        self._max_queue = max_queue
        self._queue = bytearray()
        self._gone = 0  # bytes
        self._closing: CloseConn | Cut | None = None
        self._wake = trio.Event()
        self._sent = trio.lowlevel.ParkingLot()
        self.socket: trio_websocket.WebSocketConnection | None = None
        """None until the handshake is over: what goes out before goes by no queue."""

    def send(self, message: str | bytes) -> None:
        if self._closing is None and (self.socket is None or self.socket.closed is None):
            data, opcode = (message.encode(), Opcode.TEXT) if isinstance(message, str) else (message, Opcode.BINARY)
            self.put(Frame(opcode, data).serialize(mask=False))

    def put(self, data: bytes) -> None:
        """Bytes, behind those that wait already."""
        self._queue += data
        self._wake.set()
        if len(self._queue) > self._max_queue:
            self.cut()

    async def sent(self) -> None:
        """Wait until what is queued by now has left."""
        given = self._gone + len(self._queue)
        while self._gone < given:
            await self._sent.park()

    def close(self, effect: CloseConn | Cut) -> None:
        """End it behind what is queued."""
        if self._closing is None:
            self._closing = effect
            self._wake.set()

    def cut(self) -> None:
        self.scope.cancel()

    async def write(self, socket: trio_websocket.WebSocketConnection, raw: trio.abc.SendStream, nursery: trio.Nursery) -> None:
        """Send what is queued, until the connection ends."""
        hanging_up = False
        try:
            while True:
                await self._wake.wait()
                self._wake = trio.Event()
                while self._queue:
                    data = bytes(self._queue[:WRITE])
                    await raw.send_all(data)
                    del self._queue[: len(data)]
                    self._gone += len(data)
                    self._sent.unpark_all()
                if isinstance(self._closing, Cut):
                    break
                if self._closing is not None and not hanging_up:
                    hanging_up = True
                    nursery.start_soon(self._hang_up, socket, self._closing)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        self.cut()

    async def _hang_up(self, socket: trio_websocket.WebSocketConnection, effect: CloseConn) -> None:
        with trio.move_on_after(CLOSE_WITHIN):
            await socket.aclose(effect.code, effect.reason)
        self.cut()


class _Ordered(trio.abc.Stream):
    """The stream of a connection: once that is open, what is sent waits its turn in its queue.

    `heard` is called when bytes come, `before_read` before bytes are waited for.
    """

    def __init__(self, raw: trio.abc.Stream, connection: _Connection, heard: Callable[[], None]) -> None:
        self.before_read: Callable[[], None] = _nothing
        self.raw = raw
        self._connection = connection
        self._heard = heard

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if self._connection.socket is None:
            await self.raw.send_all(data)
            return
        self._connection.put(bytes(data))
        await self._connection.sent()

    async def wait_send_all_might_not_block(self) -> None:
        await self._connection.sent()
        await self.raw.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        self.before_read()
        data = bytes(await self.raw.receive_some(max_bytes))
        self._heard()
        return data

    async def aclose(self) -> None:
        try:
            # The answer to a close frame may still be among what is queued.
            with trio.move_on_after(1):
                await self._connection.sent()
        finally:
            self._connection.cut()
            await self.raw.aclose()


class SandboxServer:
    """A running server. `url` is what a client dials, `machine` what decides; any path is accepted.

    Plain HTTP on the same port is the machine's too, where it has an HTTP side; else it is answered with 404.
    """

    def __init__(
        self,
        machine: ServerMachine,
        *,
        max_queue: int = MAX_QUEUE,
        handshake_within: float = HANDSHAKE_WITHIN,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.machine = machine
        self._listening = machine if isinstance(machine, ListeningMachine) else None
        self.url = ""
        self.port = 0
        self._max_queue = max_queue
        self._handshake_within = handshake_within
        self._wall = wall
        self._connections: dict[int, _Connection] = {}
        self._last = 0
        self._armed = math.inf
        self._rearm = trio.Event()
        self._nursery: trio.Nursery | None = None

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    def pump(self) -> None:
        """Send what the machine wants sent. To be called after using the machine directly, `machine.push(...)` for one."""
        for effect in self.machine.take_effects():
            connection = self._connections.get(effect.conn)
            if connection is None:
                continue
            if isinstance(effect, SendTo):
                connection.send(effect.text)
            elif isinstance(effect, Cut) and effect.at_once:
                connection.cut()
            else:
                connection.close(effect)
        if self.machine.next_deadline() < self._armed:
            self._rearm.set()

    async def run_timers(self) -> None:
        """Call the machine when it asks for it, for ever."""
        deadline = trio.current_time()
        while True:
            self.machine.handle_timer(max(trio.current_time(), deadline), self._wall())
            self.pump()
            self._rearm = trio.Event()
            deadline = self._armed = self.machine.next_deadline()
            with trio.move_on_at(deadline):
                await self._rearm.wait()
                deadline = -math.inf

    def own(self, nursery: trio.Nursery) -> None:
        """Where its tasks live."""
        self._nursery = nursery

    def take(self, raw: trio.abc.Stream) -> None:
        """Serve a client that comes by another way than the listeners: through memory, in a test."""
        assert self._nursery is not None, "it is served"
        self._nursery.start_soon(self.handle, raw)

    async def handle(self, raw: trio.abc.Stream) -> None:
        """Serve one client, to the end of its connection."""
        self._last += 1
        connection = _Connection(self._last, self._max_queue)
        try:
            with connection.scope:
                head: bytes | None = None
                with trio.move_on_after(self._handshake_within):
                    head = await peek(raw)
                if head is None:
                    return
                stream = _Ordered(Peeked(raw, head), connection, partial(self._heard, connection.number))
                if not is_websocket(head):
                    await answer_http(stream, self.answer, within=HTTP_WITHIN)
                    return
                async with trio.open_nursery() as nursery:
                    await self._converse(connection, stream, nursery)
                    nursery.cancel_scope.cancel()
        except* (wsproto.utilities.ProtocolError, UnicodeError, trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # what the client sent was no WebSocket, or its connection broke under the library
        finally:
            if self._connections.pop(connection.number, None) is not None:
                self.machine.disconnected(connection.number, trio.current_time())
                self.pump()
            await trio.aclose_forcefully(raw)

    def _heard(self, number: int) -> None:
        if self._listening is not None:
            self._listening.sign_of_life(number, trio.current_time())

    def answer(self, call: HttpCall) -> Response:
        """What the HTTP side says."""
        if not isinstance(self.machine, HttpMachine):
            return Response(404)
        response = self.machine.http(call, trio.current_time(), self._wall())
        self.pump()
        return attrs.evolve(response, headers={"date": self._date(), **response.headers})

    def _date(self) -> str:
        """What every HTTP answer tells (RFC 9110, 6.6.1)."""
        return formatdate(self._wall(), usegmt=True)

    async def _converse(self, connection: _Connection, stream: _Ordered, nursery: trio.Nursery) -> None:
        try:
            with trio.fail_after(self._handshake_within):
                request = await trio_websocket.wrap_server_stream(nursery, stream, message_queue_size=INBOUND_QUEUE)
            number = connection.number
            self._connections[number] = connection
            answer = self.machine.connect(number, _describe(request), trio.current_time(), self._wall())
            if isinstance(answer, Refuse):
                del self._connections[number]
                await _refuse(request, answer, self._date())
                return
            self.pump()
            date = (b"Date", self._date().encode())
            socket = await request.accept(subprotocol=answer.subprotocol, extra_headers=[date])
            connection.socket = socket
            stream.before_read = partial(bound_fragments, socket)
            nursery.start_soon(connection.write, socket, stream.raw, nursery)
            while True:
                message = await socket.get_message()
                self.machine.receive(number, message, trio.current_time())
                self.pump()
        except trio.TooSlowError:
            return
        except trio_websocket.ConnectionClosed:
            # The answer to the client's close frame is on its way out: it must not be overtaken by the end of the tasks.
            await stream.aclose()


def _nothing() -> None:
    """There is no WebSocket yet to look after."""


async def _refuse(request: trio_websocket.WebSocketRequest, answer: Refuse, date: str) -> None:
    headers = [(b"Date", date.encode())]
    if answer.retry_after is not None:
        headers.append((b"Retry-After", str(math.ceil(answer.retry_after)).encode()))
    await request.reject(answer.status, extra_headers=headers, body=answer.reason.encode())


def _describe(request: trio_websocket.WebSocketRequest) -> ConnectRequest:
    parts = urlsplit(request.path)
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.headers}
    return ConnectRequest(parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), headers)


@asynccontextmanager
async def serve(
    machine: ServerMachine,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    tls: ssl.SSLContext | None = None,
    max_queue: int = MAX_QUEUE,
    handshake_within: float = HANDSHAKE_WITHIN,
    wall: Callable[[], float] = time.time,
) -> AsyncGenerator[SandboxServer, None]:
    """Serve `machine` on `host` and `port` (0: any free one) while the block runs; at its end all connections are cut.

    `max_queue`: characters that may wait for a slow reader before it is cut. `handshake_within`: seconds a client has for its
    opening handshake, or the head of its first request. `wall` gives POSIX seconds. An exception of the block leaves it as
    itself. Raises `OSError` when the address cannot be bound.
    """
    async with listen(
        SandboxServer(machine, max_queue=max_queue, handshake_within=handshake_within, wall=wall), host, port, tls=tls
    ) as server:
        yield server


@asynccontextmanager
async def listen(
    server: SandboxServer, host: str = "127.0.0.1", port: int = 0, *, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[SandboxServer, None]:
    """As `serve`, for a server that was made already."""
    listeners = await trio.open_tcp_listeners(port, host=host)
    if port == 0:
        # A name with several addresses gets another free port on each, and there is one URL to tell.
        for extra in listeners[1:]:
            await extra.aclose()
        del listeners[1:]
    server.port = listeners[0].socket.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    server.url = f"{'ws' if tls is None else 'wss'}://{shown}:{server.port}{server.machine.path}"
    failure: Exception | KeyboardInterrupt | None = None
    async with trio.open_nursery() as nursery:
        server.own(nursery)
        nursery.start_soon(server.run_timers)
        if tls is None:
            nursery.start_soon(trio.serve_listeners, server.handle, listeners)
        else:
            nursery.start_soon(trio.serve_listeners, server.handle, [trio.SSLListener(listener, tls) for listener in listeners])
        try:
            yield server
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - raised below: the nursery would wrap it in a group
            failure = error
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
