"""A consumer that falls behind: the reading stops, the clocks that depend on it stand still, and nothing is lost."""

from __future__ import annotations

import math
from collections.abc import Hashable

import attrs
import pytest
import trio
import trio.testing

import pushwire
from pushwire import gelabs
from pushwire.core.machine import Phase
from pushwire.core.secrets import Secret
from pushwire.shell.inbox import Overflow
from tests.shell.provider import CONFIG, Provider, tx_hash
from tests.shell.streams import LOOK, SUBSCRIBE, MemoryStream, connect, next_of, phase, transaction

HOUR = 3600.0


async def full(provider: Provider, stream: MemoryStream, number: int = 20) -> None:
    """Push so many transactions, each in a read of its own, to a consumer that takes none."""
    for each in range(1, number + 1):
        provider.push(each)
    await trio.testing.wait_all_tasks_blocked()


async def rest(stream: MemoryStream, number: int = 20) -> list[str]:
    """The next transactions, ACKed."""
    consumer = aiter(stream)
    hashes: list[str] = []
    for _ in range(number):
        event = await transaction(consumer)
        await stream.ack(event)
        hashes.append(event.tx_hash)
    return hashes


ALL = [tx_hash(number) for number in range(1, 21)]


async def test_a_full_inbox_stops_the_reading(provider: Provider) -> None:
    async with connect(provider.network, capacity=4) as stream:
        await full(provider, stream)
        assert stream.status.in_hand == 4
        assert provider.peers[0].unread == 17
        await full(provider, stream, 0)
        assert provider.peers[0].unread == 17


async def test_it_goes_on_when_half_of_it_is_taken(provider: Provider) -> None:
    async with connect(provider.network, capacity=4) as stream:
        await full(provider, stream)
        consumer = aiter(stream)
        await next_of(consumer, gelabs.Up)
        await trio.testing.wait_all_tasks_blocked()
        assert provider.peers[0].unread == 17
        await transaction(consumer, 1)
        await trio.testing.wait_all_tasks_blocked()
        assert provider.peers[0].unread == 15
        assert stream.status.in_hand == 4
        assert [(await transaction(consumer)).tx_hash for _ in range(19)] == ALL[1:]


async def test_large_messages_stop_the_reading_before_there_are_many(provider: Provider) -> None:
    async with connect(provider.network, capacity_bytes=4_000) as stream:
        await full(provider, stream)
        message = len(provider.owed[tx_hash(1)])
        # The first event is `Up`, which is no message.
        assert stream.status.in_hand == 1 + math.ceil(4_000 / message) < 20
        assert await rest(stream) == ALL


async def test_an_hour_of_stall_ends_without_a_hang_up_by_us_and_nothing_is_lost(
    provider: Provider, autojump_clock: trio.testing.MockClock
) -> None:
    async with connect(provider.network, capacity=4) as stream:
        await full(provider, stream)
        await trio.sleep(HOUR + 1.0)
        assert phase(stream) is Phase.READY
        assert provider.kinds.count("ping") == HOUR / CONFIG.ping_interval  # ours go on
        assert await rest(stream) == ALL
        await trio.sleep(HOUR)
        assert phase(stream) is Phase.READY
    assert len(provider.network.dials) == 1
    assert provider.acks == ALL


async def test_after_a_stall_an_unanswered_ping_counts_again(provider: Provider, autojump_clock: trio.testing.MockClock) -> None:
    async with connect(provider.network, capacity=4) as stream:
        await full(provider, stream)
        provider.answer = False
        await trio.sleep(HOUR)
        peer = provider.peers[0]
        consumer = aiter(stream)
        for number in range(1, 21):
            await transaction(consumer, number)
        resumed = trio.current_time()
        down = await next_of(consumer, gelabs.Down)
        assert down.reason == "no answer to a ping within 10 s"
        assert resumed < down.received <= resumed + CONFIG.ping_interval + CONFIG.pong_timeout
        await peer.gone()


async def test_a_call_inside_the_loop_gets_its_reply(provider: Provider, autojump_clock: trio.testing.MockClock) -> None:
    async with connect(provider.network, capacity=4) as stream:
        await full(provider, stream)
        consumer = aiter(stream)
        await next_of(consumer, gelabs.Up)
        assert isinstance(await stream.call(SUBSCRIBE), gelabs.Subscribed)
        assert trio.current_time() == 0.0
        assert [(await transaction(consumer)).tx_hash for _ in range(20)] == ALL


async def test_once_the_reply_is_there_the_reading_stops_again(provider: Provider) -> None:
    async with connect(provider.network, capacity=4) as stream:
        await full(provider, stream)
        await stream.call(SUBSCRIBE)
        provider.push(21)  # for the read that was under way when the reply came
        provider.push(22)
        await trio.testing.wait_all_tasks_blocked()
        assert provider.peers[0].unread == 1


async def test_an_ack_needs_no_reading(provider: Provider) -> None:
    async with connect(provider.network, capacity=4) as stream:
        await full(provider, stream)
        event = await transaction(stream, 1)
        await trio.testing.wait_all_tasks_blocked()
        unread = provider.peers[0].unread
        await stream.ack(event)
        await trio.testing.wait_all_tasks_blocked()
        assert provider.acks == [tx_hash(1)]
        assert provider.peers[0].unread == unread + 1


async def test_a_reply_that_never_comes_times_out_while_the_inbox_is_full(
    provider: Provider, autojump_clock: trio.testing.MockClock
) -> None:
    async with connect(provider.network, capacity=4) as stream:
        await full(provider, stream)
        provider.answer = False
        with pytest.raises(pushwire.ReplyTimeout):
            await stream.call(LOOK)
        assert trio.current_time() == CONFIG.reply_timeout


async def test_what_a_waiting_call_lets_in_is_bounded(provider: Provider, autojump_clock: trio.testing.MockClock) -> None:
    provider.answer = False
    async with connect(provider.network, capacity=4, unread_bytes=5_000) as stream:
        await full(provider, stream)
        message = len(provider.owed[tx_hash(1)])
        with pytest.raises(pushwire.InboxFull, match="bytes of events arrived before the reply"):
            await stream.call(LOOK)
        assert trio.current_time() == 0.0
        held = stream.status.in_hand
        assert 4 + 5_000 // message <= held <= 6 + 5_000 // message
        # And it stops there, but for the read that was under way.
        await trio.testing.wait_all_tasks_blocked()
        assert stream.status.in_hand == held + 1
        assert await rest(stream) == ALL


async def test_all_calls_that_wait_hear_of_the_bound(provider: Provider, autojump_clock: trio.testing.MockClock) -> None:
    provider.answer = False

    async def call(stream: MemoryStream) -> None:
        with pytest.raises(pushwire.InboxFull):
            await stream.call(LOOK)

    async with connect(provider.network, capacity=4, unread_bytes=5_000) as stream:
        await full(provider, stream)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call, stream)
            nursery.start_soon(call, stream)
        assert phase(stream) is Phase.READY
        assert trio.current_time() == 0.0


async def test_the_bound_is_of_each_wait_anew(provider: Provider, autojump_clock: trio.testing.MockClock) -> None:
    async with connect(provider.network, capacity=4, unread_bytes=40_000) as stream:
        for start in range(0, 100, 10):
            for number in range(start, start + 10):
                provider.push(number)
            await stream.call(SUBSCRIBE)
        assert stream.status.in_hand == 101


async def test_a_peer_that_closes_during_a_stall_is_dialled_again_and_nothing_is_lost(
    provider: Provider, autojump_clock: trio.testing.MockClock
) -> None:
    async with connect(provider.network, capacity=4) as stream:
        await full(provider, stream)
        await trio.sleep(60.0)
        provider.peers[0].close(1012, "restart")
        await trio.sleep(60.0)
        consumer = aiter(stream)
        hashes: list[str] = []
        kinds: list[type] = []
        while len(hashes) < 20 or kinds.count(gelabs.Up) < 2:
            event = await anext(consumer)
            if isinstance(event, gelabs.Transaction):
                hashes.append(event.tx_hash)
                await stream.ack(event)
            else:
                kinds.append(type(event))
        assert kinds == [gelabs.Up, gelabs.Down, gelabs.Up]
        assert sorted(hashes) == ALL
    assert sorted(set(provider.acks)) == ALL


async def test_stop_lets_the_reading_go_on_so_that_acks_can_be_confirmed(
    provider: Provider, autojump_clock: trio.testing.MockClock
) -> None:
    async with connect(provider.network, capacity=4) as stream:
        await full(provider, stream)
        event = await transaction(stream, 1)
        stream.stop()
        await stream.ack(event)
        await trio.testing.wait_all_tasks_blocked()
        assert provider.peers[0].unread == 0
        assert stream.status.in_hand == 0
        assert stream.status.session.acks_confirmed == 1
    assert trio.current_time() == 0.0
    assert provider.acks == [tx_hash(1)]


async def test_leaving_during_a_stall_takes_no_longer(provider: Provider, autojump_clock: trio.testing.MockClock) -> None:
    async with connect(provider.network, capacity=4) as stream:
        await full(provider, stream)
    assert trio.current_time() == 0.0
    assert phase(stream) is Phase.CLOSED


@attrs.frozen(kw_only=True)
class Prices(gelabs.Config):
    """Takes unknown messages for prices of which the latest counts, keyed by their type."""

    def expendable(self, event: object) -> Hashable | None:
        return event.type if isinstance(event, gelabs.Unrecognized) else None


PRICES = Prices(api_key=Secret("sk-test"))


async def prices(provider: Provider, stream: MemoryStream) -> list[str]:
    """A transaction, and many prices of two kinds; what is left of the prices."""
    provider.push(1)
    for number in range(100):
        provider.peers[0].send(f'{{"type":"{"ab"[number % 2]}","price":{number}}}')
    provider.push(2)
    await trio.testing.wait_all_tasks_blocked()
    assert provider.peers[0].unread == 0
    left: list[str] = []
    consumer = aiter(stream)
    await next_of(consumer, gelabs.Up)
    await transaction(consumer, 1)
    while isinstance(event := await anext(consumer), gelabs.Unrecognized):
        left.append(str(event.raw))
    assert isinstance(event, gelabs.Transaction)
    assert event.tx_hash == tx_hash(2)
    return left


async def test_conflate_keeps_the_latest_of_each_key_and_counts_the_rest(provider: Provider) -> None:
    async with connect(provider.network, config=PRICES, capacity=6, overflow="conflate") as stream:
        left = await prices(provider, stream)
        assert left[-2:] == ['{"type":"a","price":98}', '{"type":"b","price":99}']
        assert len(left) <= 5
        assert stream.status.discarded == 100 - len(left)


async def test_drop_oldest_keeps_the_newest_and_counts_the_rest(provider: Provider) -> None:
    async with connect(provider.network, config=PRICES, capacity=6, overflow="drop_oldest") as stream:
        left = await prices(provider, stream)
        assert left == [f'{{"type":"{"ab"[number % 2]}","price":{number}}}' for number in (97, 98, 99)]
        assert stream.status.discarded == 97


@pytest.mark.parametrize("overflow", ["conflate", "drop_oldest"])
async def test_no_policy_drops_what_is_ledgered_or_tells_of_the_connection(
    provider: Provider, autojump_clock: trio.testing.MockClock, overflow: Overflow
) -> None:
    async with connect(provider.network, config=PRICES, capacity=4, overflow=overflow) as stream:
        await full(provider, stream)
        assert provider.peers[0].unread > 0  # it blocks
        await trio.sleep(HOUR)
        assert await rest(stream) == ALL
        assert stream.status.discarded == 0
