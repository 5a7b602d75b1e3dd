"""Calls, cancelled at every moment: not sent, half sent, sent and unanswered, answered.

What was not sent never is; what was is sent once; nobody gets the answer to another's call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing

import pushwire
from pushwire import gelabs
from pushwire.core.machine import Phase
from pushwire.errors import CommandRefused, OutcomeUnknown, ReplyTimeout
from pushwire.shell.memory import MemoryNetwork, Peer
from tests.core.toy import Buy, Named, Order, Sell
from tests.shell import toys
from tests.shell.cancelled import TRANSPORTS, Transport, World, answered, events_at_hand, nobody_waits, world
from tests.shell.checkpoints import Attempt, Cancelled, Figures, Raised, at_every_moment, tasks
from tests.shell.provider import Wall
from tests.shell.streams import LOOK, SUBSCRIBE, SlowNetwork
from tests.shell.toys import ToyConfig

AnyStream = pushwire.AckStream[gelabs.Event, gelabs.Transaction, Any]

KIND = "getTxHash"
ENDS = (CommandRefused,)
"""How a provider of no transactions answers."""


def sent(made: World) -> int:
    return made.provider.kinds.count(KIND)


def nobody_asks(stream: AnyStream) -> None:
    """Whoever was cancelled is forgotten, here and in the machine, before anything else can happen."""
    nobody_waits(stream)


async def serves_on(made: World, stream: AnyStream) -> None:
    """Nothing more comes of the call, and others are answered."""
    before = sent(made)
    nobody_waits(stream)
    await answered(stream)
    await trio.testing.wait_all_tasks_blocked()
    assert sent(made) == before + 1, "what was given up is sent after all"
    nobody_waits(stream)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_call_that_is_answered(transport: Transport) -> None:
    async def life(attempt: Attempt) -> None:
        async with world(transport) as made, made.stream() as stream:
            outcome = await attempt.run(lambda: stream.call(LOOK), raising=ENDS, then=lambda: nobody_asks(stream))
            assert sent(made) <= 1
            assert sent(made) == 1 or isinstance(outcome, Cancelled)
            await serves_on(made, stream)
            assert stream.status.session.generation == 1

    assert at_every_moment(life).cancelled > 1


def test_a_call_whose_frame_takes_long_to_write() -> None:
    async def life(attempt: Attempt) -> None:
        network = SlowNetwork(seconds=1)
        async with world(network=network) as made, made.stream() as stream:
            before = tasks()
            # What has begun to be written goes on without its caller.
            await attempt.run(lambda: stream.call(LOOK), raising=ENDS, reconnects=True)
            await trio.sleep(2)
            assert tasks() <= before
            assert sent(made) == 1  # it was with the transport
            await serves_on_later(made, stream)

    async def serves_on_later(made: World, stream: AnyStream) -> None:
        nobody_waits(stream)
        await answered(stream)
        assert sent(made) == 2

    assert at_every_moment(life).cancelled > 1


def test_a_call_that_waits_for_the_next_connection() -> None:
    async def life(attempt: Attempt) -> None:
        async with world("wire") as made, made.stream() as stream:
            made.provider.peers[-1].drop()
            await trio.testing.wait_all_tasks_blocked()
            assert stream.status.session.phase is not Phase.READY
            down = False

            def look() -> None:
                nonlocal down
                nobody_asks(stream)
                down = stream.status.session.phase is not Phase.READY

            outcome = await attempt.run(lambda: stream.call(LOOK), raising=ENDS, reconnects=True, then=look)
            # Taken back when cancelled, so that the next connection brings it no more.
            assert sent(made) == (0 if down else 1)
            assert not down or isinstance(outcome, Cancelled)
            await serves_on(made, stream)

    assert at_every_moment(life).cancelled > 1


def test_a_call_whose_connection_ends_before_the_answer() -> None:
    async def life(attempt: Attempt) -> None:
        async with world("trio-websocket") as made, made.stream() as stream:
            made.provider.answer = False

            def drop_once(message: dict[str, Any]) -> None:
                if not made.provider.answer and message["type"] == KIND:
                    made.provider.answer = True
                    made.provider.peers[-1].drop()

            made.provider.on_message = drop_once
            with attempt.watching():
                attempt.begin()
                with pytest.raises(CommandRefused):
                    await stream.call(LOOK)
                attempt.end()
            made.provider.on_message = lambda message: None
            made.provider.answer = True
            await trio.sleep(10)
            assert sent(made) in ([0, 1, 2] if attempt.cancelled else [2])
            await serves_on(made, stream)

    assert at_every_moment(life).cancelled > 1


def test_a_call_that_nobody_answers() -> None:
    async def life(attempt: Attempt) -> None:
        async with world("wire") as made, made.stream() as stream:
            made.provider.answer = False
            outcome = await attempt.run(lambda: stream.call(LOOK), raising=ReplyTimeout)
            assert isinstance(outcome, Raised | Cancelled)
            made.provider.answer = True
            await serves_on(made, stream)

    assert at_every_moment(life).cancelled > 1


def test_a_call_among_more_events_than_there_is_room_for() -> None:
    async def life(attempt: Attempt) -> None:
        async with world("wire") as made, made.stream(capacity=1) as stream:
            made.provider.push(1)
            await trio.testing.wait_all_tasks_blocked()
            made.provider.push(2)
            made.provider.push(3)
            await trio.testing.wait_all_tasks_blocked()
            assert len(stream._driver.router) <= 2
            await attempt.run(lambda: stream.call(LOOK), raising=ENDS)
            await serves_on(made, stream)
            got: list[object] = []
            while events := await events_at_hand(stream):
                got += events
            pushed = [event for event in got if isinstance(event, gelabs.Transaction)]
            assert [int(event.tx_hash, 16) for event in pushed] == [1, 2, 3]
            await stream.ack(*pushed)

    assert at_every_moment(life).cancelled > 1


def test_a_subscription() -> None:
    async def life(attempt: Attempt) -> None:
        async with world("wire") as made, made.stream() as stream:
            await attempt.run(lambda: stream.call(SUBSCRIBE))
            asked = made.provider.kinds.count("subscribe")
            assert asked <= 1
            await stream.call(SUBSCRIBE)
            await stream.call(gelabs.Unsubscribe(SUBSCRIBE.address, SUBSCRIBE.chain_type))
            nobody_waits(stream)
            before = len(made.provider.kinds)
            made.provider.peers[-1].drop()
            await trio.sleep(10)
            # Of what nobody wants any more, the next connection brings nothing back.
            assert "subscribe" not in made.provider.kinds[before:]
            await answered(stream)

    assert at_every_moment(life).cancelled > 1


# Without ids: the answer to one who has gone must not settle the next


async def slow_shop(network: MemoryNetwork, took: list[str], *, ends: int = 0) -> None:
    """Answers each order after a second; `ends`: hangs up at so many orders."""

    async def serve(peer: Peer) -> None:
        nonlocal ends
        try:
            while True:
                word, *rest = (await peer.receive()).split()
                if word == "auth":
                    peer.send("hello")
                    continue
                took.append(rest[-1])
                if ends:
                    ends -= 1
                    peer.drop()
                    return
                await trio.sleep(1)
                peer.send(f"done {rest[-1]}" if word in ("order", "sell") else f"ok {rest[0]} {rest[-1]}")
        except trio.EndOfChannel:
            return

    async with trio.open_nursery() as nursery:
        while True:
            nursery.start_soon(serve, await network.accept())


def shopping(life: Callable[[Attempt, pushwire.Stream[Any], list[str]], Awaitable[None]], ends: int = 0) -> Figures:
    async def whole(attempt: Attempt) -> None:
        network, took = SlowNetwork(), list[str]()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: slow_shop(network, took, ends=ends))
            async with pushwire.connect(ToyConfig(), transport=network, entropy=Wall().entropy()) as stream:
                await life(attempt, stream, took)
            nursery.cancel_scope.cancel()

    return at_every_moment(whole)


@pytest.mark.parametrize("command", [Order, Sell])
def test_a_call_in_a_lane(command: type[Named]) -> None:
    async def life(attempt: Attempt, stream: pushwire.Stream[Any], took: list[str]) -> None:
        await attempt.run(lambda: stream.call(command("first")))
        assert await stream.call(command("second")) == "second"
        assert took in (["first", "second"], ["second"])
        nobody_waits(stream)

    assert shopping(life).cancelled > 1


def test_a_call_that_waits_for_its_lane() -> None:
    async def life(attempt: Attempt, stream: pushwire.Stream[Any], took: list[str]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.call, Order("first"))
            await trio.testing.wait_all_tasks_blocked()
            outcome = await attempt.run(lambda: stream.call(Order("second")))
            assert await stream.call(Order("third")) == "third"
        if not isinstance(outcome, Cancelled):
            assert outcome.value == "second"  # type: ignore[union-attr]  # nothing else was expected
        assert took in (["first", "third"], ["first", "second", "third"])
        nobody_waits(stream)

    assert shopping(life).cancelled > 1


def test_a_call_that_may_have_been_carried_out() -> None:
    async def life(attempt: Attempt, stream: pushwire.Stream[Any], took: list[str]) -> None:
        outcome = await attempt.run(lambda: stream.call(Buy("first")), raising=OutcomeUnknown)
        if isinstance(outcome, Raised):
            assert took == ["first"]
        assert await stream.call(Buy("second")) == "second" or took == ["second"]
        # Sent at most once, whatever happened.
        assert took.count("first") <= 1
        nobody_waits(stream)

    async def again(attempt: Attempt, stream: pushwire.Stream[Any], took: list[str]) -> None:
        try:
            await life(attempt, stream, took)
        except OutcomeUnknown:  # the second one's: the first was never sent
            assert took == ["second"]

    assert shopping(again, ends=1).cancelled > 1


# Feeds


@pytest.mark.parametrize("part", ["entering", "leaving", "entering beside another"])
def test_a_feed(part: str) -> None:
    async def life(attempt: Attempt) -> None:
        server = toys.ToyServer()
        server.network = SlowNetwork()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.run)
            async with toys.connect(server) as stream:
                if part == "entering beside another":
                    async with stream.subscribe(toys_sub()) as other:
                        await one(attempt, stream, part)
                        await trio.testing.wait_all_tasks_blocked()
                        assert wanted(server) == {"a"}
                        server.say("data a 1")
                        assert await anext(aiter(other)) == toys.data("1")[0]
                else:
                    await one(attempt, stream, part)
                await trio.testing.wait_all_tasks_blocked()
                assert wanted(server) == set(), "the server serves what nobody wants"
                assert not stream._driver.router._feeds, "a feed that is over is fed"
                async with stream.subscribe(toys_sub()) as feed:
                    server.say("data a 2")
                    assert await anext(aiter(feed)) == toys.data("2")[0]
                nobody_waits(stream)
            nursery.cancel_scope.cancel()

    async def one(attempt: Attempt, stream: toys.ToyStream, part: str) -> None:
        with attempt.watching():
            if part != "leaving":
                attempt.begin()
            async with stream.subscribe(toys_sub()):
                attempt.end()
                if part == "leaving":
                    attempt.begin()
                    await trio.lowlevel.checkpoint()

    assert at_every_moment(life).cancelled >= 1


def toys_sub() -> Any:
    from tests.core.toy import Sub

    return Sub("a")


def wanted(server: toys.ToyServer) -> set[str]:
    """What the server has been asked for, and not told to leave."""
    topics: set[str] = set()
    for frame in server.frames:
        word, topic = frame.split()
        (topics.add if word == "sub" else topics.discard)(topic)
    return topics
