"""The way to a sandbox without sockets: a connector and an HTTP client for `connect`, over streams in memory.

Frames are real ones, on both sides; the network alone is left out. So nothing waits for the system, and all of it runs on trio's
`MockClock`. What is said is not decided here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypedDict
from urllib.parse import parse_qsl, urlsplit

import trio
from trio.testing import MockClock, memory_stream_pair

from ..core.http import HttpCall, Request, Response
from ..core.secrets import revealed
from ..shell.entropy import Entropy
from ..shell.http import Http, Passage
from ..shell.transport import Connector
from ..shell.websocket import WebSocketConnector

if TYPE_CHECKING:
    from websockets.uri import WebSocketURI

    from ..sandbox.server import SandboxServer

__all__ = ["EPOCH", "InMemory", "MemoryConnector", "MemoryHttp", "in_memory", "wall_clock"]

EPOCH: Final = 1_745_000_000.0
"""The POSIX time at which a `MockClock` begins: that of gelabs's samples."""


class InMemory(TypedDict):
    """Arguments for `connect`: `connect(config, **sandbox.in_memory)`."""

    transport: Connector
    http: Http
    entropy: Entropy


def wall_clock() -> Callable[[], float]:
    """POSIX seconds that pass as trio's clock does; on a `MockClock` they begin at `EPOCH`."""
    mocked = isinstance(trio.lowlevel.current_clock(), MockClock)
    offset = EPOCH if mocked else time.time() - trio.current_time()
    return lambda: offset + trio.current_time()


def in_memory(server: SandboxServer, wall: Callable[[], float]) -> InMemory:
    """What leads to `server`. Jitter and ids are the same in each run."""
    return {
        "transport": MemoryConnector(server),
        "http": MemoryHttp(server),
        "entropy": Entropy(seed=0, prefix="test", wall=wall),
    }


class MemoryConnector(WebSocketConnector):
    """Connects to one server, whatever the URL."""

    def __init__(self, server: SandboxServer) -> None:
        super().__init__()
        self._server = server

    async def _open(self, uri: WebSocketURI) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        ours, theirs = memory_stream_pair()
        self._server.take(theirs)
        return ours


class MemoryHttp:
    """Asks one server, whatever the host; see `shell.http.Http`. Each request is answered at once."""

    def __init__(self, server: SandboxServer) -> None:
        self._server = server

    async def send(self, request: Request, passage: Passage | None = None) -> Response:
        """The answer of the server's HTTP side."""
        await trio.lowlevel.checkpoint()
        if passage is not None:
            passage.left = True
        url = urlsplit(revealed(request.url))
        headers = {name.lower(): revealed(value) for name, value in request.headers.items()}
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        return self._server.answer(HttpCall(request.method, url.path, query, headers, request.body))

    async def aclose(self) -> None:
        """There is nothing to drop."""
        await trio.lowlevel.checkpoint()
