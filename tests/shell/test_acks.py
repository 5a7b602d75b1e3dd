"""Settling events: `ack`, `park` and `release`, and the ACKs that come by themselves with ack="after"."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import trio
import trio.testing

import pushwire
from pushwire import gelabs
from pushwire.core.commands import Finish, Park
from pushwire.core.effects import Committed, Identity, Ticket, Write
from pushwire.testing.gelabs import transaction as built
from tests.shell.provider import Provider, tx_hash
from tests.shell.streams import MemoryStream, SlowStore, connect, next_of, transaction

# By hand


async def test_many_are_settled_in_one_transaction(provider: Provider) -> None:
    provider.push(1)
    provider.push(2)
    booked: list[None] = []
    async with connect(provider.network) as stream:
        events = [await transaction(stream), await transaction(stream)]
        await stream.ack(*events, book=booked.append)
        assert stream.status.session.unacked == 0
    assert provider.acks == [tx_hash(1), tx_hash(2)]
    assert booked == [None]


async def test_acking_twice_books_once(provider: Provider) -> None:
    provider.push(1)
    booked: list[None] = []
    async with connect(provider.network) as stream:
        event = await transaction(stream)
        await stream.ack(event, book=booked.append)
        await stream.ack(event, book=booked.append)
        await stream.ack(event, event)
    assert provider.acks == [tx_hash(1)]
    assert booked == [None]


async def test_an_ack_of_nothing_is_none(provider: Provider) -> None:
    async with connect(provider.network) as stream:
        await stream.ack()
    assert provider.acks == []


async def test_a_failed_booking_settles_nothing_and_leaves_unwrapped(provider: Provider) -> None:
    provider.push(1)
    error = KeyError("no such account")

    def refuse(connection: None) -> None:
        raise error

    async with connect(provider.network) as stream:
        event = await transaction(stream)
        with pytest.raises(KeyError) as caught:
            await stream.ack(event, book=refuse)
        assert caught.value is error
        assert stream.status.session.unacked == 1
        await stream.ack(event)
    assert provider.acks == [tx_hash(1)]


async def test_an_event_of_another_stream_cannot_be_settled(provider: Provider) -> None:
    provider.push(1)
    async with connect(provider.network) as stream:
        event = await transaction(stream)
        foreign = built(tx_hash=tx_hash(7))
        with pytest.raises(pushwire.LocalProtocolError):
            await stream.ack(foreign)
        with pytest.raises(pushwire.LocalProtocolError):
            await stream.ack(event, foreign)
        with pytest.raises(pushwire.LocalProtocolError):
            await stream.park(foreign, "poison")
        assert stream.status.session.unacked == 1


async def test_an_event_that_another_call_is_settling_is_refused(provider: Provider) -> None:
    provider.push(1)
    store = SlowStore()
    async with connect(provider.network, store=store) as stream, trio.open_nursery() as nursery:
        event = await transaction(stream)
        nursery.start_soon(stream.ack, event)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(pushwire.LocalProtocolError, match="it is committing"):
            await stream.ack(event)
        store.may.set()
    assert provider.acks == [tx_hash(1)]


async def test_an_event_that_is_none_to_ack_is_refused(provider: Provider) -> None:
    async with connect(provider.network) as stream:
        up: Any = await next_of(stream, gelabs.Up)
        with pytest.raises(pushwire.LocalProtocolError, match="Up is not an event that is ACKed"):
            await stream.ack(up)
        with pytest.raises(pushwire.LocalProtocolError, match="Up is not"):
            await stream.park(up, "poison")
        with pytest.raises(pushwire.LocalProtocolError, match="Up is not"):
            stream.release(up)


async def test_a_parked_event_is_kept_with_its_payload_and_acked(provider: Provider) -> None:
    provider.push(1)
    store = pushwire.MemoryStore()
    async with connect(provider.network, store=store) as stream:
        event = await transaction(stream)
        await stream.park(event, "no such account")
        await provider.received("transactionACK")
    (record,) = await store.parked()
    assert record.note == "no such account"
    assert record.raw == event.dump()
    assert provider.acks == [tx_hash(1)]


async def test_who_has_kept_the_identity_alone_acks_and_parks_by_it(provider: Provider) -> None:
    provider.push(1)
    provider.push(2)
    store = pushwire.MemoryStore()
    async with connect(provider.network, store=store) as stream:
        first, second = (await transaction(stream)).identity, (await transaction(stream)).identity
        await stream.settle(Finish((first,)))
        await stream.settle(Park(second, "poison", "{}"))
        assert stream.status.session.unacked == 0
        with pytest.raises(pushwire.LocalProtocolError, match=r"cannot settle .* it is unseen"):
            await stream.settle(Finish((Identity(("nobody's",), ()),)))
    assert [(record.note, record.raw) for record in await store.parked()] == [("poison", "{}")]
    assert provider.acks == [tx_hash(1), tx_hash(2)]


async def test_a_released_event_comes_again_to_any_consumer(provider: Provider) -> None:
    provider.push(1)
    provider.push(2)
    async with connect(provider.network) as stream:
        event = await transaction(stream, 1)
        stream.release(event)
        assert await transaction(stream) is event
        assert stream.status.session.withheld == 0
        await stream.ack(event)
    assert provider.acks == [tx_hash(1)]


async def test_an_event_may_be_released_for_later(provider: Provider, autojump_clock: trio.testing.MockClock) -> None:
    provider.push(1)
    async with connect(provider.network) as stream:
        event = await transaction(stream)
        start = trio.current_time()
        stream.release(event, after=7.0)
        assert await transaction(stream) is event
        assert trio.current_time() == start + 7.0


async def test_leaving_does_not_wait_for_what_was_released_for_later(
    provider: Provider, autojump_clock: trio.testing.MockClock
) -> None:
    provider.push(1)
    async with connect(provider.network) as stream:
        stream.release(await transaction(stream), after=3600.0)
        start = trio.current_time()
    assert trio.current_time() == start
    assert provider.acks == []


# Events that are ACKed when the next is asked for


async def test_after_an_event_is_acked_when_its_consumer_asks_for_the_next(provider: Provider) -> None:
    provider.push(1)
    provider.push(2)
    async with connect(provider.network, ack="after") as stream:
        consumer = aiter(stream)
        await transaction(consumer, 1)
        assert stream.status.session.unacked == 2
        await transaction(consumer, 2)
        assert stream.status.session.unacked == 1
        await provider.received("transactionACK")
    assert provider.acks == [tx_hash(1)]


async def test_after_each_consumer_answers_for_its_own_event(provider: Provider) -> None:
    for number in (1, 2, 3):
        provider.push(number)
    async with connect(provider.network, ack="after") as stream:
        first, second = aiter(stream), aiter(stream)
        await transaction(first, 1)
        await transaction(second, 2)
        await transaction(first, 3)
    assert provider.acks == [tx_hash(1)]


async def test_after_never_acks_on_break(provider: Provider) -> None:
    provider.push(1)
    provider.push(2)
    async with connect(provider.network, ack="after") as stream:
        async for event in stream:
            if isinstance(event, gelabs.Transaction):
                break
        async for batch in stream.batches():
            assert batch
            break
    assert provider.acks == []


async def test_after_never_acks_on_an_exception(provider: Provider) -> None:
    provider.push(1)

    async def handle(stream: MemoryStream) -> None:
        async for event in stream:
            if isinstance(event, gelabs.Transaction):
                raise KeyError

    async with connect(provider.network, ack="after") as stream:
        with pytest.raises(KeyError):
            await handle(stream)
    assert provider.acks == []


async def test_after_never_acks_what_a_closed_consumer_held(provider: Provider) -> None:
    provider.push(1)
    async with connect(provider.network, ack="after") as stream:
        consumer = aiter(stream)
        await transaction(consumer)
        await consumer.aclose()
    assert provider.acks == []


async def test_after_acks_the_last_event_when_the_stream_stops(provider: Provider) -> None:
    provider.push(1)
    async with connect(provider.network, ack="after") as stream:
        async for event in stream:
            if isinstance(event, gelabs.Transaction):
                stream.stop()
    assert provider.acks == [tx_hash(1)]


async def test_after_does_not_ack_what_was_given_back(provider: Provider) -> None:
    provider.push(1)
    provider.push(2)
    async with connect(provider.network, ack="after") as stream:
        first, second = aiter(stream), aiter(stream)
        event = await transaction(first, 1)
        stream.release(event)
        await transaction(second, 1)
        await transaction(first, 2)
        assert stream.status.session.unacked == 2
    assert provider.acks == []


async def test_after_does_no_harm_to_what_was_acked_or_parked_already(provider: Provider) -> None:
    provider.push(1)
    provider.push(2)
    provider.push(3)
    async with connect(provider.network, ack="after") as stream:
        consumer = aiter(stream)
        await stream.ack(await transaction(consumer, 1))
        await stream.park(await transaction(consumer, 2), "poison")
        await transaction(consumer, 3)
    assert provider.acks == [tx_hash(1), tx_hash(2)]


class Asked(SlowStore):
    """Once asked for what has a ticket, it waits, and may refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.refuses = trio.Event(), False

    async def commit(
        self, namespace: str, writes: Sequence[Write], mark: float, books: Mapping[Ticket, Callable[[None], object]]
    ) -> Committed:
        if not any(write.ticket for write in writes):
            return pushwire.MemoryStore.commit_now(self, namespace, writes, mark, books)
        self.asked.set()
        await self.may.wait()
        if self.refuses:
            raise pushwire.StoreError("disk full")
        return await super().commit(namespace, writes, mark, books)


@pytest.mark.parametrize("refuses", [False, True])
async def test_after_leaves_what_is_being_acked_to_whoever_does(provider: Provider, nursery: trio.Nursery, refuses: bool) -> None:
    for number in (1, 2, 3):
        provider.push(number)
    store = Asked()
    store.refuses = refuses
    ended: list[Exception | None] = []

    async def ack(event: gelabs.Transaction) -> None:
        try:
            await stream.ack(event)
        except pushwire.StoreError as error:
            ended.append(error)
        else:
            ended.append(None)

    async with connect(provider.network, ack="after", store=store) as stream:
        consumer = aiter(stream)
        nursery.start_soon(ack, await transaction(consumer, 1))
        await store.asked.wait()
        await transaction(consumer, 2)
        assert ended == []
        store.may.set()
        await trio.testing.wait_all_tasks_blocked()
        assert [error is not None for error in ended] == [refuses]
        store.refuses = False
        await transaction(consumer, 3)
        assert stream.status.session.unacked == 1
    assert sorted(provider.acks) == [tx_hash(1), tx_hash(2)]


class Moody(pushwire.MemoryStore):
    """Refuses to store what tickets ask for, while told to."""

    refuses = False

    def commit_now(self, namespace: str, writes: Sequence[Write], mark: float, books: Mapping[Ticket, Any]) -> Committed:
        if self.refuses and any(write.ticket for write in writes):
            raise pushwire.StoreError("disk full")
        return super().commit_now(namespace, writes, mark, books)


async def test_after_tries_a_failed_ack_again_at_the_next_asking(provider: Provider) -> None:
    provider.push(1)
    provider.push(2)
    store = Moody()
    async with connect(provider.network, ack="after", store=store) as stream:
        consumer = aiter(stream)
        await transaction(consumer, 1)
        store.refuses = True
        with pytest.raises(pushwire.StoreError, match="disk full"):
            await anext(consumer)
        assert stream.status.session.unacked == 2
        store.refuses = False
        await transaction(consumer, 2)
    assert provider.acks == [tx_hash(1)]


async def test_after_acks_a_batch_in_one_commit(provider: Provider) -> None:
    commits: list[int] = []

    class Counting(pushwire.MemoryStore):
        def commit_now(self, namespace: str, writes: Sequence[Write], mark: float, books: Mapping[Ticket, Any]) -> Committed:
            commits.append(sum(len(write.records) for write in writes if write.ticket))
            return super().commit_now(namespace, writes, mark, books)

    for number in range(3):
        provider.push(number)
    async with connect(provider.network, ack="after", store=Counting()) as stream:
        batches = stream.batches()
        first = await anext(batches)
        given_back = next(event for event in first if isinstance(event, gelabs.Transaction))
        stream.release(given_back)
        assert await anext(batches) == [given_back]
        assert commits[-1] == 2
    assert provider.acks == [tx_hash(1), tx_hash(2)]
