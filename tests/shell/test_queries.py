"""`stream.query`: fresh values, fetched when the events or the clock say so."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing
from trio.testing import MockClock

import pushwire
from pushwire.core.events import Malformed, Unrecognized
from pushwire.errors import AuthenticationRefused, ConfigError, LocalProtocolError, RemoteProtocolError
from pushwire.shell.queries import Invalidating
from tests.core.toy import Data, Event
from tests.shell.toys import ToyServer, ToyStream, connect, data, taken

settled = trio.testing.wait_all_tasks_blocked


@pytest.fixture
def server(nursery: trio.Nursery) -> ToyServer:
    server = ToyServer()
    nursery.start_soon(server.run)
    return server


@pytest.fixture
async def stream(server: ToyServer) -> AsyncIterator[ToyStream]:
    async with connect(server, capacity=8) as stream:
        yield stream


def is_unrecognized(event: Event) -> bool:
    return isinstance(event, Unrecognized)


def error_of(query: pushwire.Query[Event, int]) -> Exception | None:
    """A call, since checkers take what they have once seen of an attribute for good."""
    return query.error


class Fetch:
    """Gives the number of the fetch, counted from 1, after `seconds`; keeps when each began."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.times: list[float] = []
        self.running = 0
        self.error: Exception | None = None

    async def __call__(self) -> int:
        self.times.append(trio.current_time())
        number = len(self.times)
        self.running += 1
        assert self.running == 1, "never two at a time"
        try:
            await trio.sleep(self.seconds)
        finally:
            self.running -= 1
        if self.error is not None:
            raise self.error
        return number


async def test_the_first_value_is_fetched_at_once_and_the_next_a_period_after_its_answer(
    stream: ToyStream, autojump_clock: MockClock
) -> None:
    fetch = Fetch(seconds=5.0)
    start = trio.current_time()
    query = stream.query(fetch)
    assert await anext(query) == 1
    assert await anext(query) == 2
    assert await anext(query) == 3
    assert fetch.times == [start, start + 65.0, start + 130.0]


async def test_an_event_of_an_invalidating_type_fetches_at_once(
    server: ToyServer, stream: ToyStream, autojump_clock: MockClock
) -> None:
    fetch = Fetch()
    query = stream.query(fetch, invalidated_by=Data)
    await anext(query)
    start = trio.current_time()
    server.say("what is this")
    server.say("data a 1")
    assert await anext(query) == 2
    assert trio.current_time() == start
    assert data("1")[0] in taken(stream), "nothing is taken away"


@pytest.mark.parametrize("invalidated_by", [(Malformed, Unrecognized), is_unrecognized])
async def test_several_types_or_a_function_may_invalidate(
    server: ToyServer, stream: ToyStream, invalidated_by: Invalidating[Event], autojump_clock: MockClock
) -> None:
    fetch = Fetch()
    query = stream.query(fetch, invalidated_by=invalidated_by)
    await anext(query)
    start = trio.current_time()
    server.say("data a 1")
    with trio.move_on_after(10.0):
        await anext(query)
    server.say("what is this")
    assert await anext(query) == 2
    assert fetch.times == [start, start + 10.0]


async def test_events_during_a_fetch_mean_one_more_right_after_it(
    server: ToyServer, stream: ToyStream, autojump_clock: MockClock
) -> None:
    fetch = Fetch(seconds=5.0)
    start = trio.current_time()
    query = stream.query(fetch, invalidated_by=Data)

    async def say() -> None:
        await trio.sleep(1.0)
        server.say("data a 1", "data a 2")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(say)
        assert await anext(query) == 1
    assert await anext(query) == 2
    assert await anext(query) == 3
    assert fetch.times == [start, start + 5.0, start + 70.0]


async def test_a_slow_reader_gets_the_newest_value(server: ToyServer, stream: ToyStream, autojump_clock: MockClock) -> None:
    fetch = Fetch()
    query = stream.query(fetch, invalidated_by=Data)
    await anext(query)
    server.say("data a 1", "data a 2", "data a 3")
    await trio.sleep(1000.0)
    assert fetch.times == fetch.times[:1], "nothing is fetched while nobody waits"
    start = trio.current_time()
    assert await anext(query) == 2
    assert fetch.times[1:] == [start]


async def test_a_reconnect_fetches_at_once(server: ToyServer, stream: ToyStream, autojump_clock: MockClock) -> None:
    fetch = Fetch()
    query = stream.query(fetch)
    await anext(query)
    start = trio.current_time()
    server.peers[-1].drop()
    assert await anext(query) == 2
    assert trio.current_time() - start <= 1.0


async def test_a_failed_fetch_is_counted_told_and_tried_again(
    stream: ToyStream, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    fetch = Fetch()
    error: Exception | None = OSError("the key is sk-1")
    fetch.error = error
    query = stream.query(fetch)
    with caplog.at_level(logging.WARNING), trio.move_on_after(1.2):
        await anext(query)
    assert query.failures == len(fetch.times) == 2
    assert error_of(query) is error
    assert "OSError" in caplog.text
    assert "sk-1" not in caplog.text
    fetch.error = None
    assert await anext(query) == 3
    assert error_of(query) is None
    assert query.failures == 2


@pytest.mark.parametrize("error", [AuthenticationRefused("denied"), LocalProtocolError("wrong")])
async def test_what_no_repetition_can_mend_is_raised(stream: ToyStream, error: Exception, autojump_clock: MockClock) -> None:
    fetch = Fetch()
    fetch.error = error
    query = stream.query(fetch)
    with pytest.raises(type(error)):
        await anext(query)
    assert len(fetch.times) == 1
    fetch.error = None
    assert await anext(query) == 2, "whoever asks again gets an answer, after the back-off"
    assert fetch.times[1] > fetch.times[0]


async def test_a_cancelled_fetch_is_made_again_at_once(stream: ToyStream, autojump_clock: MockClock) -> None:
    fetch = Fetch(seconds=5.0)
    query = stream.query(fetch)
    with trio.move_on_after(1.0):
        await anext(query)
    start = trio.current_time()
    assert await anext(query) == 2
    assert fetch.times[1] == start
    assert query.failures == 0


async def test_two_tasks_cannot_ask_at_once(stream: ToyStream, autojump_clock: MockClock) -> None:
    query = stream.query(Fetch(seconds=5.0))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(anext, query)
        await settled()
        with pytest.raises(trio.BusyResourceError):
            await anext(query)


async def test_a_faulty_function_harms_its_own_query_alone(
    server: ToyServer, stream: ToyStream, autojump_clock: MockClock
) -> None:
    def faulty(event: object) -> bool:
        raise ZeroDivisionError

    query, other = stream.query(Fetch(), invalidated_by=faulty), stream.query(Fetch(), invalidated_by=Data)
    await anext(query)
    await anext(other)
    server.say("data a 1")
    with pytest.raises(ZeroDivisionError):
        await anext(query)
    assert await anext(other) == 2


async def test_closing_ends_the_wait_of_another_task(stream: ToyStream, autojump_clock: MockClock) -> None:
    async with stream.query(Fetch()) as query:
        await anext(query)

        async def wait() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await anext(query)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await settled()
            await query.aclose()
    assert not stream._driver.router._watchers


async def test_a_query_that_nobody_holds_watches_no_more(stream: ToyStream, autojump_clock: MockClock) -> None:
    async for value in stream.query(Fetch()):
        assert value == 1
        break
    assert not stream._driver.router._watchers


async def test_a_stream_that_nobody_reads_never_stops_its_queries(
    server: ToyServer, stream: ToyStream, autojump_clock: MockClock
) -> None:
    fetch = Fetch()
    query = stream.query(fetch, invalidated_by=Unrecognized)
    await anext(query)
    start = trio.current_time()
    server.say(*(f"data a {number}" for number in range(50)), "what is this")
    assert await anext(query) == 2
    assert trio.current_time() == start
    assert stream.status.discarded > 0


async def test_the_end_of_the_stream_is_the_end_of_the_query(server: ToyServer, autojump_clock: MockClock) -> None:
    async with connect(server) as stream:
        query = stream.query(Fetch())
        await anext(query)
        stream.stop()
        assert [value async for value in query] == []
        assert [value async for value in stream.query(Fetch())] == [], "nor does one begin"
        with pytest.raises(trio.EndOfChannel):
            await query.receive()


async def test_the_failure_of_the_stream_is_raised(server: ToyServer, autojump_clock: MockClock) -> None:
    async with connect(server) as stream:
        query = stream.query(Fetch())
        await anext(query)
        server.peers[-1].close(4000)
        with pytest.raises(RemoteProtocolError, match="gone for good"):
            await anext(query)
        with pytest.raises(RemoteProtocolError, match="gone for good"):
            await anext(query)


async def test_every_must_be_positive(stream: ToyStream, autojump_clock: MockClock) -> None:
    with pytest.raises(ConfigError, match="every: must be a positive number"):
        stream.query(Fetch(), every=0)
