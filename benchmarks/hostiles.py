"""The hostile side of `benchmarks.hostile`, in a process of its own.

`serve` plays the peers of the tests' table, each on a port of its own, and says the ports, by name. `dial PORT COUNT` holds so
many connections to a server, each with half a request that grows by a byte a second; who is let go comes back after a second. It
says a line once all have been there.
"""

from __future__ import annotations

import json
import sys

import trio

from tests.hostile.peers import drip
from tests.hostile.table import AT_THE_DIAL, ONCE_OPEN
from tests.shell.sockets import serve

SLOW = "a byte a second"


async def play() -> None:
    async with trio.open_nursery() as nursery:
        ports: dict[str, int] = {SLOW: await serve(nursery, drip([b"HTTP/1.1 101 ", *[b"x"] * 10_000], 1.0))}
        for row in AT_THE_DIAL + ONCE_OPEN:
            if row.tls is None and not row.secure:
                ports[row.name] = await serve(nursery, row.peer)
        print(json.dumps(ports), flush=True)


async def attack(port: int, count: int) -> None:
    there = 0

    async def hold() -> None:
        nonlocal there
        first = True
        while True:
            try:
                async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                    there += first
                    if first and there == count:
                        print("there", flush=True)
                    first = False
                    await stream.send_all(b"GET /live HTTP/1.1\r\nX-Slow: ")
                    while True:
                        await stream.send_all(b"x")
                        with trio.move_on_after(1.0):
                            if not await stream.receive_some():
                                break
            except (OSError, trio.BrokenResourceError):
                pass
            await trio.sleep(1.0)

    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(hold)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        trio.run(play)
    else:
        trio.run(attack, int(sys.argv[2]), int(sys.argv[3]))
