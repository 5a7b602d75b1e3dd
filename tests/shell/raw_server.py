"""A server whose every frame a test decides, over a raw stream."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.server import ServerProtocol


class Server:
    """One WebSocket connection of a raw server, in the hands of a test."""

    def __init__(self, stream: trio.abc.Stream, protocol: ServerProtocol) -> None:
        self.stream = stream
        self.protocol = protocol

    async def flush(self) -> None:
        await self.stream.send_all(b"".join(self.protocol.data_to_send()))

    async def receive(self) -> list[object]:
        """The events of the next bytes; at the end, none."""
        data = await self.stream.receive_some()
        if data:
            self.protocol.receive_data(data)
        return list(self.protocol.events_received())


def raw(
    script: Callable[[Server], Awaitable[None]], protocol: ServerProtocol | None = None, *, at_once: bool = False
) -> Callable[[trio.abc.Stream], Awaitable[None]]:
    """A handler that accepts a handshake and plays `script`; `at_once`: what that flushes first goes with the response."""

    async def handler(stream: trio.abc.Stream) -> None:
        server = Server(stream, protocol or ServerProtocol())
        request = None
        while request is None:
            (request,) = await server.receive() or [None]
        assert isinstance(request, Request)
        server.protocol.send_response(server.protocol.accept(request))
        if not at_once:
            await server.flush()
        await script(server)

    return handler


async def ping(server: Server) -> None:
    """Send a ping, and what its pong held as text."""
    server.protocol.send_ping(b"hello")
    await server.flush()
    (pong,) = await server.receive()
    assert isinstance(pong, Frame)
    server.protocol.send_text(bytes(pong.data))
    await server.flush()
    await server.receive()


async def stay(server: Server) -> None:
    await trio.sleep_forever()
