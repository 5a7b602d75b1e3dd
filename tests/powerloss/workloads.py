"""What runs while the disk is recorded: the ledger's store and the sinks, as a relay uses them, deterministically.

Each tells through `told` what it would ACK, by number, in the moment in which the relay could. What a number must have left
behind is `judges`'s business.
"""

from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Final, Literal, TypeAlias

import attrs
import trio
from trio.testing import wait_all_tasks_blocked

from pushwire.core.effects import Committed, Identity, Record, Ticket
from pushwire.errors import StoreError
from pushwire.relay.entries import Entry
from pushwire.relay.sinks.base import Sink
from pushwire.relay.sinks.jsonl import JsonlSink
from pushwire.relay.sinks.sqlite import SqliteSink
from pushwire.relay.sinks.thread import SinkThread, Task
from pushwire.stores.base import Receipt
from pushwire.stores.sqlite import SqliteStore
from tests.relay.kit import entry
from tests.stores.kit import NAMESPACE, Book, delivered, finished, identity, inside, number_of, own, settling, together

__all__ = ["CHECKPOINT", "NAMES", "Plan", "Told", "entry_of", "note", "other_of", "raw", "run", "settle", "text"]

Told: TypeAlias = Callable[[Sequence[int]], None]

ROUNDS: Final = 14
"""In each of two sessions. A round is one transaction, but for the ones that stand alone."""
CHECKPOINT: Final = 24
"""Pages in the log after which SQLite brings them home: in so short a run it is to happen many times. (1,000 by default)"""


@attrs.frozen
class Plan:
    """How it is run. Anything but the defaults is a planted mistake."""

    synchronous: Literal["FULL", "NORMAL", "OFF"] = "FULL"
    tells_early: bool = False

    def pragmas(self) -> Sequence[str]:
        # FULL is what the code under test has set by itself.
        planted = () if self.synchronous == "FULL" else (f"PRAGMA synchronous = {self.synchronous}",)
        return (f"PRAGMA wal_autocheckpoint = {CHECKPOINT}", *planted)


@cache  # every judge asks for all of them
def text(number: int) -> str:
    """What is stored of this number: short, or of several pages."""
    rng = random.Random(number)
    return f"{number}:" + rng.choice("abcdef") * rng.choice((10, 60, 300, 700, 700, 3_000, 9_000))


def raw(number: int) -> str:
    return f"raw {text(number)}"


def note(number: int) -> str:
    return f"why {number}"


# The ledger


async def _ledger(path: Path, plan: Plan, told: Told) -> None:
    for session in range(2):
        store = SqliteStore(path)
        restored = await store.open(NAMESPACE)
        # What is found finished is sent again by its provider, and ACKed without another commit.
        found = sorted(map(number_of, restored.finished))
        told(found)
        number = max(found, default=0) + 1
        try:
            await inside(store, lambda file: [file._db.execute(pragma) for pragma in plan.pragmas()])
            for turn in range(ROUNDS):
                count = 1 + (turn + session) % 4
                numbers = list(range(number, number + count))
                number += count
                if plan.tells_early:
                    told(numbers)
                await _round(store, turn, numbers)
                if not plan.tells_early:
                    told(numbers)
        finally:
            await store.close(NAMESPACE)


async def _round(store: SqliteStore, turn: int, numbers: Sequence[int]) -> None:
    """Several finish, each with its booking; or one is parked, or finished in a transaction of the caller's own."""
    results: Sequence[Committed | StoreError] = ()
    if turn % 6 == 4:
        results = [await store.commit(NAMESPACE, [settling(number, _parked(number))], 0.0, {}) for number in numbers]
    elif turn % 6 == 5:
        for number in numbers:
            await store.run(partial(_finish, store, number))
    else:
        results = await together(store, [partial(settle, store, number) for number in numbers])
    assert all(result == Committed({}) for result in results), results


def _parked(number: int) -> Record:
    return Record("parked", identity(number), 100.0, note(number), raw(number))


async def settle(store: SqliteStore, number: int) -> Committed:
    """Finish it with its booking, and note in the same commit that it and another were delivered."""
    writes = [own(delivered(number), delivered(number + 10_000)), settling(number, finished(number))]
    return await store.commit(NAMESPACE, writes, float(number), {Ticket(number): _booking(number)})


def _booking(number: int) -> Book:
    def book(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE IF NOT EXISTS bookings (number INTEGER, part TEXT, said TEXT)")
        db.executemany("INSERT INTO bookings VALUES (?, ?, ?)", [(number, part, text(number)) for part in ("debit", "credit")])

    return book


def _finish(store: SqliteStore, number: int, db: sqlite3.Connection) -> Receipt:
    _booking(number)(db)
    return store.finish(db, _Event(identity(number)))


@attrs.frozen
class _Event:
    """As much of an event as `finish` looks at."""

    identity: Identity

    def dump(self) -> str:
        return raw(0)


# The sinks


@cache
def entry_of(number: int) -> Entry:
    return entry(number, payload=f'"{text(number)}"')


@cache
def other_of(number: int) -> Entry:
    """The same key with another payload."""
    return entry(number, payload=f'"{raw(number)}"')


async def _sqlite(path: Path, plan: Plan, told: Told) -> None:
    sink = SqliteSink(path)

    async def prepare() -> None:
        await sink._thread.do(Task(lambda: [sink._file._db.execute(pragma) for pragma in plan.pragmas()]))

    await _write(sink, lambda: sink._thread, prepare, plan, told)


async def _jsonl(path: Path, plan: Plan, told: Told) -> None:
    """With a file put aside every few batches."""
    sink = JsonlSink(path, rotate=20_000)
    await _write(sink, lambda: sink._thread, trio.lowlevel.checkpoint, plan, told)


async def _write(
    sink: Sink, thread: Callable[[], SinkThread], prepare: Callable[[], Awaitable[object]], plan: Plan, told: Told
) -> None:
    """Batches that gather, some of them with what came before: as it was, or with another payload.

    It begins with number 1, whatever the file holds: what is there comes again, as after a restart before the ACKs."""
    number = 1
    for session in range(2):
        await sink.open()
        await prepare()
        for turn in range(ROUNDS):
            count = 2 + (turn + session) % 4
            numbers = list(range(number, number + count))
            number += count
            if plan.tells_early:
                told(numbers)
            again = [entry_of(numbers[0] - 1), other_of(numbers[0] - 1)] if turn % 5 == 3 else []
            await _gathered(sink, thread(), [[*map(entry_of, numbers[:2]), *again], list(map(entry_of, numbers[2:]))])
            if not plan.tells_early:
                told(numbers)
        await sink.close()


async def _gathered(sink: Sink, thread: SinkThread, batches: Sequence[Sequence[Entry]]) -> None:
    """These writes wait for the thread at the same time, in this order."""
    gate = threading.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(thread.do, Task(gate.wait))
        await wait_all_tasks_blocked()
        for batch in batches:
            nursery.start_soon(sink.write, batch)
            await wait_all_tasks_blocked()
        gate.set()


_WORKLOADS: Final[dict[str, Callable[[Path, Plan, Told], Awaitable[None]]]] = {
    "ledger": _ledger,
    "sqlite": _sqlite,
    "jsonl": _jsonl,
}
NAMES: Final = tuple(_WORKLOADS)


def run(name: str, path: Path, plan: Plan, told: Told) -> None:
    trio.run(_WORKLOADS[name], path, plan, told)
