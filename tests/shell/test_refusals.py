"""A credential that is refused later: what the stream and its callers see of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

import pushwire
from pushwire import gelabs
from pushwire.core.machine import Phase
from tests.shell.provider import Provider
from tests.shell.streams import LOOK, SUBSCRIBE, MemoryStream, SlowStore, connect, next_of, phase, transaction


async def refused(provider: Provider, stream: MemoryStream) -> None:
    """The provider withdraws the key."""
    provider.refuse = 401
    provider.peers[0].drop()
    while phase(stream) is not Phase.CLOSED:
        await trio.testing.wait_all_tasks_blocked()
        await trio.sleep(1.0)


async def test_a_refusal_at_a_reconnect_ends_the_stream_after_what_has_come(
    provider: Provider, autojump_clock: trio.testing.MockClock
) -> None:
    provider.push(1)
    async with connect(provider.network) as stream:
        consumer = aiter(stream)
        await next_of(consumer, gelabs.Up)
        await refused(provider, stream)
        event = await transaction(consumer, 1)
        assert isinstance(await anext(consumer), gelabs.Down)
        for _ in range(2):
            with pytest.raises(pushwire.AuthenticationRefused) as caught:
                await anext(consumer)
            assert caught.value.status == 401
            with pytest.raises(pushwire.AuthenticationRefused):
                await consumer.receive()
            with pytest.raises(pushwire.AuthenticationRefused):
                await anext(stream.batches())
            with pytest.raises(pushwire.AuthenticationRefused):
                await stream.call(LOOK)
            with pytest.raises(pushwire.AuthenticationRefused):
                await stream.ack(event)
            with pytest.raises(pushwire.AuthenticationRefused):
                await stream.park(event, "poison")


async def test_a_refusal_at_a_reconnect_reaches_all_who_wait(provider: Provider, autojump_clock: trio.testing.MockClock) -> None:
    outcomes: list[str] = []

    async def outcome(name: str, work: Callable[[], Awaitable[object]]) -> None:
        with pytest.raises(pushwire.AuthenticationRefused):
            await work()
        outcomes.append(name)

    async with connect(provider.network) as stream, trio.open_nursery() as nursery:
        consumer = aiter(stream)
        await next_of(consumer, gelabs.Up)
        provider.refuse = 403
        provider.answer = False
        nursery.start_soon(outcome, "call", lambda: stream.call(LOOK))
        await provider.received("getTxHash")
        provider.peers[0].drop()
        await next_of(consumer, gelabs.Down)
        nursery.start_soon(outcome, "anext", lambda: anext(consumer))
        nursery.start_soon(outcome, "receive", aiter(stream).receive)
        nursery.start_soon(outcome, "batch", lambda: anext(stream.batches()))
        nursery.start_soon(outcome, "queued", lambda: stream.call(SUBSCRIBE))
    assert sorted(outcomes) == ["anext", "batch", "call", "queued", "receive"]


async def test_a_commit_under_way_at_the_end_still_says_how_it_went(
    provider: Provider, autojump_clock: trio.testing.MockClock
) -> None:
    store = SlowStore()
    provider.push(1)
    settled: list[gelabs.Transaction] = []

    async def settle(stream: MemoryStream, event: gelabs.Transaction) -> None:
        await stream.ack(event)
        settled.append(event)

    async with connect(provider.network, store=store) as stream, trio.open_nursery() as nursery:
        event = await transaction(stream)
        nursery.start_soon(settle, stream, event)
        await trio.testing.wait_all_tasks_blocked()
        assert store.waiting == 1
        await refused(provider, stream)
        assert settled == []
        store.may.set()
        await trio.testing.wait_all_tasks_blocked()
        assert settled == [event]
