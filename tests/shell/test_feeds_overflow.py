"""Feeds whose readers fall behind, and streams that nobody reads while their feeds are read."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing

import pushwire
from pushwire import gelabs
from pushwire.core.events import Up
from pushwire.testing.gelabs import ADDRESS
from tests.core.toy import Data, Event, Sub
from tests.shell.provider import Provider, tx_hash
from tests.shell.streams import SUBSCRIBE, MemoryStream, next_of, transaction
from tests.shell.streams import connect as connect_gelabs
from tests.shell.toys import ToyServer, ToyStream, connect, data, taken

settled = trio.testing.wait_all_tasks_blocked
ELSEWHERE = gelabs.Subscribe("0x00000000000000000000000000000000000000e1", "ethereum")


@pytest.fixture
def server(nursery: trio.Nursery) -> ToyServer:
    server = ToyServer()
    nursery.start_soon(server.run)
    return server


@pytest.fixture
async def stream(server: ToyServer) -> AsyncIterator[ToyStream]:
    async with connect(server, capacity=4) as stream:
        yield stream


async def say(server: ToyServer, *messages: str) -> None:
    server.say(*messages)
    await settled()


async def test_a_full_feed_stops_the_reading_for_all(server: ToyServer, stream: ToyStream) -> None:
    async with stream.subscribe(Sub("a"), capacity=2) as feed, stream.subscribe(Sub("b")) as other:
        await say(server, "data a 1", "data a 2", "data b 1")
        assert len(other) == 0
        consumer = aiter(feed)
        await anext(consumer)
        await settled()
        assert len(other) == 1


async def test_bytes_fill_feeds_and_stream_alike_each_with_its_share(server: ToyServer) -> None:
    async with (
        connect(server, capacity_bytes=400) as stream,
        stream.subscribe(Sub("a")) as feed,
        stream.subscribe(Sub("b")) as other,
    ):
        await say(server, f"data a {'x' * 300}")
        await say(server, f"data b {'x' * 300}")
        assert (len(feed), len(other)) == (1, 1)
        await say(server, f"data a {'y' * 300}")
        await say(server, "data b 1")
        assert (len(feed), len(other)) == (2, 1), "the reading has stopped"
        await anext(aiter(feed))
        await anext(aiter(feed))
        await settled()
        assert len(other) == 2


async def test_a_stream_that_nobody_reads_lets_large_events_go_too(server: ToyServer) -> None:
    async with connect(server, capacity_bytes=400) as stream, stream.subscribe(Sub("a")) as feed:
        for number in range(20):
            await say(server, f"data elsewhere {number}{'x' * 300}", f"data a {number}")
            assert await anext(aiter(feed)) == Data("a", str(number))
        assert stream.status.discarded > 10


async def test_leaving_a_full_feed_lets_the_reading_go_on(server: ToyServer, stream: ToyStream) -> None:
    async with stream.subscribe(Sub("b")) as other:
        async with stream.subscribe(Sub("a"), capacity=1):
            await say(server, "data a 1", "data b 1")
            assert len(other) == 0
        await settled()
        assert len(other) == 1


async def test_a_feed_that_conflates_keeps_the_latest_and_counts_the_rest(server: ToyServer, stream: ToyStream) -> None:
    async with (
        stream.subscribe(Sub("a"), overflow="conflate", capacity=2) as feed,
        stream.subscribe(Sub("a"), capacity=100) as complete,
    ):
        server.say(*(f"data a {number}" for number in range(5)))
        await settled()
        consumer = aiter(feed)
        kept = [await anext(consumer) for _ in range(len(feed))]
        assert kept[-1:] == data("4")
        assert feed.discarded == 5 - len(kept) > 0
        assert len(complete) == 5
        assert complete.discarded == 0
        assert stream.status.discarded == feed.discarded
    assert stream.status.discarded == 5 - len(kept), "also when the feed is over"


async def test_a_feed_that_drops_the_oldest_counts_them(server: ToyServer, stream: ToyStream) -> None:
    async with stream.subscribe(Sub("a"), overflow="drop_oldest", capacity=2) as feed:
        await say(server, *(f"data a {number}" for number in range(5)))
        consumer = aiter(feed)
        assert [await anext(consumer), await anext(consumer)] == data("3", "4")
        assert feed.discarded == 3


async def test_status_counts_what_feeds_hold(server: ToyServer, stream: ToyStream) -> None:
    async with stream.subscribe(Sub("a")):
        before = stream.status.in_hand
        await say(server, "data a 1", "data b 1")
        assert stream.status.in_hand == before + 2


# Nobody reads the stream itself


async def read(feed: pushwire.Feed[Event, str], into: list[Event]) -> None:
    async for batch in feed.batches():
        into += batch


async def test_a_stream_that_nobody_reads_never_stops_its_feeds(server: ToyServer, stream: ToyStream) -> None:
    got: list[Event] = []
    async with stream.subscribe(Sub("a")) as feed, trio.open_nursery() as nursery:
        nursery.start_soon(read, feed, got)
        for number in range(20):
            await say(server, "what is this", f"data elsewhere {number}", f"data a {number}")
        assert [event for event in got if isinstance(event, Data)] == data(*map(str, range(20)))
        own = taken(stream)
        assert len(own) < 4
        assert own[-1] == Data("elsewhere", "19"), "the newest are kept"
        assert stream.status.discarded == 41 - len(own)
        nursery.cancel_scope.cancel()


async def test_a_stream_that_is_read_loses_nothing_to_its_feeds(server: ToyServer, stream: ToyStream) -> None:
    consumer = aiter(stream)
    async with stream.subscribe(Sub("a")) as feed:
        await say(server, *(f"data b {number}" for number in range(10)), "data a 1")
        assert len(feed) == 0, "the reading has stopped"
        assert isinstance(await anext(consumer), Up)
        assert [await anext(consumer) for _ in range(10)] == data(*map(str, range(10)), topic="b")
        assert stream.status.discarded == 0
        await settled()
        assert len(feed) == 1


async def test_a_consumer_that_has_gone_no_longer_stops_the_reading(
    server: ToyServer, autojump_clock: trio.testing.MockClock
) -> None:
    async with connect(server, capacity=4) as stream, stream.subscribe(Sub("a")) as feed:
        consumer = aiter(stream)
        server.say(*(f"data b {number}" for number in range(10)), "data a 1")
        await trio.sleep(1.0)
        assert len(feed) == 0
        await consumer.aclose()
        await trio.sleep(1000.0)
        assert len(feed) == 1


async def test_without_feeds_a_stream_that_nobody_reads_stops_the_reading(server: ToyServer, stream: ToyStream) -> None:
    await say(server, *(f"data b {number}" for number in range(10)))
    assert stream.status.in_hand == 4
    assert stream.status.discarded == 0


# With a ledger


@pytest.fixture
async def ledgered(provider: Provider) -> AsyncIterator[MemoryStream]:
    async with connect_gelabs(provider.network, capacity=4) as stream:
        yield stream


async def test_ledgered_events_of_a_feed_are_acked_on_the_stream(provider: Provider, ledgered: MemoryStream) -> None:
    async with ledgered.subscribe(SUBSCRIBE) as feed:
        provider.push(1, listen_addresses=(ADDRESS,))
        await ledgered.ack(await transaction(feed, 1))
        await provider.until(lambda: provider.acks == [tx_hash(1)])


async def test_an_event_in_two_feeds_may_be_acked_by_both(provider: Provider, ledgered: MemoryStream) -> None:
    async with ledgered.subscribe(SUBSCRIBE) as one, ledgered.subscribe(SUBSCRIBE) as two:
        provider.push(1, listen_addresses=(ADDRESS,))
        await ledgered.ack(await transaction(one, 1))
        await ledgered.ack(await transaction(two, 1))
        await provider.until(lambda: provider.acks == [tx_hash(1)])
        assert ledgered.status.session.unacked == 0


async def test_a_released_event_comes_back_to_its_feed(provider: Provider, ledgered: MemoryStream) -> None:
    async with ledgered.subscribe(SUBSCRIBE) as feed:
        provider.push(1, listen_addresses=(ADDRESS,))
        ledgered.release(await transaction(feed, 1))
        event = await transaction(feed, 1)
    ledgered.release(event)
    assert await next_of(ledgered, gelabs.Transaction) is event, "the feed is over"


async def test_a_feed_acks_what_its_consumer_is_done_with(provider: Provider) -> None:
    async with connect_gelabs(provider.network, ack="after") as stream, stream.subscribe(SUBSCRIBE) as feed:
        provider.push(1, listen_addresses=(ADDRESS,))
        provider.push(2, listen_addresses=(ADDRESS,))
        consumer = aiter(feed)
        await transaction(consumer, 1)
        await transaction(consumer, 2)
        await provider.until(lambda: provider.acks == [tx_hash(1)])


async def test_ledgered_events_that_belong_to_no_feed_are_never_let_go(provider: Provider, ledgered: MemoryStream) -> None:
    async with ledgered.subscribe(ELSEWHERE):
        for number in range(1, 11):
            provider.push(number, listen_addresses=(ADDRESS,))
            await settled()
        consumer = aiter(ledgered)
        for number in range(1, 11):
            await ledgered.ack(await transaction(consumer, number))
