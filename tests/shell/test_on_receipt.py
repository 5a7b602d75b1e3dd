"""`ack="on_receipt"` on a stream: a slow consumer holds nobody up, a store that is full does."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

import pushwire
from pushwire import satoriex
from pushwire.core.effects import Payloads
from pushwire.errors import NotReady
from pushwire.shell.fetching import Fetcher
from pushwire.shell.memory import MemoryNetwork
from tests.shell.provider import CONFIG, Provider
from tests.shell.streams import SUBSCRIBE, connect, transaction


@pytest.fixture
def provider(nursery: trio.Nursery) -> Provider:
    provider = Provider()
    nursery.start_soon(provider.run)
    return provider


async def settled() -> None:
    await trio.testing.wait_all_tasks_blocked()


async def test_a_consumer_that_takes_nothing_keeps_no_ack_from_the_provider(
    provider: Provider, autojump_clock: trio.testing.MockClock
) -> None:
    for number in range(1, 101):
        provider.push(number)
    store = pushwire.MemoryStore()
    async with connect(provider.network, store=store, ack="on_receipt", capacity=8) as stream:
        await provider.until(lambda: not provider.owed)
        await trio.sleep(7200.0)
        assert (stream.status.session.generation, stream.status.in_hand) == (1, 5), "Up, and half of the capacity"
        for number in range(1, 101):
            event = await transaction(stream, number)
            assert event.delivery == "new"
            await stream.ack(event)
        assert stream.status.session.unacked == 0
    assert len(provider.acks) == 100


async def test_a_store_that_holds_as_much_as_it_may_stops_the_reading_until_some_is_finished(
    provider: Provider, autojump_clock: trio.testing.MockClock
) -> None:
    async with connect(provider.network, ack="on_receipt", store=pushwire.MemoryStore(), max_held=8) as stream:
        for number in range(1, 13):
            provider.push(number)
            await settled()
        assert len(provider.acks) == 8
        await trio.sleep(3600.0)
        assert (stream.status.session.generation, len(provider.acks)) == (1, 8), "heartbeats go on"
        with trio.move_on_after(5.0):
            await stream.call(SUBSCRIBE)
        assert len(provider.acks) == 12, "a call that waits for its reply lets in what comes before it"
        for number in range(1, 13):
            await stream.ack(await transaction(stream, number))
        provider.push(13)
        await stream.ack(await transaction(stream, 13))
        await provider.until(lambda: not provider.owed)


async def test_a_call_among_too_many_bytes_for_a_full_store_fails(
    provider: Provider, autojump_clock: trio.testing.MockClock
) -> None:
    provider.answer = False
    options: Any = {"max_held": 1, "unread_bytes": 5000}
    async with connect(provider.network, ack="on_receipt", store=pushwire.MemoryStore(), **options) as stream:
        provider.push(1)
        await settled()
        async with trio.open_nursery() as nursery:

            async def ask() -> None:
                with pytest.raises(pushwire.InboxFull):
                    await stream.call(SUBSCRIBE)

            nursery.start_soon(ask)
            await settled()
            for number in range(2, 20):
                provider.push(number)


async def test_events_of_a_run_can_be_released_parked_and_acked_in_any_order(provider: Provider) -> None:
    store = pushwire.MemoryStore()
    for number in (1, 2, 3):
        provider.push(number)
    async with connect(provider.network, ack="on_receipt", store=store) as stream:
        first, second, third = [await transaction(stream, number) for number in (1, 2, 3)]
        stream.release(second)
        await stream.ack(third)
        await stream.park(first, "poison")
        await stream.ack(await transaction(stream, 2))
        assert stream.status.session.unacked == 0
    (record,) = await store.parked()
    assert (record.identity, record.note) == (first.identity, "poison")


async def test_receipts_need_a_store_and_a_provider_that_asks_for_acks() -> None:
    with pytest.raises(pushwire.ConfigError, match=r"ack: .* needs a store that survives the process"):
        async with pushwire.connect(CONFIG, ack="on_receipt", transport=MemoryNetwork()):  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType] - wrong on purpose
            raise AssertionError("not reached")
    config: Any = satoriex.Config(token=pushwire.Secret("t"))
    with pytest.raises(pushwire.ConfigError, match="ack: this provider asks for no ACKs"):
        async with pushwire.connect(config, ack="on_receipt", store=pushwire.MemoryStore(), transport=MemoryNetwork()):
            raise AssertionError("not reached")


async def test_a_fetcher_without_a_store_has_no_payloads() -> None:
    fetcher = Fetcher(None, None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - neither is asked
    with pytest.raises(NotReady, match="no source for payloads"):
        await fetcher(Payloads(()))
