"""The HTTP library behind `HttpClient`: httpx2's requests over the connection pool it stands on, httpcore2, over our own dialer.

The pool is driven without httpx2's client, which would log URLs, keep cookies and read proxies from the environment. It is driven
over our own dialer, so that proxies, TLS and the names of the steps are those of WebSocket connections, and so that a cancelled
handshake leaves no socket. All names of the library stay in this file.
"""

from __future__ import annotations

import contextlib
import ssl
import zlib
from collections.abc import Iterable, Mapping
from typing import Final

import httpcore2
import httpx2
import trio

from ..core.http import Request, Response
from ..core.secrets import revealed
from ..errors import ConnectionLost, LocalProtocolError, PushwireError, RemoteProtocolError
from .dialer import Dialer, explain, start_tls, tcp_socket
from .http import Passage
from .transport import DialFailed

__all__ = ["Pool"]

_CONNECTIONS: Final = 100
"""Open at a time; more requests wait for one, within their timeouts."""

_KEPT: Final = 20
"""Idle at a time."""

_HEADERS: Final = {"accept": "*/*", "accept-encoding": "gzip", "user-agent": "pushwire"}
"""What a request says unless it says otherwise itself."""

_GZIP: Final = 16 + zlib.MAX_WBITS

_SENDING: Final = "http11.send_request_headers.started"


class Pool:
    """Connections, and exchanges over them."""

    def __init__(self, dialer: Dialer, *, max_response: int, keep_alive: float) -> None:
        self._max_response = max_response
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=dialer.tls,
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_KEPT,
            keepalive_expiry=keep_alive,
            network_backend=_Network(dialer),
        )

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def exchange(self, request: Request, passage: Passage) -> Response:
        """See `Http.send`; without a limit on the time."""
        failure: PushwireError
        try:
            return await self._exchange(request, passage)
        except DialFailed as failed:
            failure = ConnectionLost(f"{request.shown}: {failed.close.reason}", sent="no")
        except httpcore2.LocalProtocolError:
            passage.left = False
            failure = LocalProtocolError(f"{request.shown}: its URL or its headers are not what HTTP allows")
        except httpcore2.NetworkError as error:
            failure = ConnectionLost(f"{request.shown}: {error}", sent="maybe" if passage.left else "no")
        except httpcore2.RemoteProtocolError:
            failure = ConnectionLost(f"{request.shown}: the connection ended before a whole response came", sent="maybe")
        except _Unreadable as unreadable:
            failure = RemoteProtocolError(f"{request.shown}: {unreadable}")
        # Not raised in the handlers: what they caught, with frames that hold revealed secrets, would go along as its context.
        raise failure

    async def _exchange(self, request: Request, passage: Passage) -> Response:
        response = await self._pool.handle_async_request(_prepared(request, passage))
        try:
            headers = {name.lower(): value for name, value in httpx2.Headers(response.headers).items()}
            body = _Body(headers.get("content-encoding", ""), self._max_response)
            async with contextlib.aclosing(response.aiter_stream()) as chunks:
                async for chunk in chunks:
                    body.feed(chunk)
            return Response(response.status, headers, body.whole())
        finally:
            await response.aclose()


def _prepared(request: Request, passage: Passage) -> httpcore2.Request:
    """The library's own request. Raises its `LocalProtocolError`."""

    async def trace(name: str, info: Mapping[str, object]) -> None:
        if name == _SENDING:
            passage.left = True

    headers = dict(_HEADERS)
    headers.update((name.lower(), revealed(value)) for name, value in request.headers.items())
    # It adds Host and Content-Length, and writes the URL as it must stand on the wire.
    try:
        built = httpx2.Request(request.method, revealed(request.url), headers=headers, content=request.body or None)
    except (httpx2.InvalidURL, ValueError):
        raise httpcore2.LocalProtocolError from None
    if built.url.scheme not in {"http", "https"} or not built.url.host:
        raise httpcore2.LocalProtocolError
    url = httpcore2.URL(scheme=built.url.raw_scheme, host=built.url.raw_host, port=built.url.port, target=built.url.raw_path)
    return httpcore2.Request(request.method, url, headers=built.headers.raw, content=request.body, extensions={"trace": trace})


class _Unreadable(Exception):
    """A response that is not taken. Never leaves this file."""


class _Body:
    """Collects a response's body, unpacked. A small packed one may be a large one."""

    def __init__(self, encoding: str, limit: int) -> None:
        if encoding.lower() not in {"", "identity", "gzip"}:
            raise _Unreadable("its encoding was not asked for")
        self._unpacker = zlib.decompressobj(_GZIP) if encoding.lower() == "gzip" else None
        self._limit = limit
        self._data = bytearray()
        self._begun = False

    def feed(self, chunk: bytes) -> None:
        self._begun = True
        if self._unpacker is not None:
            try:
                chunk = self._unpacker.decompress(chunk, self._limit - len(self._data) + 1)
            except zlib.error:
                raise _Unreadable("it is not the gzip it says it is") from None
        self._data += chunk
        if len(self._data) > self._limit:
            raise _Unreadable(f"it is longer than {self._limit} bytes")

    def whole(self) -> bytes:
        if self._unpacker is not None and self._begun and (not self._unpacker.eof or self._unpacker.unused_data):
            raise _Unreadable("it is not the gzip it says it is")
        return bytes(self._data)


class _Network(httpcore2.AsyncNetworkBackend):
    """Our dialer, as the pool wants it. Its timeouts are not used: `HttpClient` has one for everything."""

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        return _Stream(await self._dialer.open_tcp(host, port))


class _Stream(httpcore2.AsyncNetworkStream):
    """A trio stream, as the pool wants it."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return bytes(await self._stream.receive_some(max_bytes))
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise httpcore2.ReadError(explain(error)) from None

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            await self._stream.send_all(buffer)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise httpcore2.WriteError(explain(error)) from None

    async def aclose(self) -> None:
        # Without TLS's farewell: the pool waits here shielded, and a peer that does not read would hold up a cancelled caller.
        await trio.aclose_forcefully(self._stream)

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        return _Stream(await start_tls(self._stream, ssl_context, server_hostname or ""))

    def get_extra_info(self, info: str) -> object:
        if info != "is_readable":
            return None
        socket = tcp_socket(self._stream)
        return socket is None or socket.is_readable()
