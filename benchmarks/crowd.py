"""Many idle connections in one process: what each takes of memory, and all of them of CPU. Runs in a process of its own."""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

import trio

from .clients import OURS

BARE: Final = "websockets.trio"
NEVER: Final = 1e6
"""Seconds between pings, where there are to be none."""
SETTLE: Final = 1.0
"""Seconds from the last connection to the measure."""

Opened = Callable[[], None]


def memory() -> int:
    """Bytes of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


async def ours(url: str, pings: bool, opened: Opened) -> None:
    import pushwire
    from pushwire import gelabs

    key = pushwire.Secret("key")
    config = gelabs.Config(api_key=key, url=url) if pings else gelabs.Config(api_key=key, url=url, ping_interval=NEVER)
    async with pushwire.connect(config, store=pushwire.MemoryStore()) as stream:
        opened()
        async for _ in stream:
            pass


async def bare(url: str, pings: bool, opened: Opened) -> None:
    from websockets.trio.client import connect

    async with connect(url, ping_interval=20 if pings else None) as connection:
        opened()
        async for _ in connection:
            pass


CLIENTS: Final[dict[str, Callable[[str, bool, Opened], Awaitable[None]]]] = {OURS: ours, BARE: bare}


async def idle(client: Callable[[str, bool, Opened], Awaitable[None]], url: str, pings: bool, count: int, seconds: float) -> None:
    """Open one connection more than that, the first being what a process needs once, and do nothing."""
    opened = 0
    arrived = trio.Event()

    def one() -> None:
        nonlocal opened, arrived
        opened += 1
        arrived.set()
        arrived = trio.Event()

    async with trio.open_nursery() as nursery:
        before = 0
        for number in range(count + 1):
            came = arrived
            nursery.start_soon(partial(client, url, pings, one))
            await came.wait()
            if number == 0:
                await trio.sleep(SETTLE)
                gc.collect()
                before = memory()
        assert opened == count + 1
        await trio.sleep(SETTLE)
        gc.collect()
        after = memory()
        begun = time.process_time()
        await trio.sleep(seconds)
        cpu = time.process_time() - begun
        print(json.dumps({"each": (after - before) / count, "whole": after, "cpu": cpu, "seconds": seconds}), flush=True)
        nursery.cancel_scope.cancel()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("client", choices=list(CLIENTS))
    parser.add_argument("port", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("seconds", type=float, help="how long to look at the CPU")
    parser.add_argument("--no-pings", action="store_true")
    arguments = parser.parse_args()
    url = f"ws://127.0.0.1:{arguments.port}/"
    trio.run(idle, CLIENTS[arguments.client], url, not arguments.no_pings, arguments.count, arguments.seconds)


if __name__ == "__main__":
    main()
