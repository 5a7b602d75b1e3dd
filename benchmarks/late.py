"""The client of `benchmarks.paced`: how late each message is in the caller's hands. Runs in a process of its own.

The clock is read when the caller has what he wants: pushwire's typed event, or what `json.loads` made. Each looks through what
its start has left (`gc.collect`) before the first message, so that the interpreter need not in their midst.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import time
from collections.abc import Callable
from typing import Final

from .clients import OURS
from .paced import sent_at
from .payloads import REQUESTS

PEER: Final = "websockets.asyncio + json.loads"
WARM: Final = 0.1
"""Of the messages, the first are not counted."""

Arrived = list[tuple[str, int]]
"""The stamp of each message, and when it was there."""


def ours(url: str, kind: str, count: int) -> Arrived:
    import trio

    import pushwire
    from pushwire import bitpanda, gelabs

    arrived: Arrived = []

    async def pushes() -> None:
        config = gelabs.Config(api_key=pushwire.Secret("key"), url=url)
        async with pushwire.connect(config, store=pushwire.MemoryStore(), close_within=0.1) as stream:
            async for event in stream:
                if not arrived:
                    gc.collect()
                if isinstance(event, gelabs.Transaction):
                    arrived.append((event.message_id or "", time.monotonic_ns()))
                    if len(arrived) == count:
                        break

    async def prices() -> None:
        config = bitpanda.Config(token=pushwire.Secret("token"), url=url)
        async with pushwire.connect(config, close_within=0.1) as stream:
            await stream.call(bitpanda.Subscribe("prices-v1"))
            gc.collect()
            async for event in stream:
                if isinstance(event, bitpanda.Price):
                    now = time.monotonic_ns()
                    arrived.append((str(event.bid), now))
                    if len(arrived) == count:
                        break

    trio.run(pushes if kind == "push" else prices)
    return arrived


def peer(url: str, kind: str, count: int) -> Arrived:
    from websockets.asyncio.client import connect

    arrived: Arrived = []

    async def main() -> None:
        async with connect(url, compression=None, close_timeout=0.1) as connection:
            if REQUESTS[kind]:
                await connection.send(REQUESTS[kind])
            json.loads(await connection.recv())
            gc.collect()
            async for text in connection:
                message = json.loads(text)
                arrived.append((message["id" if kind == "push" else "BP"], time.monotonic_ns()))
                if len(arrived) == count:
                    break

    asyncio.run(main())
    return arrived


CLIENTS: Final[dict[str, Callable[[str, str, int], Arrived]]] = {OURS: ours, PEER: peer}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("client", choices=list(CLIENTS))
    parser.add_argument("port", type=int)
    parser.add_argument("kind", choices=list(REQUESTS))
    parser.add_argument("count", type=int)
    arguments = parser.parse_args()
    arrived = CLIENTS[arguments.client](f"ws://127.0.0.1:{arguments.port}/", arguments.kind, arguments.count)
    late = [(at - sent_at(stamp)) / 1e9 for stamp, at in arrived[int(len(arrived) * WARM) :]]
    cuts = statistics.quantiles(late, n=100)
    print(json.dumps({"p50": cuts[49], "p99": cuts[98], "most": max(late)}))


if __name__ == "__main__":
    main()
