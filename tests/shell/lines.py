"""TCP, scripted: the lines of a network that has no sockets, with TLS and WebSocket over them where they are wanted.

What reaches a server end as WebSocket is led into a `MemoryNetwork`, so that a `Provider` serves all transports alike. A line
writes in two halves with a checkpoint between, breaks when told to, and knows whether its client's end was closed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Literal, TypeAlias

import attrs
import trio
import trio.testing
from websockets.exceptions import ProtocolError
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from pushwire.core.effects import Close, Dial
from pushwire.shell.dialer import Dialer
from pushwire.shell.memory import MemoryConnection, MemoryNetwork
from pushwire.shell.transport import Connector, DialFailed
from pushwire.shell.trio_websocket import TrioWebSocketConnector
from pushwire.shell.websocket import WebSocketConnector
from tests.shell.sockets import client_tls, server_tls

Handler: TypeAlias = Callable[[trio.abc.Stream], Awaitable[None]]
Break: TypeAlias = Literal["broken", "half", "end"]
"""At once; after half of what was to be written; where something is read, as an end without a word."""
Kind: TypeAlias = Literal["wire", "wire over TLS", "trio-websocket", "trio-websocket over TLS"]
KINDS: Final[tuple[Kind, ...]] = ("wire", "wire over TLS", "trio-websocket", "trio-websocket over TLS")

# Made once: it is the handshakes that are wanted often.
_SERVER_TLS: Final = server_tls()
_CLIENT_TLS: Final = client_tls()


@attrs.define
class Lines:
    """A network that leads every dial to `handler`, in a task of `nursery`. The `breaks`-th operation of all, from 1, fails, and
    each `every`-th."""

    nursery: trio.Nursery
    handler: Handler
    secure: bool = False
    wires: list[Wire] = attrs.Factory(list["Wire"])
    operations: int = 0
    breaks: int = 0
    every: int = 0
    how: Break = "broken"

    def dialer(self) -> Dialer:
        return _Dialer(self)

    async def dialled(self) -> Wire:
        """What `trio.open_tcp_stream` does, in as many words."""
        await trio.lowlevel.checkpoint()
        if self.strikes():
            raise OSError(111, "scripted")
        await trio.lowlevel.checkpoint()
        client, server = trio.testing.memory_stream_pair()
        self.nursery.start_soon(self._serve, server)
        wire = Wire(self, client)
        self.wires.append(wire)
        return wire

    def strikes(self) -> bool:
        """One more operation: whether it is the one that fails."""
        self.operations += 1
        return self.operations == self.breaks or (self.every > 0 and self.operations % self.every == 0)

    @property
    def left_open(self) -> int:
        """Client's ends that nobody has closed."""
        return sum(not wire.closed for wire in self.wires)

    async def _serve(self, stream: trio.abc.Stream) -> None:
        try:
            over = trio.SSLStream(stream, _SERVER_TLS, server_side=True, https_compatible=True) if self.secure else stream
            await self.handler(over)
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client is free to go at any time
        finally:
            await trio.aclose_forcefully(stream)


class Wire(trio.abc.Stream):
    """The client's end of a line."""

    def __init__(self, lines: Lines, inner: trio.abc.Stream) -> None:
        self.closed = False
        self._lines = lines
        self._inner = inner

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        breaks = self._lines.strikes()
        if breaks and self._lines.how != "half":
            await self._break()
        half = len(data) // 2
        await self._inner.send_all(data[:half])
        if breaks:
            await self._break()
        await self._inner.send_all(data[half:])

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        if self._lines.strikes():
            if self._lines.how == "end":
                await self._inner.aclose()
                return b""
            await self._break()
        return await self._inner.receive_some(max_bytes)

    async def aclose(self) -> None:
        self.closed = True
        await self._inner.aclose()

    async def _break(self) -> None:
        # The other side sees it as well.
        await self._inner.aclose()
        raise trio.BrokenResourceError("scripted")


class _Dialer(Dialer):
    def __init__(self, lines: Lines) -> None:
        super().__init__(tls=_CLIENT_TLS)
        self._lines = lines

    async def open_tcp(self, host: str, port: int) -> trio.abc.Stream:
        try:
            return await self._lines.dialled()
        except OSError as error:
            raise _refused(error) from None


def _refused(error: OSError) -> DialFailed:
    return DialFailed(Close(reason=f"connect: {error.strerror}", by="transport"))


def connector(kind: Kind, lines: Lines) -> Connector:
    """A transport over these lines."""
    made = WebSocketConnector() if kind.startswith("wire") else TrioWebSocketConnector()
    made._dialer = lines.dialer()
    return made


def led_to(network: MemoryNetwork) -> Handler:
    """A WebSocket server whose connections are dials of `network`."""

    async def handler(stream: trio.abc.Stream) -> None:
        server = _Server(stream)
        request = await server.request()
        if request is None:
            return
        async with trio.open_nursery() as nursery:
            try:
                connection = await network.dial(Dial(1, request.path, {}, 1_000_000), nursery)
            except DialFailed as failed:
                server.protocol.send_response(server.protocol.reject(failed.close.status or 500, failed.close.reason))
                await server.flush()
            else:
                try:
                    server.protocol.send_response(server.protocol.accept(request))
                    await server.flush()
                    nursery.start_soon(server.outward, connection)
                    await server.inward(connection)
                finally:
                    with trio.CancelScope(shield=True):
                        await connection.aclose()
            nursery.cancel_scope.cancel()

    return handler


class _Server:
    """One connection of it."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.protocol = ServerProtocol()
        self._stream = stream
        self._writing = trio.Lock()

    async def flush(self) -> None:
        async with self._writing:
            data = b"".join(self.protocol.data_to_send())
            if data:
                await self._stream.send_all(data)

    async def request(self) -> Request | None:
        while True:
            for event in await self._events():
                return event if isinstance(event, Request) else None
            if self.protocol.eof_sent or not self._more:
                return None

    async def inward(self, connection: MemoryConnection) -> None:
        """What the client sends, until it goes."""
        while self._more:
            for event in await self._events():
                assert isinstance(event, Frame)
                if event.opcode is Opcode.TEXT:
                    connection.send_text(bytes(event.data).decode())
                    await connection.flush()
                elif event.opcode is Opcode.CLOSE:
                    self._more = False
            await self.flush()

    async def outward(self, connection: MemoryConnection) -> None:
        """What the provider does, until it hangs up."""
        while True:
            read = await connection.read()
            if self.protocol.state is not State.OPEN:
                return
            for message in read.messages:
                self.protocol.send_text(message.encode() if isinstance(message, str) else message)
            if read.close is None:
                await self.flush()
                continue
            if read.close.code is not None and read.close.by == "peer":
                self.protocol.send_close(read.close.code, read.close.reason)
                await self.flush()
            await trio.aclose_forcefully(self._stream)
            return

    _more = True

    async def _events(self) -> list[object]:
        data = await self._stream.receive_some(65536)
        if data:
            self.protocol.receive_data(data)
        else:
            self._more = False
            self.protocol.receive_eof()
        assert not isinstance(self.protocol.parser_exc, ProtocolError | UnicodeDecodeError), "the client sent garbage"
        return list(self.protocol.events_received())
