"""A process that is watched by `preload`, as in the tests here: a workload as it is, or a short one with a fault at every call.

`python -m tests.powerloss.watched FOLDER WORKLOAD` or `... FOLDER WORKLOAD KINDS ERROR TIMES [planted]`, under
`preload.observed`.
"""

from __future__ import annotations

import errno
import itertools
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final, TypeVar
from unittest.mock import Mock

import trio

from pushwire.errors import PushwireError
from pushwire.relay.sinks.base import Sink
from pushwire.relay.sinks.jsonl import JsonlSink
from pushwire.relay.sinks.jsonl_file import LineFile
from pushwire.relay.sinks.sqlite import SqliteSink
from pushwire.stores.sqlite import SqliteStore
from tests.powerloss.judges import FILES
from tests.powerloss.preload import Faults
from tests.powerloss.workloads import CHECKPOINT, Plan, Told, entry_of, run, settle
from tests.stores.kit import NAMESPACE, inside

ResultT = TypeVar("ResultT")

NUMBERS: Final = 8
PATIENCE: Final = 30
"""Attempts after which a fault that does not go away is a failure."""


async def _persistently(work: Callable[[], Awaitable[ResultT]], mend: Callable[[], Awaitable[object]] | None = None) -> ResultT:
    """As the relay does: what failed is mended and done again."""
    for _ in range(PATIENCE):
        try:
            return await work()
        except (PushwireError, OSError):
            if mend is not None:
                await mend()
    return await work()


async def _ledger(path: Path, told: Told) -> None:
    store = SqliteStore(path)
    await _persistently(partial(store.open, NAMESPACE))
    await inside(store, lambda file: file._db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}").close())

    async def one(number: int) -> None:
        committed = await settle(store, number)
        for error in committed.failed.values():
            raise OSError("in the booking") from error

    for number in range(1, NUMBERS + 1):
        await _persistently(partial(one, number))
        told([number])
    await store.close(NAMESPACE)


async def _sink(sink: Sink, told: Told) -> None:
    await _persistently(sink.open)

    async def again() -> None:
        await sink.close()
        await _persistently(sink.open)

    for number in range(1, NUMBERS + 1, 2):
        await _persistently(partial(sink.write, [entry_of(number), entry_of(number + 1)]), again)
        told([number, number + 1])
    await sink.close()


async def _through(workload: str, path: Path, told: Told) -> None:
    match workload:
        case "ledger":
            await _ledger(path, told)
        case "sqlite":
            await _sink(SqliteSink(path), told)
        case _:
            await _sink(JsonlSink(path, rotate=4_000), told)


def everywhere(place: Path, workload: str, kinds: str, error: int, times: int) -> None:
    """Again and again, each time with the fault one call later, until there are no more calls."""
    faults = Faults()
    for number in itertools.count():
        where = place / str(number)
        where.mkdir()
        faults.fail(kinds, number, times, error)
        trio.run(_through, workload, where / FILES[workload], partial(faults.told, where.name))
        if faults.seen() <= number:
            return


def main(place: str, workload: str, kinds: str = "", error: str = "", times: str = "1", planted: str = "") -> None:
    if planted:
        LineFile._cut = Mock()  # type: ignore[method-assign] # what a failed sync may have lost stays, and is believed
    if kinds:
        everywhere(Path(place), workload, kinds, getattr(errno, error), int(times))
        return
    where = Path(place) / "0"
    where.mkdir()
    run(workload, where / FILES[workload], Plan(), partial(Faults().told, where.name))


if __name__ == "__main__":
    main(*sys.argv[1:])
