"""The client of `benchmarks.hostile`, in a process of its own: good connections, with hostile ones beside them and without.

The good server writes the time (monotonic, the same for all processes) into each message; how late it is read is the latency. The
hostile ones are whole streams that dial again by their back-off, which is at its longest from the start. Says the latencies, in
seconds, of each phase.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Sequence

import trio

import pushwire
from pushwire import bitpanda
from pushwire.core.effects import Dial
from pushwire.shell.transport import DialFailed
from pushwire.shell.trio_websocket import TrioWebSocketConnector
from pushwire.shell.websocket import WebSocketConnector

GOOD = 10
LONGEST = 60.0
"""Seconds: the default of `backoff_cap`."""


async def listen(port: int, late: list[float]) -> None:
    """Note how late each message is."""
    async with trio.open_nursery() as nursery:
        connection = await WebSocketConnector().dial(Dial(1, f"ws://127.0.0.1:{port}/", {}, 2**20), nursery)
        while True:
            read = await connection.read()
            now = time.monotonic()
            late += [now - float(message) for message in read.messages]


async def suffer(port: int, after: float) -> None:
    await trio.sleep(after)
    config = bitpanda.Config(token=pushwire.Secret("token"), url=f"ws://127.0.0.1:{port}/", backoff_first=LONGEST)
    async with pushwire.connect(config, ready_within=None) as stream:
        async for _ in stream:
            pass


async def siege(good: int, bad: Sequence[int], seconds: float) -> dict[str, list[float]]:
    phases: dict[str, list[float]] = {"alone": [], "while they dial": [], "with them": []}
    late: list[float] = []
    async with trio.open_nursery() as nursery:
        for _ in range(GOOD):
            nursery.start_soon(listen, good, late)
        # What the first stream of a process loads and builds is not the hostile ones' doing.
        with trio.move_on_after(1.0):
            await suffer(good, 0.0)
        late.clear()
        await trio.sleep(seconds)
        phases["alone"] = late.copy()
        for port in bad:
            nursery.start_soon(suffer, port, random.random() * seconds)
        late.clear()
        await trio.sleep(seconds)
        phases["while they dial"] = late.copy()
        late.clear()
        await trio.sleep(seconds)
        phases["with them"] = late.copy()
        nursery.cancel_scope.cancel()
    return phases


async def ends(ports: dict[str, int]) -> dict[str, dict[str, dict[str, float]]]:
    """Seconds from each dial to the end of it, by transport: as they passed, and of our CPU."""
    taken: dict[str, dict[str, dict[str, float]]] = {}
    for name, connector in (("default", WebSocketConnector()), ("trio-websocket", TrioWebSocketConnector())):
        for peer, port in ports.items():
            began, spent = time.perf_counter(), time.process_time()
            async with trio.open_nursery() as nursery:
                try:
                    connection = await connector.dial(Dial(1, f"ws://127.0.0.1:{port}/", {}, 2**20, True), nursery)
                except DialFailed:
                    pass
                else:
                    while (await connection.read()).close is None:
                        pass
                    await connection.aclose()
                seconds = {"passed": time.perf_counter() - began, "cpu": time.process_time() - spent}
                taken.setdefault(peer, {})[name] = seconds
                nursery.cancel_scope.cancel()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["siege", "ends"])
    parser.add_argument("given", help="JSON")
    arguments = parser.parse_args()
    given = json.loads(arguments.given)
    if arguments.what == "ends":
        print(json.dumps(trio.run(ends, given)))
    else:
        print(json.dumps(trio.run(siege, given["good"], given["bad"], given["seconds"])))


if __name__ == "__main__":
    main()
