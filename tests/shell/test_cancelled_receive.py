"""Receiving, cancelled at every moment: no event is lost or comes twice, and whoever asks next gets what is next."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
import trio
import trio.testing

import pushwire
from pushwire import gelabs
from pushwire.core.effects import Dial
from pushwire.core.events import Hydrated
from tests.core.toy import Data, Sub
from tests.shell import toys
from tests.shell.cancelled import TRANSPORTS, LazyStore, Transport, World, events_at_hand, nobody_waits, world
from tests.shell.checkpoints import Attempt, Cancelled, Outcome, Returned, at_every_moment
from tests.shell.lines import KINDS, Kind, Lines, connector, led_to
from tests.shell.provider import tx_hash
from tests.shell.streams import SlowNetwork, transaction
from tests.shell.toys import ToyServer, data


def numbers(*events: object) -> list[int]:
    """The transactions among these, by their numbers."""
    return [int(event.tx_hash, 16) for event in events if isinstance(event, gelabs.Transaction)]


def value(outcome: Outcome[Any]) -> list[Any]:
    return [outcome.value] if isinstance(outcome, Returned) else []


async def goes_on(made: World, stream: pushwire.AckStream[gelabs.Event, gelabs.Transaction, Any], got: Sequence[object]) -> None:
    """All that was pushed has come, or comes; one more does, and all of it can be ACKed."""
    made.provider.push(9)
    rest = await events_at_hand(stream)
    assert sorted(numbers(*got, *rest)) == sorted(int(key, 16) for key in made.provider.owed)
    await stream.ack(*(event for event in (*got, *rest) if isinstance(event, gelabs.Transaction)))
    await made.provider.until(lambda: not made.provider.owed)
    nobody_waits(stream)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_event_that_comes_meanwhile(transport: Transport) -> None:
    async def life(attempt: Attempt) -> None:
        async with world(transport) as made, made.stream() as stream:
            consumer = aiter(stream)
            await events_at_hand(stream)
            made.provider.push(1)
            made.provider.push(2)
            outcome = await attempt.run(consumer.__anext__)
            await goes_on(made, stream, value(outcome))

    assert at_every_moment(life).cancelled > 1


def test_events_that_wait_as_a_batch_with_a_checkpoint_first() -> None:
    async def life(attempt: Attempt) -> None:
        async with world() as made, made.stream() as stream:
            batches = stream.batches(2)
            for number in range(1, 6):
                made.provider.push(number)
            await trio.testing.wait_all_tasks_blocked()
            before = [event for _ in range(2) for event in await anext(batches)]
            outcome = await attempt.run(batches.__anext__)
            await goes_on(made, stream, before + (value(outcome)[0] if isinstance(outcome, Returned) else []))

    assert at_every_moment(life).cancelled == 1


def test_one_of_two_consumers_that_wait() -> None:
    async def life(attempt: Attempt) -> None:
        async with world("wire") as made, made.stream() as stream:
            first, second, others = aiter(stream), aiter(stream), list[object]()
            await events_at_hand(stream)

            async def other() -> None:
                async for event in second:
                    others.append(event)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(other)
                # The one that is cancelled is in turns the first and the second to wait.
                if attempt.at % 2:
                    await trio.testing.wait_all_tasks_blocked()
                made.provider.push(1)
                made.provider.push(2)
                outcome = await attempt.run(lambda: transaction(first))
                nursery.cancel_scope.cancel()
            await goes_on(made, stream, [*value(outcome), *others])

    assert at_every_moment(life, exact=False).cancelled > 1


def test_the_reading_goes_on_when_a_full_inbox_has_room_again() -> None:
    async def life(attempt: Attempt) -> None:
        async with world("wire") as made, made.stream(capacity=2) as stream:
            for number in range(1, 5):
                made.provider.push(number)
            await trio.testing.wait_all_tasks_blocked()
            got: list[object] = []

            async def take() -> None:
                async for event in stream:
                    got.append(event)
                    if len(numbers(*got)) == 3:
                        break

            await attempt.run(take)
            # As much as there is room for, at a time.
            while events := await events_at_hand(stream):
                got += events
            await goes_on(made, stream, got)

    assert at_every_moment(life).cancelled > 1


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_acking_the_last_event_when_asking_for_the_next(seconds: float) -> None:
    async def life(attempt: Attempt) -> None:
        attempt.patience = 2 * seconds  # a commit may be under way already
        async with world("wire") as made:
            async with made.connect(LazyStore(seconds), ack="after") as stream:
                consumer = aiter(stream)
                made.provider.push(1)
                first = await transaction(consumer, 1)
                made.provider.push(2)
                outcome = await attempt.run(consumer.__anext__)
                settled = stream.status.session.unacked < 2
                assert settled or isinstance(outcome, Cancelled)
                assert made.provider.acks == [tx_hash(1)] * settled
                second = outcome.value if isinstance(outcome, Returned) else await transaction(consumer)
                assert numbers(first, second) == [1, 2]
                made.provider.push(3)
                third = await transaction(consumer)
                await trio.testing.wait_all_tasks_blocked()
                assert made.provider.acks == [tx_hash(1), tx_hash(2)]
                await stream.ack(third)
                nobody_waits(stream)
            assert not made.provider.owed

    assert at_every_moment(life).cancelled > 1


def test_an_event_that_was_acked_on_receipt() -> None:
    async def life(attempt: Attempt) -> None:
        async with world("wire") as made:
            store = pushwire.MemoryStore()
            async with made.connect(store, ack="on_receipt") as stream:
                await events_at_hand(stream)
                made.provider.push(1)
                made.provider.push(2)
                outcome = await attempt.run(aiter(stream).__anext__)
                assert made.provider.acks == [tx_hash(1), tx_hash(2)]
                rest = await events_at_hand(stream)
                assert numbers(*value(outcome), *rest) == [1, 2]
            # Held until they are finished.
            async with made.connect(store, ack="on_receipt") as stream:
                events = await events_at_hand(stream)
                assert numbers(*events) == [1, 2]
                await stream.ack(*(event for event in events if isinstance(event, gelabs.Transaction)))
            assert made.provider.acks == [tx_hash(1), tx_hash(2)]

    assert at_every_moment(life).cancelled > 1


@pytest.mark.parametrize("kind", KINDS[:2])
def test_more_messages_at_a_time_than_are_handed_over_at_once(kind: Kind) -> None:
    sent = [str(number) for number in range(1100)]

    async def life(attempt: Attempt) -> None:
        network = SlowNetwork()
        async with trio.open_nursery() as nursery:
            lines = Lines(nursery, led_to(network), kind.endswith("TLS"))
            got: list[str | bytes] = []
            async with trio.open_nursery() as own:

                async def serve() -> None:
                    (await network.accept()).send(*sent)

                own.start_soon(serve)
                url = f"{'wss' if lines.secure else 'ws'}://127.0.0.1/"
                connection = await connector(kind, lines).dial(Dial(1, url, {}, 1000), own)

                async def read() -> None:
                    while len(got) < 900:
                        got.extend((await connection.read()).messages)

                await attempt.run(read, reconnects=True)
                while len(got) < len(sent):
                    got.extend((await connection.read()).messages)
                assert got == sent
                await connection.aclose()
                own.cancel_scope.cancel()
            nursery.cancel_scope.cancel()

    assert at_every_moment(life).moments >= 1


# Of the toy provider: feeds, queries, snapshots


def of_toys(life: Callable[[Attempt, ToyServer], Awaitable[None]]) -> int:
    """Lives with a server that is there; how many were cancelled."""

    async def whole(attempt: Attempt) -> None:
        server = ToyServer()
        server.network = SlowNetwork()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.run)
            await life(attempt, server)
            nursery.cancel_scope.cancel()

    return at_every_moment(whole).cancelled


def test_an_event_of_a_feed() -> None:
    async def life(attempt: Attempt, server: ToyServer) -> None:
        async with toys.connect(server) as stream, stream.subscribe(Sub("a")) as feed:
            server.say("data a 1", "data b 2", "data a 3")
            consumer = aiter(feed)
            outcome = await attempt.run(consumer.__anext__)
            rest = [await anext(consumer) for _ in range(1 if isinstance(outcome, Returned) else 2)]
            assert [*value(outcome), *rest] == data("1", "3")
            assert [event for event in toys.taken(stream) if isinstance(event, Data)] == data("2", topic="b")
            nobody_waits(stream)

    assert of_toys(life) > 1


def test_a_value_of_a_query() -> None:
    async def life(attempt: Attempt, server: ToyServer) -> None:
        running, fetched = 0, 0

        async def fetch() -> int:
            nonlocal running, fetched
            running += 1
            try:
                await trio.sleep(1)
            finally:
                running -= 1
            fetched += 1
            return fetched

        async with toys.connect(server) as stream:
            query = stream.query(fetch, invalidated_by=Data)
            assert await query.receive() == 1
            server.say("data a 1")
            outcome = await attempt.run(query.receive)
            assert running == 0
            begun = trio.current_time()
            if isinstance(outcome, Cancelled):
                assert await query.receive() == fetched == 2
                assert trio.current_time() == begun + 1
            else:
                assert fetched == 2

    assert of_toys(life) > 1


def test_a_snapshot_that_is_loaded() -> None:
    async def life(attempt: Attempt, server: ToyServer) -> None:
        async def load() -> str:
            await trio.sleep(1)
            return "snapshot"

        async with toys.hydrated(server, load) as stream:
            got: list[object] = []

            async def take() -> None:
                async for event in stream:
                    got.append(event)
                    if event == data("1")[0]:
                        break

            server.say("data a 1")
            await attempt.run(take)
            await trio.sleep(2)
            got += toys.taken(stream)
            snapshots = [index for index, event in enumerate(got) if isinstance(event, Hydrated)]
            assert len(snapshots) == 1
            # What was held comes after it, once.
            assert [event for event in got[snapshots[0] :] if isinstance(event, Data)] == data("1")
            assert got.count(data("1")[0]) == 1

    assert of_toys(life) > 1
