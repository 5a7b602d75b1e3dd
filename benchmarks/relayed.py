"""The relay of `benchmarks.relay`: one process, kept to one core, that relays from a port into files and says what that took.

It is what `pushwire relay FILE.toml` runs, beside a task that looks now and then how far it has come.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import threading
import time
from pathlib import Path
from typing import Final

import attrs
import trio

from pushwire.relay.config import parse
from pushwire.relay.run import Relay
from pushwire.stores.sqlite import SqliteStore

EVERY: Final = 0.1
"""Seconds between looks."""
STREAM: Final = "wallets"


@attrs.frozen
class Look:
    """How far it was at a moment. Times are seconds; `threads` is CPU time by the thread's name."""

    at: float
    stored: int
    cpu: float
    threads: dict[str, float]

    @classmethod
    def now(cls, stored: int) -> Look:
        threads = {thread.name: _cpu_of(thread.native_id) for thread in threading.enumerate() if thread.native_id is not None}
        return cls(time.perf_counter(), stored, time.process_time(), threads)


def _cpu_of(thread: int) -> float:
    """Seconds that the kernel says a thread has run."""
    return int(Path(f"/proc/self/task/{thread}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9


async def relay(port: int, count: int, warm: int, folder: Path) -> tuple[Look, Look]:
    """Relay `count` messages. Returns how it stood when `warm` of them were stored, and when all were."""
    config = parse(
        {
            "ledger": str(folder / "ledger.db"),
            "sink": {"kind": "sqlite", "path": str(folder / "events.db")},
            "streams": {STREAM: {"provider": "gelabs", "settings": {"url": f"ws://127.0.0.1:{port}/", "close_within": 0.1}}},
        }
    )
    ledger = None if config.ledger is None else SqliteStore(config.ledger)
    running = Relay(config.streams, config.sink.make(), ledger=ledger, limits=config.limits, timing=config.timing)
    looks: list[Look] = []

    async def watch() -> None:
        while not looks or looks[-1].stored < count:
            await trio.sleep(EVERY)
            stored = running.counts.get("stored", 0)
            if stored >= warm:
                looks.append(Look.now(stored))
        running.stop()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        await running.run()
    return looks[0], looks[-1]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("warm", type=int)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    first, last = trio.run(relay, arguments.port, arguments.count, arguments.warm, arguments.folder)
    events = max(1, last.stored - first.stored)
    each = {name: (last.threads[name] - spent) / events * 1e6 for name, spent in first.threads.items() if name in last.threads}
    told = {
        "events": last.stored - first.stored,
        "seconds": last.at - first.at,
        "events_per_second": events / (last.at - first.at or 1.0),
        "cpu_microseconds": (last.cpu - first.cpu) / events * 1e6,
        "cpu_microseconds_by_thread": each,
        "share_of_the_core": (last.cpu - first.cpu) / (last.at - first.at or 1.0),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
