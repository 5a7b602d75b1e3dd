"""Settling, cancelled at every moment: booked and settled, or neither; the status says which, and it may be done again.

Whatever the moment: each event is booked once in the end, ACKed to the provider, and never before it was booked.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
import trio.testing

import pushwire
from pushwire import gelabs
from pushwire.core.machine import Phase
from tests.shell.cancelled import TRANSPORTS, LazyStore, Transport, World, answered, nobody_waits, world
from tests.shell.checkpoints import Attempt, Cancelled, Outcome, Raised, Returned, at_every_moment, one_life, standing, virtual
from tests.shell.provider import tx_hash
from tests.shell.streams import transaction

Events = Sequence[gelabs.Transaction]


@attrs.define
class Books:
    """Who books: in a list, or in the store's own database."""

    path: Path | None = None
    listed: list[str] = attrs.Factory(list[str])
    refuses: bool = False

    def book(self, *events: gelabs.Transaction) -> Callable[[Any], None]:
        def write(db: sqlite3.Connection | None) -> None:
            for event in events:
                if db is None:
                    self.listed.append(event.tx_hash)
                else:
                    db.execute("CREATE TABLE IF NOT EXISTS bookings (tx_hash TEXT)")
                    db.execute("INSERT INTO bookings VALUES (?)", (event.tx_hash,))
            if self.refuses:
                self.listed.clear()
                raise KeyError("no such account")

        return write

    async def booked(self, store: pushwire.SqliteStore | pushwire.MemoryStore) -> list[str]:
        if not isinstance(store, pushwire.SqliteStore):
            return sorted(self.listed)

        def look(db: sqlite3.Connection) -> list[str]:
            with contextlib.suppress(sqlite3.OperationalError):  # there is no such table yet
                return sorted(row[0] for row in db.execute("SELECT tx_hash FROM bookings"))
            return []

        return await store.read(look)


@attrs.define
class Settling:
    """A stream with some events in hand."""

    made: World
    stream: pushwire.AckStream[gelabs.Event, gelabs.Transaction, Any]
    store: Any
    books: Books
    events: Events

    async def look(self, outcome: Outcome[None]) -> bool:
        """Whether it is settled: all of it is, or nothing."""
        await trio.testing.wait_all_tasks_blocked()
        booked = await self.books.booked(self.store)
        unacked = self.stream.status.session.unacked
        keys = sorted(event.tx_hash for event in self.events)
        assert (booked, unacked) in [(keys, 0), ([], len(keys))], "half of it is done"
        assert set(self.made.provider.acks) <= set(booked), "ACKed before it was booked"
        assert not isinstance(outcome, Returned) or unacked == 0, "it returned, and nothing is settled"
        assert not isinstance(outcome, Raised) or unacked, "it raised, and is settled"
        nobody_waits(self.stream)
        return unacked == 0

    async def again(self) -> None:
        """Done once more, it is done."""
        self.books.refuses = False
        await self.stream.ack(*self.events, book=self.books.book(*self.events))
        assert await self.books.booked(self.store) == sorted(event.tx_hash for event in self.events)
        await self.made.provider.until(lambda: not self.made.provider.owed)
        # No frame says more than was booked, and none is needed twice on one connection.
        if self.stream.status.session.generation == 1:
            assert sorted(self.made.provider.acks) == sorted(event.tx_hash for event in self.events)
        nobody_waits(self.stream)


Work = Callable[[Attempt, Settling], Awaitable[None]]


async def live(attempt: Attempt, work: Work, store: Any, books: Books, transport: Transport = "memory", count: int = 1) -> None:
    """A life: `count` events come, `work` does something about them."""
    async with world(transport) as made:
        async with made.connect(store) as stream:
            consumer = aiter(stream)
            for number in range(1, count + 1):
                made.provider.push(number)
            events = [await transaction(consumer, number) for number in range(1, count + 1)]
            await trio.testing.wait_all_tasks_blocked()
            await work(attempt, Settling(made, stream, store, books, events))
        assert not made.provider.owed


async def ack(attempt: Attempt, its: Settling) -> None:
    outcome = await attempt.run(lambda: its.stream.ack(*its.events, book=its.books.book(*its.events)))
    await its.look(outcome)
    await its.again()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_ack_with_a_store_in_memory_is_one_step_that_nothing_can_cancel(transport: Transport) -> None:
    def life(attempt: Attempt) -> Awaitable[None]:
        return live(attempt, ack, pushwire.MemoryStore(), Books(), transport, 3)

    assert one_life(life, 0, virtual).moments == 0


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_ack_whose_commit_takes_time(transport: Transport) -> None:
    def life(attempt: Attempt) -> Awaitable[None]:
        attempt.patience = 2.0  # a commit may be under way already
        return live(attempt, ack, LazyStore(), Books(), transport, 2)

    assert at_every_moment(life).cancelled > 1


def test_an_ack_whose_commit_fails() -> None:
    async def fail(attempt: Attempt, its: Settling) -> None:
        its.store.failing = 10
        book = its.books.book(*its.events)
        outcome = await attempt.run(lambda: its.stream.ack(*its.events, book=book), raising=pushwire.StoreError)
        its.store.failing = 0
        await trio.sleep(5)
        assert not await its.look(outcome)
        await its.again()

    def life(attempt: Attempt) -> Awaitable[None]:
        attempt.patience = 2.0
        return live(attempt, fail, LazyStore(), Books())

    assert at_every_moment(life).cancelled > 1


def test_an_ack_whose_connection_ends_meanwhile() -> None:
    async def drop(attempt: Attempt, its: Settling) -> None:
        its.made.provider.peers[-1].drop()
        book = its.books.book(*its.events)
        outcome = await attempt.run(lambda: its.stream.ack(*its.events, book=book), reconnects=True)
        await its.look(outcome)
        await its.again()

    def life(attempt: Attempt) -> Awaitable[None]:
        attempt.patience = 2.0
        return live(attempt, drop, LazyStore(), Books(), "wire", 2)

    assert at_every_moment(life).cancelled > 1


def test_one_of_two_acks_that_share_a_commit() -> None:
    async def both(attempt: Attempt, its: Settling) -> None:
        first, second = its.events
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: its.stream.ack(second, book=its.books.book(second)))
            await attempt.run(lambda: its.stream.ack(first, book=its.books.book(first)), reconnects=True)
        assert second.tx_hash in its.books.listed
        assert its.stream.status.session.unacked == (first.tx_hash not in its.books.listed)
        nobody_waits(its.stream)
        await its.again()

    def life(attempt: Attempt) -> Awaitable[None]:
        attempt.patience = 2.0
        return live(attempt, both, LazyStore(), Books(), count=2)

    assert at_every_moment(life).cancelled > 1


def test_setting_a_poison_event_aside() -> None:
    async def park(attempt: Attempt, its: Settling) -> None:
        (event,) = its.events
        outcome = await attempt.run(lambda: its.stream.park(event, "poison"))
        parked = await its.store.parked()
        assert len(parked) == (its.stream.status.session.unacked == 0)
        assert parked or isinstance(outcome, Cancelled)
        nobody_waits(its.stream)
        if not parked:
            await its.stream.park(event, "poison")
        assert len(await its.store.parked()) == 1
        await its.made.provider.until(lambda: not its.made.provider.owed)

    def life(attempt: Attempt) -> Awaitable[None]:
        attempt.patience = 2.0
        return live(attempt, park, LazyStore(), Books())

    assert at_every_moment(life).cancelled > 1


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_finishing_what_was_acked_on_receipt(seconds: float) -> None:
    async def life(attempt: Attempt) -> None:
        attempt.patience = 2 * seconds
        books, store = Books(), LazyStore(seconds)
        async with world("wire") as made:
            async with made.connect(store, ack="on_receipt") as stream:
                made.provider.push(1)
                event = await transaction(stream, 1)
                await trio.testing.wait_all_tasks_blocked()
                assert made.provider.acks == [tx_hash(1)]
                await attempt.run(lambda: stream.ack(event, book=books.book(event)))
                done = not stream.status.session.unacked
                assert books.listed == [event.tx_hash] * done
            # What is not finished is delivered again by the next run, from the store.
            async with made.connect(store, ack="on_receipt") as stream:
                if not done:
                    revived = await transaction(stream, 1)
                    await stream.ack(revived, book=books.book(revived))
                await answered(stream)
                assert stream.status.session.phase is Phase.READY
                assert stream.status.session.unacked == 0
            assert books.listed == [event.tx_hash]
            assert made.provider.acks == [tx_hash(1)]

    assert at_every_moment(life).cancelled > 1


# With a store in a file, and its thread


def in_a_file(folder: Path, work: Work, *, count: int = 1, transport: Transport = "memory") -> int:
    paths = (folder / f"{number}.db" for number in itertools.count())

    def life(attempt: Attempt) -> Awaitable[None]:
        path = next(paths)
        return live(attempt, work, pushwire.SqliteStore(path), Books(path), transport, count)

    return at_every_moment(life, clock=standing, exact=False).cancelled


@pytest.mark.parametrize("count", [1, 3])
def test_an_ack_with_a_store_in_a_file(tmp_path: Path, count: int) -> None:
    assert in_a_file(tmp_path, ack, count=count, transport="wire") > 1


def test_a_booking_that_is_refused(tmp_path: Path) -> None:
    async def refused(attempt: Attempt, its: Settling) -> None:
        its.books.refuses = True
        book = its.books.book(*its.events)
        outcome = await attempt.run(lambda: its.stream.ack(*its.events, book=book), raising=KeyError)
        assert not await its.look(outcome)
        await its.again()

    assert in_a_file(tmp_path, refused) > 1


def test_a_transaction_of_the_callers_own_and_its_receipt(tmp_path: Path) -> None:
    async def own(attempt: Attempt, its: Settling) -> None:
        store, (event,) = its.store, its.events

        def work(db: sqlite3.Connection) -> pushwire.Receipt:
            its.books.book(event)(db)
            receipt: pushwire.Receipt = store.finish(db, event)
            return receipt

        async def operation() -> None:
            await its.stream.ack(event, receipt=await store.run(work))

        await attempt.run(operation)
        booked = await its.books.booked(store)
        # Durable or not at all; the stream may not have been told yet. An ACK with a booking tells it, and books at most once.
        assert booked in ([], [event.tx_hash])
        assert set(its.made.provider.acks) <= set(booked)
        nobody_waits(its.stream)
        await its.again()

    assert in_a_file(tmp_path, own) > 1
