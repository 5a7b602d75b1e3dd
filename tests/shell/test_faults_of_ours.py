"""A bug in a machine, a store or a transport: it ends the session at once and reaches every caller bare; nothing hangs."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

import pytest
import trio
import trio.testing

import pushwire
from pushwire import gelabs
from pushwire.core.effects import Committed, Dial, Ticket, Write
from pushwire.providers.gelabs.machine import GelabsMachine
from pushwire.shell.memory import MemoryConnection, MemoryNetwork, Peer
from tests.shell.provider import Provider
from tests.shell.streams import LOOK, SlowStore, connect, next_of, transaction


class Fault(Exception):
    """A bug."""


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Plants a fault in a method of the machine."""

    def plant(method: str) -> None:
        def broken(self: GelabsMachine, *arguments: object) -> None:
            raise Fault(method)

        monkeypatch.setattr(GelabsMachine, method, broken)

    return plant


Plant: TypeAlias = Callable[[str], None]

INPUTS: dict[str, Callable[[Peer], None]] = {
    "receive": lambda peer: peer.send("{}"),
    "heard": lambda peer: peer.send(),
    "pong": lambda peer: peer.send_pong(b""),
    "closed": lambda peer: peer.drop(),
    "take_effects": lambda peer: peer.send("{}"),
    "take_events": lambda peer: peer.send("{}"),
    "take_settled": lambda peer: peer.send(),
    "next_deadline": lambda peer: peer.send(),
}


@pytest.mark.parametrize("method", INPUTS)
async def test_a_fault_ends_the_session_at_once_for_all_callers(
    provider: Provider, autojump_clock: trio.testing.MockClock, plant: Plant, method: str
) -> None:
    outcomes: list[str] = []

    async def outcome(name: str, work: Callable[[], Awaitable[object]]) -> None:
        with pytest.raises(Fault, match=method) as caught:
            await work()
        outcomes.append(name)
        assert caught.value.__cause__ is None

    async def body() -> None:
        provider.push(1)
        async with connect(provider.network) as stream, trio.open_nursery() as nursery:
            event = await transaction(stream)
            provider.answer = False
            nursery.start_soon(outcome, "anext", lambda: anext(aiter(stream)))
            nursery.start_soon(outcome, "receive", aiter(stream).receive)
            nursery.start_soon(outcome, "batch", lambda: anext(stream.batches()))
            nursery.start_soon(outcome, "call", lambda: stream.call(LOOK))
            await trio.testing.wait_all_tasks_blocked()
            plant(method)
            INPUTS[method](provider.peers[0])
            await trio.testing.wait_all_tasks_blocked()
            assert trio.current_time() == 0.0
            assert sorted(outcomes) == ["anext", "batch", "call", "receive"]
            await outcome("call", lambda: stream.call(LOOK))
            await outcome("ack", lambda: stream.ack(event))
            assert provider.peers == []

    with pytest.raises(Fault, match=method):
        await body()


async def test_a_fault_in_the_timer_ends_the_session(
    provider: Provider, autojump_clock: trio.testing.MockClock, plant: Plant
) -> None:
    async def body() -> None:
        async with connect(provider.network) as stream:
            plant("handle_timer")
            async for _ in stream:
                pass

    with pytest.raises(Fault, match="handle_timer"):
        await body()
    assert trio.current_time() == 30.0


async def test_a_fault_when_reading_stops_ends_the_session(
    provider: Provider, autojump_clock: trio.testing.MockClock, plant: Plant
) -> None:
    async def body() -> None:
        async with connect(provider.network, capacity=1) as stream:
            plant("reading")
            provider.peers[0].send()
            consumer = aiter(stream)
            await next_of(consumer, gelabs.Up)
            provider.push(1)
            provider.push(2)
            await trio.testing.wait_all_tasks_blocked()
            await transaction(consumer, 1)
            await anext(consumer)

    with pytest.raises(Fault, match="reading"):
        await body()


@pytest.mark.parametrize("store", [pushwire.MemoryStore, SlowStore])
async def test_a_fault_after_a_commit_ends_the_session(
    provider: Provider, autojump_clock: trio.testing.MockClock, plant: Plant, store: Callable[[], pushwire.MemoryStore]
) -> None:
    kept = store()
    if isinstance(kept, SlowStore):
        kept.may.set()

    async def body() -> None:
        provider.push(1)
        async with connect(provider.network, store=kept) as stream:
            event = await transaction(stream)
            plant("fulfil")
            with pytest.raises(Fault):
                await stream.ack(event)
            with pytest.raises(Fault):
                await stream.call(LOOK)

    with pytest.raises(Fault, match="fulfil"):
        await body()
    assert provider.acks == []


async def test_a_store_that_breaks_its_promise_ends_the_session(
    provider: Provider, autojump_clock: trio.testing.MockClock
) -> None:
    class Broken(SlowStore):
        async def commit(
            self, namespace: str, writes: Sequence[Write], mark: float, books: Mapping[Ticket, Callable[[None], object]]
        ) -> Committed:
            await self.may.wait()
            raise Fault("no StoreError")

    async def body() -> None:
        store = Broken()
        provider.push(1)
        async with connect(provider.network, store=store) as stream:
            event = await transaction(stream)
            store.may.set()
            await stream.ack(event)

    with pytest.raises(Fault, match="no StoreError"):
        await body()


@pytest.mark.parametrize("method", ["submit", "abandon"])
async def test_a_fault_at_a_callers_input_ends_the_session(
    provider: Provider, autojump_clock: trio.testing.MockClock, plant: Plant, method: str
) -> None:
    async def body() -> None:
        async with connect(provider.network) as stream:
            plant(method)
            provider.answer = False
            with trio.move_on_after(1.0):
                await stream.call(LOOK)
            assert method == "abandon"
            await next_of(stream, gelabs.Transaction)

    with pytest.raises(Fault, match=method):
        await body()


@pytest.mark.parametrize("method", ["start", "opened", "receive"])
async def test_a_fault_on_the_way_up_is_raised_by_connect(provider: Provider, plant: Plant, method: str) -> None:
    plant(method)
    with pytest.raises(Fault, match=method):
        async with connect(provider.network):
            raise AssertionError("not reached")


@pytest.mark.parametrize("method", ["stop", "closed"])
async def test_a_fault_while_leaving_is_raised_by_the_block(provider: Provider, plant: Plant, method: str) -> None:
    with pytest.raises(Fault, match=method):
        async with connect(provider.network):
            plant(method)


async def test_the_bodys_own_error_comes_before_a_fault_while_leaving(provider: Provider, plant: Plant) -> None:
    async def body() -> None:
        async with connect(provider.network):
            plant("stop")
            raise KeyError

    with pytest.raises(KeyError):
        await body()


async def test_several_faults_at_a_time_arrive_as_what_they_are(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Shaky(MemoryNetwork):
        """A connector whose own tasks fail as well."""

        async def dial(self, dial: Dial, nursery: trio.Nursery) -> MemoryConnection:
            async def fail() -> None:
                raise Fault("task")

            nursery.start_soon(fail)
            raise Fault("dial")

    with pytest.raises(ExceptionGroup) as caught:
        async with connect(Shaky()):
            raise AssertionError("not reached")
    assert sorted(str(error) for error in caught.value.exceptions) == ["dial", "task"]


@pytest.mark.parametrize("method", ["receive", "handle_timer", "fulfil"])
def test_ctrl_c_in_the_midst_of_our_work_reaches_the_body_bare(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    armed: list[bool] = []
    original = getattr(GelabsMachine, method)

    def interrupted(self: GelabsMachine, *arguments: object) -> None:
        if armed:
            armed.clear()
            signal.raise_signal(signal.SIGINT)
        original(self, *arguments)

    monkeypatch.setattr(GelabsMachine, method, interrupted)

    async def main() -> None:
        provider = Provider()
        store = SlowStore()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(provider.run)
            with contextlib.suppress(KeyboardInterrupt):  # a group around it would go on
                async with connect(provider.network, store=store) as stream:
                    consumer = aiter(stream)
                    await next_of(consumer, gelabs.Up)
                    armed.append(True)
                    store.may.set()
                    provider.peers[0].send("{}")
                    await transaction(consumer)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0.0))
    assert not armed
