"""Plain HTTP/1.1, the server's side of one connection: for a sandbox that has an HTTP side, and for a relay's metrics.

h11 reads and writes it; what is answered is the caller's to say. Who listens, how many may come and how long each may take is not
decided here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, TypeAlias
from urllib.parse import parse_qsl, urlsplit

import h11
import trio

from ..core.http import HttpCall, Response

__all__ = ["Answer", "answer_http"]

MAX_HEAD: Final = 64 * 1024
MAX_BODY: Final = 2**20

Answer: TypeAlias = Callable[[HttpCall], Response]


async def answer_http(
    stream: trio.abc.Stream,
    answer: Answer,
    *,
    once: bool = False,
    max_head: int = MAX_HEAD,
    max_body: int = MAX_BODY,
    within: float = math.inf,
) -> None:
    """Answer requests until the client ends the connection or breaks the protocol; `once`: a single one. Bounds are bytes;
    `within` is seconds, from one answer to the end of the next: a client that is slower, or silent, is done with.

    Raises `trio.BrokenResourceError` where the connection is lost.
    """
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=max_head)
    try:
        while True:
            with trio.move_on_after(within) as patience:
                call = await _next_call(connection, stream, max_body)
                if call is None:
                    return
                ending = {"connection": "close"} if once else {}
                await _send(connection, stream, answer(call), ending, call.method)
            if patience.cancelled_caught or connection.our_state is h11.MUST_CLOSE:
                return
            connection.start_next_cycle()
    except h11.RemoteProtocolError as error:
        if connection.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            await _send(connection, stream, Response(error.error_status_hint), {"connection": "close"}, "GET")


async def _send(
    connection: h11.Connection, stream: trio.abc.Stream, response: Response, more: dict[str, str], method: str
) -> None:
    headers = {"content-length": str(len(response.body)), "content-type": "application/json", **response.headers, **more}
    reason = HTTPStatus(response.status).phrase if response.status in _KNOWN else ""
    head = h11.Response(status_code=response.status, headers=list(headers.items()), reason=reason)
    data = connection.send(head) or b""
    if method != "HEAD":
        data += connection.send(h11.Data(data=response.body)) or b""
    await stream.send_all(data + (connection.send(h11.EndOfMessage()) or b""))


_KNOWN: Final = frozenset(map(int, HTTPStatus))


def _split(target: str) -> tuple[str, list[tuple[str, str]]]:
    try:
        parts = urlsplit(target)
        return parts.path, parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:  # a host that is none, too many fields
        return target, []


async def _next_call(connection: h11.Connection, stream: trio.abc.Stream, max_body: int) -> HttpCall | None:
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
            if len(body) > max_body:
                return None
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            path, query = _split(request.target.decode("latin-1"))
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
            return HttpCall(request.method.decode("latin-1"), path, dict(query), headers, bytes(body))
        else:
            return None
