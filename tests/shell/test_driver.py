"""The driver: reconnects, commands and commits on their way, time and credentials."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

import attrs
import pytest
import trio
import trio.testing

import pushwire
from pushwire import gelabs
from pushwire.core.config import ConnectionConfig
from pushwire.core.effects import Committed, Credential, Ping, Restored, Ticket, Write
from pushwire.core.machine import Phase
from pushwire.core.secrets import Secret
from pushwire.errors import ConnectionLost
from pushwire.providers.gelabs.machine import GelabsMachine
from pushwire.shell.memory import MemoryNetwork
from tests.core.toy import Toy
from tests.shell.provider import CONFIG, Provider, tx_hash
from tests.shell.streams import LOOK, SUBSCRIBE, MemoryStream, SlowNetwork, SlowStore, connect, next_of, phase, transaction

# Reconnects


async def test_a_lost_connection_is_told_dialled_again_and_restored(
    provider: Provider, autojump_clock: trio.testing.MockClock
) -> None:
    async with connect(provider.network) as stream:
        consumer = aiter(stream)
        up = await next_of(consumer, gelabs.Up)
        assert up.generation == 1
        await stream.call(SUBSCRIBE)

        await trio.sleep(5.0)
        provider.peers[0].drop("cable cut")
        down = await anext(consumer)
        assert isinstance(down, gelabs.Down)
        assert (down.received, down.reason) == (5.0, "connection lost: cable cut")
        assert provider.kinds.count("subscribe") == 1

        up = await next_of(consumer, gelabs.Up)
        assert up.generation == 2
        assert 5.5 <= up.received <= 6.0
        await provider.received("subscribe", 2)
        provider.push(1)
        await transaction(consumer, 1)
        assert len(provider.peers) == 1


async def test_a_connection_the_peer_closes_is_dialled_again(provider: Provider, autojump_clock: trio.testing.MockClock) -> None:
    async with connect(provider.network) as stream:
        provider.peers[0].close(1012, "restart")
        down = await next_of(stream, gelabs.Down)
        assert down.reason == "close 1012 by peer: restart"
        await next_of(stream, gelabs.Up)


async def test_a_refused_dial_is_tried_again(provider: Provider, autojump_clock: trio.testing.MockClock) -> None:
    async with connect(provider.network) as stream:
        provider.refuse = 503
        provider.peers[0].drop()
        await trio.sleep(20.0)
        assert phase(stream) is Phase.BACKING_OFF
        dials = len(provider.network.dials)
        assert dials > 3
        provider.refuse = None
        consumer = aiter(stream)
        await next_of(consumer, gelabs.Down)
        await next_of(consumer, gelabs.Up)
        assert len(provider.network.dials) == dials + 1


async def test_what_is_in_the_callers_hands_is_not_delivered_again(
    provider: Provider, autojump_clock: trio.testing.MockClock
) -> None:
    provider.push(1)
    provider.push(2)
    async with connect(provider.network) as stream:
        consumer = aiter(stream)
        first = await transaction(consumer, 1)
        provider.peers[0].drop()
        await transaction(consumer, 2)
        await next_of(consumer, gelabs.Up)
        assert stream.status.session.withheld == 2
        await stream.ack(first)
        await provider.received("transactionACK")
        assert provider.acks == [tx_hash(1)]


async def test_a_peer_that_no_longer_answers_is_hung_up_on_and_then_dropped(
    provider: Provider, autojump_clock: trio.testing.MockClock
) -> None:
    async with connect(provider.network) as stream:
        peer = provider.peers[0]
        peer.mute()
        provider.answer = False
        consumer = aiter(stream)
        await next_of(consumer, gelabs.Up)
        down = await next_of(consumer, gelabs.Down)
        assert (down.received, down.reason) == (40.0, "no answer to a ping within 10 s")
        assert phase(stream) is Phase.HANGING_UP
        await peer.gone()
        assert trio.current_time() == 40.0 + CONFIG.close_within
        provider.answer = True
        await next_of(consumer, gelabs.Up)


# Commands and the connection


async def test_commands_wait_while_it_is_down(provider: Provider, autojump_clock: trio.testing.MockClock) -> None:
    provider.refuse = 503
    addresses: list[str] = []
    provider.on_message = lambda message: addresses.append(message["data"].get("address"))
    async with connect(provider.network, ready_within=None) as stream:

        async def subscribe(address: str) -> None:
            await stream.call(gelabs.Subscribe(address, "ethereum"))

        async with trio.open_nursery() as nursery:
            for address in ("0xa", "0xb", "0xc"):
                nursery.start_soon(subscribe, address)
                await trio.testing.wait_all_tasks_blocked()
            await trio.sleep(30.0)
            assert addresses == []
            provider.refuse = None
    assert addresses == ["0xa", "0xb", "0xc"]


async def test_a_call_survives_the_loss_of_its_connection(provider: Provider, autojump_clock: trio.testing.MockClock) -> None:
    provider.answer = False
    async with connect(provider.network) as stream, trio.open_nursery() as nursery:
        replies: list[gelabs.Subscribed] = []

        async def subscribe() -> None:
            replies.append(await stream.call(SUBSCRIBE))

        nursery.start_soon(subscribe)
        await provider.received("subscribe")
        provider.answer = True
        provider.peers[0].drop()
        await provider.received("subscribe", 2)
        await trio.testing.wait_all_tasks_blocked()
        assert len(replies) == 1


async def test_a_call_cancelled_while_down_is_never_sent(provider: Provider, autojump_clock: trio.testing.MockClock) -> None:
    async with connect(provider.network) as stream:
        provider.refuse = 503
        provider.peers[0].drop()
        await next_of(stream, gelabs.Down)
        with trio.move_on_after(5.0):
            await stream.call(LOOK)
        provider.refuse = None
        await next_of(stream, gelabs.Up)
        await stream.call(SUBSCRIBE)
    assert "getTxHash" not in provider.kinds


async def test_calls_that_wait_when_the_block_is_left_learn_whether_they_left(provider: Provider) -> None:
    provider.answer = False

    async def call(stream: MemoryStream) -> None:
        with pytest.raises(ConnectionLost) as caught:
            await stream.call(LOOK)
        assert caught.value.sent == "maybe"

    async with trio.open_nursery() as nursery, connect(provider.network) as stream:
        nursery.start_soon(call, stream)
        await provider.received("getTxHash")


async def test_what_is_sent_during_a_flush_leaves_as_well(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    provider = Provider(SlowNetwork(1.0))
    nursery.start_soon(provider.run)
    async with connect(provider.network) as stream, trio.open_nursery() as callers:
        callers.start_soon(stream.call, SUBSCRIBE)
        await trio.sleep(0.5)
        await stream.call(SUBSCRIBE)
        assert trio.current_time() == 2.0


# Commits and time


async def test_commits_that_gather_are_stored_together(provider: Provider) -> None:
    batches: list[int] = []

    class Gathering(SlowStore):
        async def commit(
            self, namespace: str, writes: Sequence[Write], mark: float, books: Mapping[Ticket, Callable[[None], object]]
        ) -> Committed:
            batches.append(sum(write.ticket is not None for write in writes))
            return await super().commit(namespace, writes, mark, books)

    store = Gathering()
    for number in range(4):
        provider.push(number)
    async with connect(provider.network, store=store) as stream:
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(stream.ack, await transaction(stream))
            await trio.testing.wait_all_tasks_blocked()
            store.may.set()
        assert sum(batches) == 4
        assert max(batches) >= 3
    assert sorted(provider.acks) == [tx_hash(number) for number in range(4)]


async def test_a_hang_up_finds_a_dial_that_has_just_been_asked_for(
    provider: Provider, autojump_clock: trio.testing.MockClock
) -> None:
    network = MemoryNetwork()
    async with connect(network, ready_within=None) as stream:
        (await network.dialled()).refuse(503)
        await trio.testing.wait_all_tasks_blocked()
        driver = stream._driver
        due = driver.machine.next_deadline()
        await trio.sleep_until(due - 0.01)
        driver.machine.handle_timer(due, 0.0)
        driver.pump()
        assert phase(stream) is Phase.DIALLING
    assert trio.current_time() == due - 0.01


async def test_the_machine_never_sees_a_time_that_has_not_come(
    provider: Provider, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead: list[float] = []
    handle_timer = GelabsMachine.handle_timer

    def watched(self: GelabsMachine, now: float, wall: float) -> None:
        ahead.append(now - trio.current_time())
        handle_timer(self, now, wall)

    monkeypatch.setattr(GelabsMachine, "handle_timer", watched)
    for _ in range(10):
        async with connect(provider.network) as stream:
            # As a ping falls due, it is stopped, which moves the deadline: either of the two tasks may run first.
            await trio.sleep(CONFIG.ping_interval)
            stream._driver.stop()
    assert set(ahead) == {0.0}


# Pings and credentials


async def test_ping_frames_are_sent_and_their_pongs_heard(
    provider: Provider, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ping(self: GelabsMachine, now: float) -> Ping:
        return Ping(b"hello")

    monkeypatch.setattr(GelabsMachine, "_ping", ping)
    async with connect(provider.network):
        peer = provider.peers[0]
        peer.send()  # bytes without a message
        await trio.sleep(100.0)
        assert peer.pings == [b"hello"] * 3
        assert len(provider.network.dials) == 1


Source: TypeAlias = Callable[[Credential], Awaitable[Secret]]


@attrs.frozen(kw_only=True)
class ToyConfig(ConnectionConfig):
    """For a machine that fetches a token before each dial."""

    namespace: str = "toy"

    def machine(self, *, rng: random.Random, ids: Callable[[], str], restored: Restored | None = None) -> Toy:
        return Toy(rng=rng)


async def toy_frame(network: MemoryNetwork) -> str:
    """What the toy sends first on its next connection."""
    peer = await network.accept()
    frame = await peer.receive()
    peer.send("hello")
    return frame


async def test_a_credential_is_fetched_for_each_dial(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    network = MemoryNetwork()
    asked: list[Credential] = []

    async def fetch(wanted: Credential) -> Secret:
        asked.append(wanted)
        await trio.sleep(1.0)
        return Secret(f"t{len(asked)}")

    async with pushwire.connect(ToyConfig(), transport=network, credential=fetch, ready_within=None) as stream:
        assert await toy_frame(network) == "auth t1"
        await next_of(stream, gelabs.Up)
        assert asked == [Credential("token")]
        with pytest.raises(AttributeError):
            _ = stream.ack  # type: ignore[attr-defined]  # pyright: ignore - such a stream has none


async def test_a_source_that_fails_is_asked_again(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    network = MemoryNetwork()
    failures = [OSError("no route"), KeyError("token")]

    async def fetch(wanted: Credential) -> Secret:
        await trio.lowlevel.checkpoint()
        if failures:
            raise failures.pop(0)
        return Secret("t")

    async with pushwire.connect(ToyConfig(), transport=network, credential=fetch, ready_within=None) as stream:
        await trio.testing.wait_all_tasks_blocked()
        assert stream.status.session.last_error == "connection lost: token: no route"
        assert await toy_frame(network) == "auth t"


async def test_a_machine_that_wants_a_credential_needs_a_source(autojump_clock: trio.testing.MockClock) -> None:
    with pytest.raises(pushwire.NotReady, match="no source for the credential 'token'"):
        async with pushwire.connect(ToyConfig(), transport=MemoryNetwork(), ready_within=3.0):
            raise AssertionError("not reached")
