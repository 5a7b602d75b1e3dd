"""The PostgreSQL sink, cancelled at every moment of trio's and at every step of its thread.

Unlike a store's, its callers do not wait for what has begun: the thread is left to itself, and ends. Afterwards no thread, no
connection on the server and no lock there is left, what was written is stored once, and the sink works again.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Protocol, TypeAlias

import attrs
import psycopg
import pytest
import trio
import trio.testing
from psycopg.rows import TupleRow

from pushwire.relay.entries import Outcome
from pushwire.relay.sinks.base import SinkError
from pushwire.relay.sinks.postgres import PostgresSink
from pushwire.stores.writer import WriterThread
from tests.relay.kit import entry
from tests.shell.checkpoints import Attempt, Cancelled, Figures, Returned, at_every_moment, standing
from tests.stores.postgres_server import PostgresServer, needed_server
from tests.stores.thread_steps import at_every_step, ended

pytestmark = pytest.mark.slow

STORED, DUPLICATE = Outcome.STORED, Outcome.DUPLICATE
ENTRIES = (entry(1), entry(2))
KEYS = ["wallets:1", "wallets:2"]
EXCLUSIVE = "wallets"

Work: TypeAlias = Callable[[Attempt, "Place"], Awaitable[None]]


@attrs.frozen
class Place:
    """A schema of its own, with a name for the connections that are made to it; `observer` looks from outside."""

    server: PostgresServer
    name: str
    observer: psycopg.Connection[TupleRow]

    def sink(self, *, shared: bool = False) -> PostgresSink:
        """Unless it is `shared`, nobody else may be open for its stream at the time."""
        sink = PostgresSink(f"{self.server.dsn} application_name={self.name}", schema=self.name)
        sink.claim([EXCLUSIVE], shared=shared)
        return sink

    def column(self, statement: str) -> list[object]:
        return [row[0] for row in self.observer.execute(statement.encode()).fetchall()]

    def held(self) -> list[object]:
        """The keys of what is stored, in order."""
        return self.column(f"SELECT key FROM {self.name}.pushwire_events ORDER BY seq")

    async def deserted(self) -> None:
        """No thread is left, no instrument of trio's, no connection on the server, and with it no lock."""
        ended()
        await trio.testing.wait_all_tasks_blocked()
        assert not [each for each in instruments() if isinstance(each, WriterThread)], "trio remembers a thread that has ended"
        # The server takes its time to find out that a connection was closed: as long as some questions take.
        for _ in range(100_000):
            if not self.column(f"SELECT pid FROM pg_stat_activity WHERE application_name = '{self.name}'"):
                return
        raise AssertionError("a connection is left on the server")


def instruments() -> list[object]:
    """Those of this run."""
    context: Any = trio._core._run.GLOBAL_RUN_CONTEXT  # trio's own, of no public type
    return list(context.runner.instruments["_all"])


class Moments(Protocol):
    """Of trio's, and steps of the thread."""

    def __call__(self, work: Work) -> tuple[Figures, Figures]: ...


@pytest.fixture(scope="module")
def server() -> Generator[PostgresServer]:
    running = needed_server()
    yield running
    running.remove()


@pytest.fixture
def moments(server: PostgresServer) -> Generator[Moments]:
    """Puts a life to every moment of both kinds, each time in a schema of its own."""
    serials = itertools.count(1)
    with psycopg.connect(server.dsn, autocommit=True) as observer:

        def put(work: Work) -> tuple[Figures, Figures]:
            async def life(attempt: Attempt) -> None:
                name = f"cancelled_{observer.info.backend_pid}_{next(serials)}"
                observer.execute(f"CREATE SCHEMA {name}".encode())
                place = Place(server, name, observer)
                await work(attempt, place)
                await place.deserted()

            return at_every_moment(life, clock=standing, exact=False), at_every_step(life)

        yield put


async def works(place: Place, sink: PostgresSink) -> None:
    """It can be opened, used and closed, as if nothing had been; what was sent before is stored once."""
    await place.deserted()
    await sink.open()
    answers = await sink.write(ENTRIES)
    assert answers in ([STORED, STORED], [DUPLICATE, DUPLICATE])
    assert await sink.write(ENTRIES) == [DUPLICATE, DUPLICATE]
    assert place.held() == KEYS
    await sink.close()


def test_opening_a_sink_that_has_no_tables_yet(moments: Moments) -> None:
    async def work(attempt: Attempt, place: Place) -> None:
        sink = place.sink()
        outcome = await attempt.run(sink.open)
        if isinstance(outcome, Returned):
            await sink.close()
        await works(place, sink)
        await works(place, place.sink())

    trios, steps = moments(work)
    assert trios.cancelled > 0
    assert steps.cancelled == steps.moments > 10


def test_opening_a_stream_that_another_relay_brings(moments: Moments) -> None:
    async def work(attempt: Attempt, place: Place) -> None:
        other, sink = place.sink(), place.sink()
        await other.open()
        outcome = await attempt.run(sink.open, raising=SinkError)
        assert not isinstance(outcome, Returned)
        assert await other.write(ENTRIES) == [STORED, STORED]
        await other.close()
        await works(place, sink)

    _, steps = moments(work)
    assert steps.cancelled > 0


def test_writing(moments: Moments) -> None:
    async def work(attempt: Attempt, place: Place) -> None:
        sink = place.sink()
        await sink.open()
        outcome = await attempt.run(lambda: sink.write(ENTRIES))
        assert isinstance(outcome, Cancelled) or outcome == Returned([STORED, STORED])
        # As the relay does after any trouble.
        await sink.close()
        # What nobody waited for any more was done all the same.
        assert place.held() in ([], KEYS)
        await works(place, sink)

    trios, steps = moments(work)
    assert trios.cancelled > 0
    assert steps.cancelled == steps.moments > 1


def test_writing_by_two_relays_at_a_time(moments: Moments) -> None:
    async def work(attempt: Attempt, place: Place) -> None:
        sink, other = place.sink(shared=True), place.sink(shared=True)
        await sink.open()
        await other.open()
        await attempt.run(lambda: sink.write(ENTRIES))
        assert (await other.write(ENTRIES))[0] in (STORED, DUPLICATE)
        assert place.held() == KEYS
        await sink.close()
        await other.close()
        await works(place, sink)

    _, steps = moments(work)
    assert steps.cancelled == steps.moments


@pytest.mark.parametrize("what", ["check", "quarantine"])
def test_looking_into_the_sink(moments: Moments, what: str) -> None:
    async def work(attempt: Attempt, place: Place) -> None:
        sink = place.sink()
        await sink.open()
        calls: dict[str, Callable[[], Awaitable[object]]] = {"check": sink.check, "quarantine": sink.quarantine}
        await attempt.run(calls[what])
        await sink.close()
        await works(place, sink)

    _, steps = moments(work)
    assert steps.cancelled == steps.moments > 0


def test_closing(moments: Moments) -> None:
    async def work(attempt: Attempt, place: Place) -> None:
        sink = place.sink()
        await sink.open()
        assert await sink.write(ENTRIES) == [STORED, STORED]
        await attempt.run(sink.close)
        await place.deserted()
        await sink.close()
        await works(place, sink)

    _, steps = moments(work)
    assert steps.cancelled > 0


def test_closing_while_a_write_is_under_way(moments: Moments) -> None:
    async def work(attempt: Attempt, place: Place) -> None:
        sink = place.sink()
        await sink.open()

        async def given_up() -> None:
            try:
                await sink.write(ENTRIES)
            finally:
                await sink.close()

        await attempt.run(given_up)
        await place.deserted()
        assert place.held() in ([], KEYS)
        await works(place, sink)

    trios, steps = moments(work)
    assert trios.cancelled > 0
    assert steps.cancelled == steps.moments > 7


# What the harness is worth


def test_an_opening_that_leaves_its_thread_is_found(moments: Moments, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[PostgresSink] = []

    async def leave(sink: PostgresSink) -> None:
        made.append(sink)

    async def work(attempt: Attempt, place: Place) -> None:
        sink = place.sink()
        with monkeypatch.context() as patch:
            patch.setattr(PostgresSink, "close", leave)
            outcome = await attempt.run(sink.open)
        if isinstance(outcome, Returned):
            await sink.close()
        assert sink._thread._thread is None, "the thread is left"

    with pytest.raises(AssertionError, match="the thread is left"):
        moments(work)
    for sink in made:
        sink._table.close()
