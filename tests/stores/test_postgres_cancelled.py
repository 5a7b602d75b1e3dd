"""The ledger in PostgreSQL, cancelled at every moment of trio's and at every step of its thread.

Afterwards: no thread, no connection on the server, no lock held there, what was committed is whole, and the store works again.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeAlias

import attrs
import psycopg
import pytest
import trio
import trio.testing
from psycopg.rows import TupleRow

from pushwire.core.effects import Committed, Identity
from pushwire.errors import StoreError
from pushwire.stores.postgres import PostgresStore
from pushwire.stores.postgres_ledger import PostgresLedger
from tests.shell.cancelled import answered, world
from tests.shell.checkpoints import Attempt, Cancelled, Figures, Returned, at_every_moment, standing
from tests.shell.streams import transaction
from tests.stores.kit import NAMESPACE, Gate, settling
from tests.stores.postgres_kit import Schema, ack, inside, numbers, opened
from tests.stores.postgres_server import PostgresServer
from tests.stores.thread_steps import at_every_step, ended

pytestmark = pytest.mark.slow

Work: TypeAlias = Callable[[Attempt, "Place"], Awaitable[None]]


class Moments(Protocol):
    """Of trio's, and steps of the thread; `exact` is about the latter."""

    def __call__(self, work: Work, *, exact: bool = True) -> tuple[Figures, Figures]: ...


@attrs.frozen
class Place:
    """A schema of its own, with a name for the connections that are made to it; `observer` looks from outside."""

    schema: Schema
    name: str
    observer: psycopg.Connection[TupleRow]

    def store(self, **options: Any) -> PostgresStore:  # keyword arguments of several types
        options.setdefault("lock_timeout", 0.5)
        return PostgresStore(f"{self.schema.dsn} application_name={self.name}", schema=self.schema.name, **options)

    def column(self, statement: str) -> list[object]:
        return [row[0] for row in self.observer.execute(statement.encode()).fetchall()]

    def booked(self) -> int:
        """How many bookings there are."""
        if self.column(f"SELECT to_regclass('{self.schema.name}.mine')") == [None]:
            return 0
        return len(self.column(f"SELECT number FROM {self.schema.name}.mine"))

    def book(self, db: psycopg.Connection[TupleRow]) -> None:
        db.execute("CREATE TABLE IF NOT EXISTS mine (number INTEGER)")
        db.execute("INSERT INTO mine VALUES (1)")

    def backends(self) -> list[object]:
        return self.column(f"SELECT pid FROM pg_stat_activity WHERE application_name = '{self.name}'")

    def deserted(self) -> None:
        """No connection is left on the server, and with it no lock."""
        # The server takes its time to find out that a connection was closed: as long as some questions take.
        for _ in range(100_000):
            if not self.backends():
                return
        raise AssertionError("a connection is left on the server")


@pytest.fixture
def observer(postgres: PostgresServer) -> Generator[psycopg.Connection[TupleRow]]:
    with psycopg.connect(postgres.dsn, autocommit=True) as db:
        yield db


@pytest.fixture
def moments(postgres: PostgresServer, observer: psycopg.Connection[TupleRow]) -> Moments:
    """Puts a life to every moment of both kinds, each time in a schema of its own."""
    serials = itertools.count(1)

    def life_of(work: Work) -> Callable[[Attempt], Awaitable[None]]:
        async def life(attempt: Attempt) -> None:
            name = f"cancelled_{observer.info.backend_pid}_{next(serials)}"
            place = Place(Schema(postgres, name), name, observer)
            await work(attempt, place)
            ended()
            place.deserted()

        return life

    def put(work: Work, *, exact: bool = True) -> tuple[Figures, Figures]:
        life = life_of(work)
        return at_every_moment(life, clock=standing, exact=False), at_every_step(life, exact=exact)

    return put


@asynccontextmanager
async def at_a_gate(store: PostgresStore, first: Callable[[], Awaitable[object]]) -> AsyncGenerator[None]:
    """Another task waits for the thread, which goes on when all that is done meanwhile waits as well."""
    gate = Gate()

    async def open_it() -> None:
        await trio.testing.wait_all_tasks_blocked()
        gate.open()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(inside, store, gate)
        await gate.reached()
        nursery.start_soon(first)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(open_it)
        yield


async def works(store: PostgresStore, namespace: str = NAMESPACE) -> None:
    """It can be opened, used and closed, as if nothing had been."""
    async with opened(store, namespace):
        assert await ack(store, 7, namespace=namespace) == Committed({})
        assert 7 in await numbers(store, namespace)


def test_opening_a_store_that_has_no_tables_yet(moments: Moments) -> None:
    async def work(attempt: Attempt, place: Place) -> None:
        store = place.store()
        outcome = await attempt.run(lambda: store.open(NAMESPACE))
        if isinstance(outcome, Returned):
            await store.close(NAMESPACE)
        await works(store)
        await works(place.store())

    trios, steps = moments(work)
    # It begins with its thread, and what that has begun is seen through.
    assert (trios.cancelled, steps.cancelled) == (0, 0)
    assert steps.moments > 10


def test_opening_a_second_namespace(moments: Moments) -> None:
    async def work(attempt: Attempt, place: Place) -> None:
        async with opened(place.store()) as store:
            outcome = await attempt.run(lambda: store.open("other"))
            if isinstance(outcome, Returned):
                await store.close("other")
            await works(store, "other")
            await works(place.store(), "third")
            assert await ack(store, 1) == Committed({})

    moments(work)


def test_opening_while_another_task_opens(moments: Moments) -> None:
    async def work(attempt: Attempt, place: Place) -> None:
        store = place.store()
        async with opened(store):
            async with at_a_gate(store, lambda: store.open("third")):
                outcome = await attempt.run(lambda: store.open("other"), reconnects=True)
            for namespace in ("third", *(("other",) * isinstance(outcome, Returned))):
                await store.close(namespace)
            await works(store, "other")

    trios, steps = moments(work)
    # Whoever waits for another's opening need not.
    assert trios.cancelled > 1
    assert steps.cancelled > 1


def test_opening_what_another_store_holds(moments: Moments) -> None:
    async def work(attempt: Attempt, place: Place) -> None:
        async with opened(place.store()) as holder:
            store = place.store(lock_timeout=0.01)
            outcome = await attempt.run(lambda: store.open(NAMESPACE), raising=StoreError)
            assert not isinstance(outcome, Returned)
            assert await ack(holder, 1) == Committed({})
        await works(store)

    moments(work)


def test_a_commit_with_a_booking(moments: Moments) -> None:
    async def work(attempt: Attempt, place: Place) -> None:
        async with opened(place.store()) as store:
            outcome = await attempt.run(lambda: ack(store, 1, place.book))
            stored = await numbers(store)
            assert (stored, place.booked()) in [([1], 1), ([], 0)], "half of it is done"
            assert stored if isinstance(outcome, Returned) else not stored
            # Done once more, it is done, and booked once.
            assert await ack(store, 1, place.book) == Committed({})
            assert (await numbers(store), place.booked()) == ([1], 1)

    trios, steps = moments(work)
    # What has begun is seen through.
    assert (trios.cancelled, steps.cancelled) == (0, 0)
    assert steps.moments > 10


def test_one_of_two_commits_that_wait_at_the_same_time(moments: Moments) -> None:
    async def work(attempt: Attempt, place: Place) -> None:
        async with opened(place.store()) as store:
            async with at_a_gate(store, lambda: ack(store, 2)):
                outcome = await attempt.run(lambda: ack(store, 1, place.book), reconnects=True)
            stored = await numbers(store)
            assert stored == ([1, 2] if isinstance(outcome, Returned) else [2])
            assert place.booked() == (1 in stored)

    moments(work)


def test_a_commit_for_which_the_connection_must_be_made_anew(moments: Moments) -> None:
    async def work(attempt: Attempt, place: Place) -> None:
        async with opened(place.store()) as store:
            lost = await inside(store, lambda ledger: ledger._connected().info.backend_pid)
            assert place.column(f"SELECT pg_terminate_backend({lost}, 60000)") == [True]
            outcome = await attempt.run(lambda: ack(store, 1, place.book))
            stored = await numbers(store)
            assert (stored, place.booked()) in [([1], 1), ([], 0)], "half of it is done"
            assert stored if isinstance(outcome, Returned) else not stored
            assert len(place.backends()) == 1
            assert await ack(store, 1, place.book) == Committed({})
            assert place.booked() == 1

    _, steps = moments(work)
    assert steps.moments > 20


@pytest.mark.parametrize("what", ["payloads", "parked", "discard"])
def test_looking_into_the_ledger(moments: Moments, what: str) -> None:
    async def work(attempt: Attempt, place: Place) -> None:
        async with opened(place.store()) as store:
            calls: dict[str, Callable[[], Awaitable[object]]] = {
                "payloads": lambda: store.payloads(NAMESPACE, []),
                "parked": store.parked,
                "discard": lambda: store.discard_parked([Identity(("k",), ("v",))]),
            }
            await attempt.run(calls[what])
            assert await ack(store, 1) == Committed({})

    moments(work)


def test_leaving_one_namespace_of_two(moments: Moments) -> None:
    async def work(attempt: Attempt, place: Place) -> None:
        async with opened(place.store()) as store:
            await store.open("other")
            outcome = await attempt.run(lambda: store.close("other"))
            assert isinstance(outcome, Returned)
            await works(place.store(), "other")
            assert await ack(store, 1) == Committed({})

    moments(work)


def test_closing(moments: Moments) -> None:
    async def work(attempt: Attempt, place: Place) -> None:
        store = place.store()
        await store.open(NAMESPACE)
        assert await ack(store, 1) == Committed({})
        outcome = await attempt.run(lambda: store.close(NAMESPACE))
        assert isinstance(outcome, Returned)
        ended()
        place.deserted()
        async with opened(place.store()) as other:
            assert await numbers(other) == [1]

    moments(work)


# A whole stream


def test_connecting_with_such_a_store(moments: Moments) -> None:
    async def work(attempt: Attempt, place: Place) -> None:
        store = place.store()
        async with world() as made:

            async def operation() -> None:
                async with made.connect(store) as stream:
                    attempt.end()
                    await answered(stream)

            await attempt.run(operation)
            ended()
            place.deserted()
            await made.works(store)

    trios, steps = moments(work, exact=False)
    assert trios.cancelled > 1
    assert steps.cancelled > 10


def test_an_ack_of_a_stream_with_a_booking(moments: Moments) -> None:
    async def work(attempt: Attempt, place: Place) -> None:
        store = place.store()
        async with world() as made, made.connect(store) as stream:
            made.provider.push(1)
            event = await transaction(stream, 1)
            await trio.testing.wait_all_tasks_blocked()
            outcome = await attempt.run(lambda: stream.ack(event, book=place.book))
            # Who is cancelled need not wait for what has begun; leaving does.
            assert isinstance(outcome, Cancelled) or place.booked() == 1
            await stream.ack(event, book=place.book)
            assert place.booked() == 1
            await made.provider.until(lambda: not made.provider.owed)

    trios, steps = moments(work, exact=False)
    assert trios.cancelled > 1
    assert steps.cancelled > 10


# What the harness is worth


def test_a_connection_that_is_not_closed_is_found(moments: Moments, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[object] = []

    def forget(ledger: PostgresLedger) -> None:
        kept.append(ledger._connection)
        ledger._connection = None

    async def work(attempt: Attempt, place: Place) -> None:
        await attempt.run(lambda: opened_and_closed(place.store()))

    def believe(place: Place) -> None:
        return

    monkeypatch.setattr(PostgresLedger, "_drop", forget)
    monkeypatch.setattr(Place, "deserted", believe)
    with pytest.raises(AssertionError, match="a file or a socket is left"):
        moments(work)
    for connection in kept:
        assert isinstance(connection, psycopg.Connection)
        connection.close()


async def opened_and_closed(store: PostgresStore) -> None:
    async with opened(store):
        await store.commit(NAMESPACE, [settling(1)], 1.0, {})


def test_a_store_that_gives_up_what_its_thread_has_begun_is_found(moments: Moments, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(attempt: Attempt, place: Place) -> None:
        async with opened(place.store()) as store:
            outcome = await attempt.run(lambda: ack(store, 1, place.book))
            stored = await numbers(store)
            assert stored if isinstance(outcome, Returned) else not stored, "it was cancelled, and is stored"

    async def wait(job: Any) -> object:  # of any result
        await job._done.wait()
        return job._result

    monkeypatch.setattr("pushwire.stores.writer.Job.wait", wait)
    with pytest.raises(AssertionError, match="it was cancelled, and is stored"):
        moments(work)
