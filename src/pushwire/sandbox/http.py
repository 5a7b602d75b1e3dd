"""Plain HTTP on the sandbox's port, for the machines that have an HTTP side: an endpoint that authorises, or gives out tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import parse_qsl, urlsplit

import h11
import trio

from .base import HttpCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..core.http import Response

__all__ = ["Peeked", "answer_http", "is_websocket", "peek"]

MAX_HEAD: Final = 64 * 1024
MAX_BODY: Final = 2**20

Answer: TypeAlias = "Callable[[HttpCall], Response]"


class Peeked(trio.abc.Stream):
    """A stream of which the beginning has been read, and is given again."""

    def __init__(self, raw: trio.abc.Stream, head: bytes) -> None:
        self._raw = raw
        self._head = head

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._raw.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._raw.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if self._head:
            head, self._head = self._head, b""
            return head
        return bytes(await self._raw.receive_some(max_bytes))

    async def aclose(self) -> None:
        await self._raw.aclose()


async def peek(raw: trio.abc.Stream) -> bytes:
    """The head of the first request, and what came with it. Less, where the client ended it there, where it is no HTTP, or where
    it is too long."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < MAX_HEAD and (not head or head[:1].isalpha()):
        data = await raw.receive_some()
        if not data:
            break
        head += data
    return head


def is_websocket(head: bytes) -> bool:
    """Whether a request wants to become a WebSocket."""
    return b"\r\nupgrade:" in head.partition(b"\r\n\r\n")[0].lower()


async def answer_http(stream: trio.abc.Stream, answer: Answer) -> None:
    """Answer requests until the client ends the connection, or breaks the protocol."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
    try:
        while (call := await _next_call(connection, stream)) is not None:
            response = answer(call)
            headers = {"content-length": str(len(response.body)), "content-type": "application/json", **response.headers}
            head = connection.send(h11.Response(status_code=response.status, headers=list(headers.items()))) or b""
            body = connection.send(h11.Data(data=response.body)) or b""
            await stream.send_all(head + body + (connection.send(h11.EndOfMessage()) or b""))
            if connection.our_state is h11.MUST_CLOSE:
                break
            connection.start_next_cycle()
    except h11.RemoteProtocolError:
        pass


async def _next_call(connection: h11.Connection, stream: trio.abc.Stream) -> HttpCall | None:
    request: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(bytes(await stream.receive_some()))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_BODY:
                return None
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            parts = urlsplit(request.target.decode("latin-1"))
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            return HttpCall(request.method.decode("latin-1"), parts.path, query, headers, bytes(body))
        else:
            return None
