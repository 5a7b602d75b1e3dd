"""The endpoint that an app's owner runs: it has the secret, and signs for those who ask by HTTP.

Written without the library's own signing, HTTP or channels, so that these are judged by something else.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeAlias
from urllib.parse import parse_qsl

import attrs
import trio

from tests.soketi.server import KEY, SECRET

__all__ = ["Asked", "Endpoint", "serving", "signature"]


@attrs.frozen
class Asked:
    """One request. Header names are lower case, fields those of its body, whether form or JSON."""

    path: str
    headers: dict[str, str]
    fields: dict[str, str]
    body: bytes


Answer: TypeAlias = "Callable[[Asked], tuple[int, dict[str, str]]]"


def signature(asked: Asked) -> tuple[int, dict[str, str]]:
    """An authorisation for what was asked, as ada where that matters."""
    socket_id, channel = asked.fields["socket_id"], asked.fields["channel_name"]
    data = json.dumps({"user_id": "ada"}) if channel.startswith("presence-") else None
    to_sign = ":".join([socket_id, channel] + ([] if data is None else [data]))
    auth = f"{KEY}:{hmac.new(SECRET.encode(), to_sign.encode(), hashlib.sha256).hexdigest()}"
    return 200, {"auth": auth} | ({} if data is None else {"channel_data": data})


@attrs.define(eq=False)
class Endpoint:
    """A running endpoint. `asked` are the requests so far, of which `arrived` tells; while `gate` is not set, answers wait."""

    url: str
    answer: Answer
    asked: list[Asked] = attrs.Factory(list[Asked])
    arrived: trio.Event = attrs.Factory(trio.Event)
    gate: trio.Event = attrs.Factory(trio.Event)

    async def handle(self, stream: trio.abc.Stream) -> None:
        """One request, one answer, and the end of the connection."""
        async with stream:
            head, _, body = (await _received(stream, b"", lambda data: b"\r\n\r\n" in data)).partition(b"\r\n\r\n")
            first, *lines = head.decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await _received(stream, body, lambda data: len(data) >= int(headers["content-length"]))
            form = "form" in headers["content-type"]
            fields: dict[str, str] = dict(parse_qsl(body.decode())) if form else json.loads(body)
            asked = Asked(first.split()[1], headers, fields, body)
            self.asked.append(asked)
            self.arrived.set()
            await self.gate.wait()
            status, value = self.answer(asked)
            reply = json.dumps(value).encode()
            head = b"HTTP/1.1 %d .\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(reply))
            # Who asked may have gone.
            with contextlib.suppress(trio.BrokenResourceError):
                await stream.send_all(head + reply)


async def _received(stream: trio.abc.Stream, data: bytes, enough: Callable[[bytes], bool]) -> bytes:
    """`data` and what follows it, until it is enough."""
    while not enough(data):
        more = await stream.receive_some()
        assert more, "a request that was cut short"
        data += more
    return data


@asynccontextmanager
async def serving(answer: Answer = signature) -> AsyncGenerator[Endpoint, None]:
    """An endpoint that answers while the block runs."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    endpoint = Endpoint(f"http://127.0.0.1:{listener.socket.getsockname()[1]}/auth", answer)
    endpoint.gate.set()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(trio.serve_listeners, endpoint.handle, [listener]))
        yield endpoint
        nursery.cancel_scope.cancel()
