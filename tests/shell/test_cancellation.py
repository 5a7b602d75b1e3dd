"""Cancelled at every step of any task, one step later in each run, until a run gets through uncancelled.

Whatever the step: no task, connection or thread is left, nothing but the cancellation arrives, and the next run finds a ledger it
can go on with: each transaction is booked once and ACKed.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import attrs
import pytest
import trio
import trio.testing

import pushwire
from pushwire import gelabs
from pushwire.core.secrets import Secret
from pushwire.stores.base import Store
from tests.shell.provider import Provider, Wall, tx_hash
from tests.shell.streams import LOOK, SUBSCRIBE, SlowNetwork, transaction
from tests.threads import threads_at_work

NUMBERS = (1, 2, 3)
# The clock is a real one where threads are waited for: the waits of a reconnect are short.
CONFIG = gelabs.Config(api_key=Secret("sk-test"), backoff_first=0.002)

AnyStream: TypeAlias = pushwire.AckStream[gelabs.Event, gelabs.Transaction, sqlite3.Connection | None]
Scenario: TypeAlias = Callable[["World", AnyStream], Awaitable[None]]


class CancelAtStep(trio.abc.Instrument):
    """Cancels a scope before the given step of any task, counted from `arm`."""

    def __init__(self, step: int) -> None:
        self.left = step
        self._scope: trio.CancelScope | None = None

    def arm(self, scope: trio.CancelScope | None) -> None:
        self._scope = scope

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if self._scope is not None:
            self.left -= 1
            if self.left == 0:
                self._scope.cancel()


@attrs.define(eq=False)
class World:
    """What outlives the runs of the client."""

    store: Callable[[], Store[sqlite3.Connection | None]]
    path: Path | None = None
    """The store's file, None: it has none."""
    provider: Provider = attrs.Factory(lambda: Provider(SlowNetwork()))
    _booked: list[str] = attrs.Factory(list[str])

    async def finish(self, stream: AnyStream, event: gelabs.Transaction) -> None:
        def book(db: sqlite3.Connection | None) -> None:
            if db is None:
                self._booked.append(event.tx_hash)
            else:
                db.execute("CREATE TABLE IF NOT EXISTS bookings (tx_hash TEXT)")
                db.execute("INSERT INTO bookings VALUES (?)", (event.tx_hash,))

        await stream.ack(event, book=book)

    def booked(self) -> list[str]:
        """While no run has the store open."""
        if self.path is None:
            return sorted(self._booked)
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            try:
                return sorted(row[0] for row in db.execute("SELECT tx_hash FROM bookings"))
            except sqlite3.OperationalError:  # there is no such table yet
                return []

    async def run(self, scenario: Scenario) -> None:
        """One run of the client."""
        async with pushwire.connect(
            CONFIG, store=self.store(), transport=self.provider.network, entropy=Wall().entropy(), close_within=0.5
        ) as stream:
            await scenario(self, stream)

    def is_deserted(self) -> bool:
        return not self.provider.peers and not self.provider.network._waiting


async def in_turn(world: World, stream: AnyStream) -> None:
    """Everything a stream can do, one after the other, a reconnect included."""
    await stream.call(SUBSCRIBE)
    consumer = aiter(stream)
    await world.finish(stream, await transaction(consumer, 1))
    world.provider.peers[-1].drop()
    with contextlib.suppress(pushwire.CommandRefused):
        await stream.call(LOOK)
    second = await transaction(consumer)
    stream.release(second)
    await world.finish(stream, await transaction(consumer))
    third = await anext(stream.batches())
    await world.finish(stream, next(event for event in third if isinstance(event, gelabs.Transaction)))


async def side_by_side(world: World, stream: AnyStream) -> None:
    """Consumers and callers as tasks of the body."""
    finished: set[str] = set()
    done = trio.Event()

    async def consume() -> None:
        async for event in stream:
            if isinstance(event, gelabs.Transaction):
                await world.finish(stream, event)
                finished.add(event.tx_hash)
                if len(finished) == len(NUMBERS):
                    done.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(consume)
        nursery.start_soon(consume)
        nursery.start_soon(stream.call, SUBSCRIBE)
        await done.wait()
        stream.stop()


async def nothing(world: World, stream: AnyStream) -> None:
    """Up and down again."""


async def the_rest(world: World, stream: AnyStream) -> None:
    """The run after: what is owed is settled."""
    while world.provider.owed:
        with trio.move_on_after(0.01):
            await world.finish(stream, await transaction(stream))


async def one_life(world: World, scenario: Scenario, cancel: CancelAtStep) -> bool:
    """A run cancelled at some step, and one that goes on after it. True when the first got through."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.provider.run)
        for number in NUMBERS:
            world.provider.push(number)
        await trio.testing.wait_all_tasks_blocked()
        tasks, threads = trio.lowlevel.current_statistics().tasks_living, threads_at_work()

        with trio.CancelScope() as scope:
            cancel.arm(scope)
            await world.run(scenario)
            cancel.arm(None)
        cancel.arm(None)
        assert threads_at_work() == threads
        await trio.testing.wait_all_tasks_blocked()
        assert trio.lowlevel.current_statistics().tasks_living == tasks
        assert world.is_deserted()
        assert set(world.provider.acks) <= set(world.booked())

        await world.run(the_rest)
        assert world.booked() == [tx_hash(number) for number in NUMBERS]
        assert sorted(set(world.provider.acks)) == world.booked()
        nursery.cancel_scope.cancel()
    return not scope.cancel_called


def until_it_gets_through(
    monkeypatch: pytest.MonkeyPatch, scenario: Scenario, world: Callable[[int], World], clock: Callable[[], trio.abc.Clock | None]
) -> int:
    """How many steps the scenario takes."""
    # Trio shuffles the tasks that are ready; here each step must come again in the next run.
    monkeypatch.setattr("trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING", True)
    for step in itertools.count(1):
        monkeypatch.setattr("trio._core._run._r", random.Random(1))
        cancel = CancelAtStep(step)
        if trio.run(one_life, world(step), scenario, cancel, clock=clock(), instruments=[cancel]):
            return step
    raise AssertionError("not reached")


@pytest.mark.parametrize("scenario", [in_turn, side_by_side, nothing])
def test_at_every_step_with_a_ledger_in_memory(monkeypatch: pytest.MonkeyPatch, scenario: Scenario) -> None:
    def world(step: int) -> World:
        store = pushwire.MemoryStore()
        return World(lambda: store)

    steps = until_it_gets_through(monkeypatch, scenario, world, lambda: trio.testing.MockClock(autojump_threshold=0.0))
    assert steps > 10


@pytest.mark.slow
@pytest.mark.parametrize("scenario", [in_turn, side_by_side, nothing])
def test_at_every_step_with_a_ledger_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scenario: Scenario) -> None:
    def world(step: int) -> World:
        path = tmp_path / f"{step}.db"
        return World(lambda: pushwire.SqliteStore(path), path)

    steps = until_it_gets_through(monkeypatch, scenario, world, lambda: None)
    assert steps > 10
