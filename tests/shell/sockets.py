"""Small servers and proxies on 127.0.0.1 for the tests of the transports."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeAlias

import attrs
import trio
import trio_websocket
import trustme

from pushwire.core.effects import Close, Dial
from pushwire.core.secrets import Secret
from pushwire.shell.transport import Connection

Handler: TypeAlias = Callable[[trio.abc.Stream], Awaitable[None]]

AUTHORITY = trustme.CA()


def server_tls(name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert(name).configure_cert(context)  # pyright: ignore[reportUnknownMemberType] - it takes pyOpenSSL's, too
    return context


def client_tls() -> ssl.SSLContext:
    return ssl.create_default_context(cadata=AUTHORITY.cert_pem.bytes().decode())


def dial(
    url: str | Secret,
    headers: Mapping[str, str | Secret] | None = None,
    *,
    max_message: int = 1_000_000,
    compression: bool = False,
    subprotocols: tuple[str, ...] = (),
) -> Dial:
    return Dial(1, url, headers or {}, max_message, compression, subprotocols)


async def serve(nursery: trio.Nursery, handler: Handler, tls: ssl.SSLContext | None = None) -> int:
    """Serve raw TCP (or TLS) connections; returns the port."""

    async def handle(stream: trio.SocketStream) -> None:
        async with stream:
            try:
                if tls is None:
                    await handler(stream)
                else:
                    await handler(trio.SSLStream(stream, tls, server_side=True, https_compatible=True))
            except trio.BrokenResourceError:
                pass  # the client is free to go at any time

    listeners = await nursery.start(partial(trio.serve_tcp, handle, 0, host="127.0.0.1"))
    return port_of(listeners[0])


def port_of(listener: trio.SocketListener) -> int:
    port = listener.socket.getsockname()[1]
    assert isinstance(port, int)
    return port


async def serve_websocket(
    nursery: trio.Nursery,
    handler: Callable[[trio_websocket.WebSocketConnection], Awaitable[None]],
    tls: ssl.SSLContext | None = None,
    requests: list[trio_websocket.WebSocketRequest] | None = None,
) -> int:
    """Serve WebSocket connections; returns the port."""

    async def handle(request: trio_websocket.WebSocketRequest) -> None:
        if requests is not None:
            requests.append(request)
        subprotocol = request.proposed_subprotocols[-1] if request.proposed_subprotocols else None
        connection = await request.accept(subprotocol=subprotocol, extra_headers=[(b"X-Served-By", b"test")])
        with contextlib.suppress(trio_websocket.ConnectionClosed):
            await handler(connection)

    server = await nursery.start(partial(trio_websocket.serve_websocket, handle, "127.0.0.1", 0, tls))
    assert isinstance(server, trio_websocket.WebSocketServer)
    return server.port


async def echo(connection: trio_websocket.WebSocketConnection) -> None:
    while True:
        await connection.send_message(await connection.get_message())


@attrs.define
class Witness:
    """A handler that reads the client's first bytes, answers with `answer`, and then notes that the client has closed."""

    answer: bytes = b""
    first: bytes = b""
    reached: trio.Event = attrs.Factory(trio.Event)
    closed: trio.Event = attrs.Factory(trio.Event)

    async def __call__(self, stream: trio.abc.Stream) -> None:
        try:
            self.first = bytes(await stream.receive_some(65536))
            if self.answer:
                await stream.send_all(self.answer)
            self.reached.set()
            while await stream.receive_some(65536):
                pass
        finally:
            self.closed.set()


async def read_head(stream: trio.abc.Stream) -> bytes:
    """The head of an HTTP request."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += await stream.receive_some(1)
    return head


@attrs.define
class Proxy:
    """A proxy that leads everywhere to 127.0.0.1. `asked` holds the hosts it was asked for."""

    credentials: str | None = None
    asked: list[str] = attrs.Factory(list[str])

    async def http(self, stream: trio.abc.Stream) -> None:
        head = await read_head(stream)
        host, port = head.split(b" ")[1].decode().rsplit(":", 1)
        self.asked.append(host)
        if self.credentials is not None:
            wanted = b"Proxy-Authorization: Basic " + base64.b64encode(self.credentials.encode())
            if wanted not in head:
                await stream.send_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                return
        await self._join(stream, int(port), b"HTTP/1.1 200 Connection established\r\n\r\n")

    async def socks5(self, stream: trio.abc.Stream) -> None:
        _, count = await exactly(stream, 2)
        await exactly(stream, count)
        if self.credentials is None:
            await stream.send_all(b"\x05\x00")
        else:
            await stream.send_all(b"\x05\x02")
            _, length = await exactly(stream, 2)
            user = await exactly(stream, length)
            password = await exactly(stream, (await exactly(stream, 1))[0])
            right = f"{user.decode()}:{password.decode()}" == self.credentials
            await stream.send_all(b"\x01\x00" if right else b"\x01\x01")
            if not right:
                return
        _, _, _, kind = await exactly(stream, 4)
        if kind == 1:
            host = ".".join(map(str, await exactly(stream, 4)))
        else:
            host = (await exactly(stream, (await exactly(stream, 1))[0])).decode()
        self.asked.append(host)
        port = int.from_bytes(await exactly(stream, 2))
        await self._join(stream, port, b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")

    async def _join(self, stream: trio.abc.Stream, port: int, answer: bytes) -> None:
        async with await trio.open_tcp_stream("127.0.0.1", port) as onward, trio.open_nursery() as nursery:
            await stream.send_all(answer)

            async def copy(source: trio.abc.Stream, sink: trio.abc.Stream) -> None:
                try:
                    while data := await source.receive_some():
                        await sink.send_all(data)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    pass  # one side went away: so does the other
                nursery.cancel_scope.cancel()

            nursery.start_soon(copy, stream, onward)
            nursery.start_soon(copy, onward, stream)


def cut(stream: trio.abc.Stream) -> None:
    """Drop a connection so that the other side sees a reset."""
    assert isinstance(stream, trio.SocketStream)
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


async def exactly(stream: trio.abc.Stream, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = await stream.receive_some(count - len(data))
        if not more:
            raise trio.BrokenResourceError
        data += more
    return data


async def read_all(connection: Connection) -> tuple[list[str | bytes], Close]:
    messages: list[str | bytes] = []
    while True:
        read = await connection.read()
        messages += read.messages
        if read.close is not None:
            return messages, read.close
