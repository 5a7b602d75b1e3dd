"""A relay whose disk fills while its provider goes on, in a process of its own. It prints what came of it, as JSON.

`python -m tests.relay.cramped KIND CRAMPED HOW SMALL ROOMY`: the sink, what is in the small folder (sink, ledger, both), how that
is filled (disk: by a file beside; limit: no file may grow), the two folders.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import trio

from pushwire.relay.logs import LOGGER
from pushwire.relay.loop import Limits, Timing
from pushwire.relay.run import Relay
from pushwire.relay.sinks.base import Sink
from pushwire.relay.sinks.jsonl import JsonlSink
from pushwire.relay.sinks.sqlite import SqliteSink
from pushwire.sandbox.server import serve
from pushwire.stores.sqlite import SqliteStore
from tests.cli.program import gelabs
from tests.relay.test_run import relaying, stream

BEFORE: Final = 300
"""Messages that are ACKed before the disk is full."""
AFTER: Final = 600
"""That are made when it is, at least."""
COMPLAINTS: Final = 6
"""In the log before there is room again: it has tried more than once."""
LIMITS: Final = Limits(max_events=200, batch_events=50)


class Complaints(logging.Handler):
    """What the relay says went wrong."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []
        self._more = trio.lowlevel.ParkingLot()

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(f"{record.getMessage()}: {getattr(record, 'fields', {}).get('error', '')}")
        self._more.unpark_all()

    async def until(self, count: int) -> None:
        while len(self.heard) < count:
            await self._more.park()


def fill(how: str, small: Path, file: Path) -> Callable[[], None]:
    """From now on nothing more fits. Returns what makes room again."""
    if how == "limit":
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        log = file.with_name(f"{file.name}-wal")
        resource.setrlimit(resource.RLIMIT_FSIZE, ((log if log.exists() else file).stat().st_size, hard))
        return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    ballast = small / "ballast"
    descriptor = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    for size in (1 << 16, 1 << 12, 1):
        try:
            while True:
                os.write(descriptor, b"x" * size)
        except OSError:
            continue
    os.close(descriptor)
    return ballast.unlink


def sink_of(kind: str, path: Path) -> Sink:
    return SqliteSink(path) if kind == "sqlite" else JsonlSink(path, rotate=100_000, zstd=kind == "zstd")


async def main(*arguments: str) -> None:
    kind, cramped, how = arguments[:3]
    small, roomy = map(Path, arguments[3:])
    ledger = (roomy if cramped == "sink" else small) / "ledger.db"
    events = (roomy if cramped == "ledger" else small) / f"events.{kind}"
    complaints = Complaints()
    LOGGER.addHandler(complaints)
    # Without an end, so that however slow this machine is there is something to store when the disk is full; and no faster than
    # the relay beside it can be on a slow one.
    server = gelabs(rate=500)
    async with serve(server) as sandbox:
        timing = Timing(backoff_first=0.01, backoff_cap=0.02, stop_within=5)
        relay = Relay([stream(sandbox.url)], sink_of(kind, events), ledger=SqliteStore(ledger), timing=timing, limits=LIMITS)
        async with relaying(relay):
            await server.until(lambda: server.acks >= BEFORE)
            room = fill(how, small, ledger if cramped == "ledger" else events)
            enough = server.generated + AFTER
            await server.until(lambda: server.generated >= enough)
            server.stop()
            await complaints.until(COMPLAINTS)
            acks, held = server.acks, relay._loop.held("wallets")[0]
            room()
            await server.until(lambda: not server.unacked())
    sent = server.generated
    found = {"sent": sent, "acks": acks, "held": held, "complaints": complaints.heard, "counts": dict(relay.counts)}
    print(json.dumps(found))  # noqa: T201 - for the test that reads it


if __name__ == "__main__":
    trio.run(main, *sys.argv[1:])
