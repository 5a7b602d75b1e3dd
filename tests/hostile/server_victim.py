"""`python -m tests.hostile.server_victim KIND SECONDS`: a server of ours in a process of its own, whose memory shows.

KIND is `pages` (a relay's /metrics and /health), or `sandbox` (a provider's server side); SECONDS is how long a client may take
to say what it wants. It says its port; whenever a line comes on stdin, it says by how many bytes its memory was ever above where
it stood at the last line.
"""

from __future__ import annotations

import random
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio

from pushwire.core.http import HttpCall, Response
from pushwire.relay.serving import HttpSettings, open_listeners, serve_pages
from pushwire.sandbox import GelabsServer, GelabsSettings, serve

from .victim import forget, memory

__all__ = ["KEY"]

KEY = "k"


@asynccontextmanager
async def pages(within: float) -> AsyncGenerator[int, None]:
    """A relay's pages, of made-up text as long as a relay's of a few streams."""

    def answer(call: HttpCall) -> Response:
        return Response(200, {}, call.path.encode() * 2000)

    listeners = await open_listeners(HttpSettings(listen="127.0.0.1:0"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_pages, listeners, answer, within)
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def sandbox(within: float) -> AsyncGenerator[int, None]:
    """A sandbox with an HTTP side beside its WebSocket."""
    machine = GelabsServer(GelabsSettings(keys=(KEY,), addresses={"base": ["0xaa"]}), random.Random(1))
    async with serve(machine, handshake_within=within) as server:
        yield server.port


async def main(kind: str, within: float) -> None:
    async with {"pages": pages, "sandbox": sandbox}[kind](within) as port:
        say(port)
        before = memory("VmRSS")
        async for _ in trio.wrap_file(sys.stdin):
            say(memory("VmHWM") - before)
            forget()
            before = memory("VmRSS")


def say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    trio.run(main, sys.argv[1], float(sys.argv[2]))
