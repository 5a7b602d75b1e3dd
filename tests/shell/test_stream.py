"""What a user holds: consumers, batches, commands and the look at where it stands."""

from __future__ import annotations

import itertools
import socket

import pytest
import trio
import trio.testing

import pushwire
from pushwire import gelabs
from pushwire.core.commands import Command
from pushwire.core.machine import Phase
from pushwire.shell.consumer import YIELD_EVERY, Consumer
from pushwire.shell.inbox import Inbox
from pushwire.shell.lead import Lead
from pushwire.shell.transport import Read
from tests.shell.provider import CONFIG, Provider, tx_hash
from tests.shell.streams import LOOK, SUBSCRIBE, MemoryStream, connect, next_of, phase, transaction

# Consumers


async def test_events_come_in_order_the_connection_first(provider: Provider) -> None:
    provider.push(1)
    provider.push(2)
    async with connect(provider.network) as stream:
        consumer = aiter(stream)
        assert isinstance(await anext(consumer), gelabs.Up)
        assert [(await transaction(consumer)).tx_hash for _ in range(2)] == [tx_hash(1), tx_hash(2)]


async def test_each_event_goes_to_one_of_the_consumers_side_by_side(provider: Provider) -> None:
    taken: dict[int, list[str]] = {0: [], 1: [], 2: []}

    async def consume(number: int, stream: MemoryStream) -> None:
        async for event in stream:
            if isinstance(event, gelabs.Transaction):
                taken[number].append(event.tx_hash)
                await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery, connect(provider.network) as stream:
        for number in taken:
            nursery.start_soon(consume, number, stream)
        await trio.testing.wait_all_tasks_blocked()
        for number in range(30):
            provider.push(number)
        await trio.testing.wait_all_tasks_blocked()
    assert all(taken.values())
    assert sorted(itertools.chain(*taken.values())) == [tx_hash(number) for number in range(30)]


async def test_one_consumer_serves_one_task_at_a_time(provider: Provider) -> None:
    async with connect(provider.network) as stream, trio.open_nursery() as nursery:
        consumer = aiter(stream)
        await next_of(consumer, gelabs.Up)
        nursery.start_soon(transaction, consumer)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await anext(consumer)
        with pytest.raises(trio.BusyResourceError):
            await consumer.receive()
        provider.push(1)
        await trio.testing.wait_all_tasks_blocked()
        provider.push(2)
        await transaction(consumer, 2)


async def test_a_consumer_is_its_own_iterator_and_a_channel(provider: Provider) -> None:
    provider.push(1)
    async with connect(provider.network) as stream:
        consumer = aiter(stream)
        assert aiter(consumer) is consumer
        channel: trio.abc.ReceiveChannel[gelabs.Event] = consumer
        assert isinstance(await channel.receive(), gelabs.Up)
        assert isinstance(await channel.receive(), gelabs.Transaction)


async def test_a_closed_consumer_takes_no_more_and_leaves_events_to_others(provider: Provider) -> None:
    async with connect(provider.network) as stream, trio.open_nursery() as nursery:
        consumer = aiter(stream)
        await next_of(consumer, gelabs.Up)
        ended = trio.Event()

        async def wait() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await anext(consumer)
            ended.set()

        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        await consumer.aclose()
        await ended.wait()
        with pytest.raises(trio.ClosedResourceError):
            await consumer.receive()
        provider.push(1)
        await transaction(stream, 1)


async def test_a_wakeup_meant_for_a_cancelled_consumer_is_not_lost(provider: Provider) -> None:
    async with connect(provider.network) as stream, trio.open_nursery() as nursery:
        await next_of(stream, gelabs.Up)
        taken: list[str] = []
        scope = trio.CancelScope()

        async def impatient() -> None:
            with scope:
                async for batch in stream.batches():
                    taken.extend(event.tx_hash for event in batch if isinstance(event, gelabs.Transaction))

        async def patient() -> None:
            taken.append((await transaction(stream)).tx_hash)

        nursery.start_soon(impatient)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(patient)
        await trio.testing.wait_all_tasks_blocked()
        provider.push(1)
        while not stream.status.in_hand and not taken:
            await trio.lowlevel.checkpoint()
        scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        assert taken == [tx_hash(1)]
        nursery.cancel_scope.cancel()


async def test_a_busy_consumer_lets_others_run(provider: Provider) -> None:
    async with connect(provider.network) as stream:
        for number in range(2 * YIELD_EVERY):
            provider.push(number)
        await trio.testing.wait_all_tasks_blocked()
        ran: list[int] = []

        async def other() -> None:
            ran.append(stream.status.in_hand)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(other)
            consumer = aiter(stream)
            for _ in range(2 * YIELD_EVERY):
                await anext(consumer)
        assert ran[0] > 0


class Flood:
    """A connection of which more is there always, and no event in it."""

    def __init__(self, sock: socket.socket) -> None:
        self.reads: list[Read] = []
        self.ready = True
        self.source: trio.socket.SocketType | None = trio.socket.from_stdlib_socket(sock)

    def read_now(self) -> Read | None:
        assert len(self.reads) < 1000, "nobody else gets a turn"
        return Read()


async def test_a_consumer_that_reads_on_lets_others_run_whatever_comes(autojump_clock: trio.testing.MockClock) -> None:
    inbox: Inbox[object] = Inbox(8)
    consumer = Consumer(inbox)
    turns: list[int] = []
    with socket.socket() as sock:
        flood = Flood(sock)
        inbox.lead = Lead(flood.reads.append)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.lead.lend, flood)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(consumer.receive)
        for _ in range(20):
            await trio.lowlevel.checkpoint()
            turns.append(len(flood.reads))
        nursery.cancel_scope.cancel()
    assert turns[-1] > 10
    # Of two turns of trio's loop, in which one task may be first in the one and last in the other.
    assert max(after - before for before, after in itertools.pairwise(turns)) <= 2 * 3


# Batches


async def test_batches_are_what_there_is_up_to_a_number(provider: Provider) -> None:
    for number in range(5):
        provider.push(number)
    async with connect(provider.network) as stream:
        await next_of(stream, gelabs.Up)
        batches = stream.batches(max=2)
        assert [len(await anext(batches)) for _ in range(3)] == [2, 2, 1]
        provider.push(5)
        (event,) = await anext(batches)
        assert isinstance(event, gelabs.Transaction)
        assert event.tx_hash == tx_hash(5)
        stream.stop()
        assert [batch async for batch in batches] == []


async def test_a_batch_holds_something(provider: Provider) -> None:
    async with connect(provider.network) as stream:
        with pytest.raises(pushwire.LocalProtocolError, match="max"):
            stream.batches(max=0)


async def test_batches_raise_what_ended_the_stream(provider: Provider) -> None:
    async with connect(provider.network) as stream:
        provider.refuse = 401
        provider.peers[0].drop()
        with pytest.raises(pushwire.AuthenticationRefused):
            async for _ in stream.batches():
                pass


# Commands


async def test_a_call_returns_the_reply(provider: Provider) -> None:
    async with connect(provider.network) as stream:
        reply = await stream.call(SUBSCRIBE)
        assert isinstance(reply, gelabs.Subscribed)


async def test_a_refused_call_raises_the_providers_code_and_text(provider: Provider) -> None:
    async with connect(provider.network) as stream:
        with pytest.raises(pushwire.CommandRefused) as caught:
            await stream.call(LOOK)
        assert (caught.value.command, caught.value.code) == ("GetTransaction", 404)


async def test_a_call_without_a_reply_times_out(provider: Provider, autojump_clock: trio.testing.MockClock) -> None:
    async with connect(provider.network) as stream:
        provider.answer = False
        start = trio.current_time()
        with pytest.raises(pushwire.ReplyTimeout):
            await stream.call(LOOK)
        assert trio.current_time() == start + CONFIG.reply_timeout


async def test_a_command_of_another_provider_is_refused_before_it_is_sent(provider: Provider) -> None:
    class Foreign(Command[gelabs.Event, None]):
        pass

    async with connect(provider.network) as stream:
        with pytest.raises(pushwire.LocalProtocolError, match="is not a gelabs command"):
            await stream.call(Foreign())
        assert phase(stream) is Phase.READY
    assert provider.kinds == []


async def test_the_reply_to_a_cancelled_call_reaches_nobody_else(provider: Provider) -> None:
    provider.answer = False
    async with connect(provider.network) as stream, trio.open_nursery() as nursery:
        scope = trio.CancelScope()

        async def impatient() -> None:
            with scope:
                await stream.call(LOOK)

        nursery.start_soon(impatient)
        await provider.received("getTxHash")
        scope.cancel()
        late = provider.last_id
        provider.answer = True
        assert isinstance(await stream.call(SUBSCRIBE), gelabs.Subscribed)
        provider.reply(late, "getTxHash")
        assert isinstance(await stream.call(SUBSCRIBE), gelabs.Subscribed)
        consumer = aiter(stream)
        await next_of(consumer, gelabs.Up)
        assert stream.status.in_hand == 0  # nor is it an unrecognized message


async def test_calls_side_by_side_each_get_their_own_reply(provider: Provider) -> None:
    async with connect(provider.network) as stream:
        replies: list[str] = []

        async def subscribe(address: str) -> None:
            await stream.call(gelabs.Subscribe(address, "ethereum"))
            replies.append(address)

        async def look() -> None:
            with pytest.raises(pushwire.CommandRefused):
                await stream.call(LOOK)
            replies.append("look")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(subscribe, "0xa")
            nursery.start_soon(look)
            nursery.start_soon(subscribe, "0xb")
        assert sorted(replies) == ["0xa", "0xb", "look"]


# Status


async def test_the_status_says_where_it_stands(provider: Provider, autojump_clock: trio.testing.MockClock) -> None:
    for number in (1, 2, 3):
        provider.push(number)
    async with connect(provider.network) as stream:
        await trio.sleep(2.0)
        status = stream.status
        assert (status.in_hand, status.discarded) == (4, 0)
        session = status.session
        assert (session.phase, session.since, session.attempt, session.generation) == (Phase.READY, 0.0, 0, 1)
        assert (session.last_error, session.next_dial) == (None, None)
        assert (session.unacked, session.acks_sent, session.acks_confirmed) == (3, 0, 0)
        await stream.ack(await transaction(stream))
        await provider.received("transactionACK")
        await trio.testing.wait_all_tasks_blocked()
        session = stream.status.session
        assert (session.unacked, session.acks_sent, session.acks_confirmed) == (2, 1, 1)


async def test_the_status_of_a_stream_that_is_down(provider: Provider, autojump_clock: trio.testing.MockClock) -> None:
    async with connect(provider.network) as stream:
        await trio.sleep(1.0)
        provider.peers[0].drop("cable cut")
        await next_of(stream, gelabs.Down)
        session = stream.status.session
        assert (session.phase, session.since, session.attempt) == (Phase.BACKING_OFF, 1.0, 1)
        assert session.last_error == "connection lost: cable cut"
        assert session.next_dial is not None
        assert 1.5 <= session.next_dial <= 2.0
