"""The hostile side of `benchmarks.hostile`, in a process of its own.

`serve` plays the peers of the tests' table, each on a port of its own, and says the ports, by name. `dial PORT COUNT BACK` comes,
over five seconds, with so many connections to a server, each with half a request that grows by a byte a second; who is let go
comes again after BACK seconds, more or less. It says a line once all have come.
"""

from __future__ import annotations

import json
import os
import random
import sys

import trio

from tests.hostile.peers import drip
from tests.hostile.table import AT_THE_DIAL, ONCE_OPEN
from tests.shell.sockets import serve

SLOW = "a byte a second"
RAMP = 5.0
"""Seconds."""


async def play() -> None:
    async with trio.open_nursery() as nursery:
        ports: dict[str, int] = {SLOW: await serve(nursery, drip([b"HTTP/1.1 101 ", *[b"x"] * 10_000], 1.0))}
        for row in AT_THE_DIAL + ONCE_OPEN:
            if row.tls is None and not row.secure:
                ports[row.name] = await serve(nursery, row.peer)
        print(json.dumps(ports), flush=True)


async def hold(port: int) -> None:
    """One connection, until it is let go."""
    try:
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(b"GET /live HTTP/1.1\r\nX-Slow: ")
            await trio.sleep(random.random())
            while True:
                await stream.send_all(b"x")
                with trio.move_on_after(1.0):
                    if not await stream.receive_some():
                        break
    except (OSError, trio.BrokenResourceError):
        pass


async def attack(port: int, count: int, back: float) -> None:
    async def come_again() -> None:
        await trio.sleep(random.random() * RAMP)
        while True:
            await hold(port)
            await trio.sleep(back * (0.5 + random.random()))

    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(come_again)
        await trio.sleep(RAMP)
        print("there", flush=True)


if __name__ == "__main__":
    if os.sched_getscheduler(0) == os.SCHED_FIFO:
        # In life they have machines of their own: the victim's processor is not theirs.
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    if sys.argv[1] == "serve":
        trio.run(play)
    else:
        trio.run(attack, int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
