"""`python -m benchmarks.hostile [--smoke]`: what a thousand hostile sockets cost the good ones; needs the tests' packages.

Three victims, each a process: a client with good streams and hostile ones; a relay's pages; a sandbox. The latency of the good
ones is measured alone and then with the hostile ones there, round by round; the ratio of the 99th percentiles is what counts. And
the time from a dial to its end, for each peer that breaks the rules. On a machine that has other work, run it under `chrt -f 10`:
else the latencies are those of the other work.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from typing import Any, Final

import trio
import trio_websocket

from tests.hostile.server_victim import KEY
from tests.shell.raw_server import Server, raw
from tests.shell.sockets import serve
from tests.wire.server import TEXT, frame

from .hostiles import SLOW
from .results import keep

SIEGE: Final = (SLOW, "bad UTF-8", SLOW, "a redirect, 302", SLOW, "half-closed")
BACK: Final = {"pages": 10.0, "sandbox": 1.0}
"""Seconds until a client that was let go comes again: about a hundred come in a second, since pages let most go at once, and the
sandbox all after ten seconds."""
EVERY: Final = 0.01
"""Seconds from one message of the good server to the next, and between two requests to a server."""
PING: Final = json.dumps({"id": "1", "type": "ping", "data": {}})

Ask = Callable[[], Awaitable[None]]


@contextlib.contextmanager
def process(module: str, *arguments: object) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", module, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        try:
            yield running
        finally:
            running.kill()


def line(running: subprocess.Popen[str]) -> Any:  # whatever JSON it says
    assert running.stdout is not None
    return json.loads(running.stdout.readline())


async def tick(server: Server) -> None:
    """Say what time it is, for ever."""
    while True:
        await server.stream.send_all(frame(TEXT, repr(time.monotonic()).encode()))
        await trio.sleep(EVERY)


async def good_server(stream: trio.abc.Stream) -> None:
    await raw(tick)(stream)


async def client(count: int, seconds: float, ports: dict[str, int]) -> dict[str, list[float]]:
    async with trio.open_nursery() as nursery:
        good = await serve(nursery, good_server)
        bad = [ports[name] for name in itertools.islice(itertools.cycle(SIEGE), count)]
        given = json.dumps({"good": good, "bad": bad, "seconds": seconds})
        done = await trio.run_process([sys.executable, "-m", "benchmarks.besieged", "siege", given], capture_stdout=True)
        nursery.cancel_scope.cancel()
    phases: dict[str, list[float]] = json.loads(done.stdout)
    return phases


@asynccontextmanager
async def pages(port: int) -> AsyncGenerator[Ask, None]:
    """Each request is a connection of its own."""

    async def ask() -> None:
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")

    yield ask


@asynccontextmanager
async def sandbox(port: int) -> AsyncGenerator[Ask, None]:
    """All requests go over one WebSocket."""
    url = f"ws://127.0.0.1:{port}/tx/api/v1/transaction/ws"
    async with trio_websocket.open_websocket_url(url, extra_headers=[(b"X-API-Key", KEY.encode())]) as socket:
        await socket.get_message()

        async def ask() -> None:
            await socket.send_message(PING)
            await socket.get_message()

        yield ask


async def latencies(ask: Ask, seconds: float) -> list[float]:
    taken: list[float] = []
    end = trio.current_time() + seconds
    while trio.current_time() < end:
        began = time.perf_counter()
        await ask()
        taken.append(time.perf_counter() - began)
        await trio.sleep(EVERY)
    return taken


async def server(kind: str, count: int, seconds: float) -> dict[str, list[float]]:
    with process("tests.hostile.server_victim", kind, 10) as victim:
        port = line(victim)
        async with {"pages": pages, "sandbox": sandbox}[kind](port) as ask:
            alone = await latencies(ask, seconds)
            with process("benchmarks.hostiles", "dial", port, count, BACK[kind]) as hostile:
                assert hostile.stdout is not None
                await trio.to_thread.run_sync(hostile.stdout.readline)
                return {"alone": alone, "with them": await latencies(ask, seconds)}


def p99(taken: list[float]) -> float:
    return statistics.quantiles(taken, n=100)[98]


async def measure(count: int, seconds: float, rounds: int) -> dict[str, object]:
    told: dict[str, list[dict[str, float]]] = {"client": [], "pages": [], "sandbox": []}
    with process("benchmarks.hostiles", "serve") as hostile:
        ports = line(hostile)
        for _ in range(rounds):
            for name, rows in told.items():
                phases = await (client(count, seconds, ports) if name == "client" else server(name, count, seconds))
                rows.append({phase: p99(taken) * 1000 for phase, taken in phases.items()})
        named = {name: port for name, port in ports.items() if name != SLOW}
        command = [sys.executable, "-m", "benchmarks.besieged", "ends", json.dumps(named)]
        done = await trio.run_process(command, capture_stdout=True)
    medians = {name: {phase: statistics.median(row[phase] for row in rows) for phase in rows[0]} for name, rows in told.items()}
    ratios = {
        name: {phase: statistics.median(row[phase] / row["alone"] for row in rows) for phase in rows[0] if phase != "alone"}
        for name, rows in told.items()
    }
    return {
        "sockets": count,
        "rounds": rounds,
        "p99_milliseconds": medians,
        "p99_times_alone": ratios,
        "seconds_to_the_end": json.loads(done.stdout),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="few sockets, one round: shows that it runs, measures nothing")
    arguments = parser.parse_args()
    count, seconds, rounds = (20, 0.5, 1) if arguments.smoke else (1_000, 15.0, 3)
    told = trio.run(measure, count, seconds, rounds)
    print(json.dumps(told, indent=2))
    if not arguments.smoke:
        keep("hostile", told)


if __name__ == "__main__":
    main()
