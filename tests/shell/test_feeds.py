"""Feeds: each has the events of its own subscription, and gives it back when it is left."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing

import pushwire
from pushwire.core.events import Down, Gap, Malformed, Stale, SubscriptionRefused, Up
from pushwire.errors import CommandRefused, ConfigError, LocalProtocolError, RemoteProtocolError
from tests.core.toy import Data, Event, Look, Sub
from tests.shell.toys import ToyConfig, ToyServer, ToyStream, connect, data, taken

settled = trio.testing.wait_all_tasks_blocked


@pytest.fixture
def server(nursery: trio.Nursery) -> ToyServer:
    server = ToyServer()
    nursery.start_soon(server.run)
    return server


@pytest.fixture
async def stream(server: ToyServer) -> AsyncIterator[ToyStream]:
    async with connect(server) as stream:
        yield stream


async def take(feed: pushwire.Feed[Event, str], number: int) -> list[Event]:
    """The next events."""
    consumer = aiter(feed)
    return [await anext(consumer) for _ in range(number)]


async def test_a_feed_has_the_events_of_its_topic_and_the_stream_the_others(server: ToyServer, stream: ToyStream) -> None:
    async with stream.subscribe(Sub("a")) as feed:
        server.say("data a 1", "data b 2", "data a 3")
        assert await take(feed, 2) == data("1", "3")
        assert [event for event in taken(stream) if isinstance(event, Data)] == data("2", topic="b")


async def test_entering_returns_with_the_reply(server: ToyServer, stream: ToyStream) -> None:
    server.answer = False
    async with trio.open_nursery() as nursery:

        async def enter() -> None:
            async with stream.subscribe(Sub("a")) as feed:
                assert feed.reply == "welcome"
                assert feed
                assert len(feed) == 1, "what came with the reply is there"

        nursery.start_soon(enter)
        await server.until("sub a")
        server.peers[-1].send("data a 1", "ok 1 welcome")


async def test_two_feeds_of_a_topic_get_each_event_both(server: ToyServer, stream: ToyStream) -> None:
    async with stream.subscribe(Sub("a")) as one, stream.subscribe(Sub("a")) as two:
        server.say("data a 1")
        assert await take(one, 1) == await take(two, 1) == data("1")


async def test_an_event_of_several_topics_comes_to_a_feed_once(server: ToyServer, stream: ToyStream) -> None:
    async with stream.subscribe(Sub("a")) as wide, stream.subscribe(Sub("a/b")) as narrow:
        server.say("data a/b 1", "data a 2")
        assert await take(wide, 2) == [Data("a/b", "1"), Data("a", "2")]
        assert await take(narrow, 1) == [Data("a/b", "1")]
        assert len(narrow) == 0


async def test_the_last_one_to_leave_unsubscribes(server: ToyServer, stream: ToyStream) -> None:
    async with stream.subscribe(Sub("a")):
        async with stream.subscribe(Sub("a")):
            pass
        await settled()
        assert server.frames == ["sub a", "sub a"]
    await server.until("sub a", "sub a", "unsub a")


async def test_leaving_leaves_a_subscription_by_call_alone(server: ToyServer, stream: ToyStream) -> None:
    await stream.call(Sub("a"))
    async with stream.subscribe(Sub("a")):
        pass
    server.say("data a 1")
    await settled()
    assert "unsub a" not in server.frames
    assert taken(stream)[-1:] == data("1")


async def test_an_error_in_the_block_leaves_it_bare_and_unsubscribes(server: ToyServer, stream: ToyStream) -> None:
    with pytest.raises(ZeroDivisionError):
        async with stream.subscribe(Sub("a")):
            raise ZeroDivisionError
    await server.until("sub a", "unsub a")


async def test_a_cancelled_block_unsubscribes(server: ToyServer, stream: ToyStream) -> None:
    with trio.CancelScope() as scope:
        async with stream.subscribe(Sub("a")) as feed:
            scope.cancel()
            await take(feed, 1)
    assert scope.cancelled_caught
    await server.until("sub a", "unsub a")


async def test_being_cancelled_while_it_subscribes_unsubscribes(server: ToyServer, stream: ToyStream) -> None:
    server.answer = False
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:

            async def cancel() -> None:
                await server.until("sub a")
                scope.cancel()

            nursery.start_soon(cancel)
            async with stream.subscribe(Sub("a")):
                raise AssertionError("entered")
    await server.until("sub a", "unsub a")
    assert not stream._driver.router._feeds


async def test_being_cancelled_takes_nothing_from_who_has_the_topic(server: ToyServer, stream: ToyStream) -> None:
    async with stream.subscribe(Sub("a")) as feed:
        server.answer = False
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                async def cancel() -> None:
                    await server.until("sub a", "sub a")
                    scope.cancel()

                nursery.start_soon(cancel)
                async with stream.subscribe(Sub("a")):
                    raise AssertionError("entered")
        server.say("no 2 17 already", "data a 1")
        assert await take(feed, 1) == data("1")
        assert server.frames == ["sub a", "sub a"]
    await server.until("sub a", "sub a", "unsub a")


async def test_a_refusal_is_raised_on_entering_and_leaves_nothing_behind(server: ToyServer, stream: ToyStream) -> None:
    server.answer = False
    async with trio.open_nursery() as nursery:

        async def refuse() -> None:
            await server.until("sub a")
            server.say("no 1 7 no such topic")

        nursery.start_soon(refuse)
        with pytest.raises(CommandRefused, match="no such topic"):
            async with stream.subscribe(Sub("a")):
                raise AssertionError("entered")
    server.say("data a 1")
    await settled()
    assert server.frames == ["sub a"]
    assert taken(stream)[-1:] == data("1")


async def test_a_command_that_subscribes_to_nothing_is_refused(stream: ToyStream) -> None:
    with pytest.raises(LocalProtocolError, match="Look subscribes to nothing"):
        stream.subscribe(Look("x"))


async def test_wrong_arguments_are_named_all_at_once(stream: ToyStream) -> None:
    with pytest.raises(ConfigError) as wrong:
        # A type error as well, on purpose.
        stream.subscribe(Sub("a"), overflow="drop", capacity=0)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    assert len(wrong.value.problems) == 2


async def test_batches_of_a_feed(server: ToyServer, stream: ToyStream) -> None:
    async with stream.subscribe(Sub("a")) as feed:
        server.peers[-1].send("data a 1", "data a 2", "data a 3")
        await settled()
        async for batch in feed.batches(max=2):
            assert batch == data("1", "2")
            break
        with pytest.raises(LocalProtocolError):
            feed.batches(max=0)


async def test_a_feed_that_was_left_is_at_its_end(stream: ToyStream) -> None:
    async with stream.subscribe(Sub("a")) as feed:
        pass
    assert [event async for event in feed] == []


# Control events


async def test_control_events_come_to_the_feeds_and_to_the_stream(server: ToyServer, stream: ToyStream) -> None:
    async with stream.subscribe(Sub("a")) as one, stream.subscribe(Sub("b")) as two:
        taken(stream)
        server.say("")
        await settled()
        server.peers[-1].drop()
        kinds = [Malformed, Down, Up, Gap]
        assert [type(event) for event in await take(one, 4)] == kinds
        assert [type(event) for event in await take(two, 4)] == kinds
        assert [type(event) for event in taken(stream)] == kinds


async def test_a_feed_stays_subscribed_through_a_reconnect(server: ToyServer, stream: ToyStream) -> None:
    async with stream.subscribe(Sub("a")) as feed:
        server.peers[-1].drop()
        await server.until("sub a", "sub a")
        server.say("data a 1")
        assert (await take(feed, 4))[-1:] == data("1")


async def test_what_is_about_one_topic_comes_to_its_feeds_alone(
    server: ToyServer, autojump_clock: trio.testing.MockClock
) -> None:
    async with (
        pushwire.connect(ToyConfig(stale_after=60.0), transport=server.network) as stream,
        stream.subscribe(Sub("a")) as one,
        stream.subscribe(Sub("b")) as two,
    ):
        await trio.sleep(30.0)
        server.say("data b 1")
        (stale,) = await take(one, 1)
        assert isinstance(stale, Stale)
        assert stale.topic == "a"
        assert await take(two, 1) == data("1", topic="b")
        assert len(two) == 0
        assert stale in taken(stream)


async def test_a_refused_restoration_is_told_to_the_feeds_of_its_topic(server: ToyServer, stream: ToyStream) -> None:
    async with stream.subscribe(Sub("a")) as one, stream.subscribe(Sub("b")) as two:
        server.answer = False
        server.peers[-1].drop()
        await server.until("sub a", "sub b", "sub a", "sub b")
        server.say("no 3 9 gone", "ok 4")
        await settled()
        refused = [event for event in await take(one, len(one)) if isinstance(event, SubscriptionRefused)]
        assert [event.topic for event in refused] == ["a"]
        assert not any(isinstance(event, SubscriptionRefused) for event in await take(two, len(two)))


async def test_the_failure_that_ends_the_stream_ends_its_feeds(server: ToyServer) -> None:
    async with connect(server) as stream, stream.subscribe(Sub("a")) as feed:
        server.say("data a 1")
        await settled()
        server.peers[-1].close(4000)
        await settled()
        consumer = aiter(feed)
        assert [await anext(consumer)] == data("1"), "what is left comes first"
        assert isinstance(await anext(consumer), Down)
        with pytest.raises(RemoteProtocolError, match="gone for good"):
            await anext(consumer)


async def test_stop_ends_the_feeds(stream: ToyStream) -> None:
    async with stream.subscribe(Sub("a")) as feed:
        stream.stop()
        assert [event async for event in feed] == []
