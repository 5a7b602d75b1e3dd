"""`connect`: how streams come up, and how the block is left."""

from __future__ import annotations

import traceback

import pytest
import trio
import trio.testing

import pushwire
from pushwire import gelabs
from pushwire.core.machine import Phase
from pushwire.shell.memory import MemoryNetwork, Peer
from pushwire.testing.gelabs import connected, message
from tests.shell.provider import CONFIG, Provider, tx_hash
from tests.shell.streams import LOOK, SlowStore, connect, next_of, phase, serve_refusals, transaction

# Coming up


async def test_it_returns_when_the_stream_is_ready(provider: Provider) -> None:
    async with connect(provider.network) as stream:
        assert phase(stream) is Phase.READY
        assert len(provider.network.dials) == 1


async def test_it_gives_up_when_not_ready_in_time_and_says_what_was_last_wrong(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    network = MemoryNetwork()
    nursery.start_soon(serve_refusals, network, 503, "busy")
    start = trio.current_time()
    with pytest.raises(pushwire.NotReady, match=r"not ready within 20 s: HTTP 503: busy"):
        async with connect(network, ready_within=20.0):
            raise AssertionError("not reached")
    assert trio.current_time() == start + 20.0
    assert len(network.dials) > 2


async def test_a_dial_under_way_is_given_up_with_it(autojump_clock: trio.testing.MockClock) -> None:
    network = MemoryNetwork()
    with pytest.raises(pushwire.NotReady, match=r"^not ready within 5 s$"):
        async with connect(network, ready_within=5.0):
            raise AssertionError("not reached")
    with trio.move_on_after(1.0):
        await network.dialled()
        raise AssertionError("it still waits to be opened")
    assert trio.current_time() == 6.0


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_a_refused_credential_ends_it_at_once(nursery: trio.Nursery, status: int) -> None:
    network = MemoryNetwork()
    nursery.start_soon(serve_refusals, network, status)
    with pytest.raises(pushwire.AuthenticationRefused) as caught:
        async with connect(network):
            raise AssertionError("not reached")
    assert caught.value.status == status
    assert "sk-test" not in str(caught.value)
    assert len(network.dials) == 1


async def test_a_credential_refused_in_the_greeting_ends_it_as_well(nursery: trio.Nursery) -> None:
    network = MemoryNetwork()

    async def greet() -> None:
        (await network.accept()).send(message("connected", code=401, msg="unknown key"))

    nursery.start_soon(greet)
    with pytest.raises(pushwire.AuthenticationRefused, match="unknown key"):
        async with connect(network):
            raise AssertionError("not reached")


async def test_without_a_deadline_it_returns_at_once_and_goes_on_dialling(nursery: trio.Nursery) -> None:
    network = MemoryNetwork()
    async with connect(network, ready_within=None) as stream:
        assert phase(stream) is Phase.DIALLING
        (await network.accept()).send(connected())
        event = await anext(aiter(stream))
        assert isinstance(event, gelabs.Up)
        assert phase(stream) is Phase.READY


async def test_without_a_deadline_refusals_reach_the_stream(nursery: trio.Nursery) -> None:
    network = MemoryNetwork()
    nursery.start_soon(serve_refusals, network, 401)
    async with connect(network, ready_within=None) as stream:
        with pytest.raises(pushwire.AuthenticationRefused):
            await anext(aiter(stream))


async def test_a_stream_may_be_left_before_anything_has_happened() -> None:
    network = MemoryNetwork()
    async with connect(network, ready_within=None):
        pass
    assert len(network.dials) == 1


async def test_its_own_times_stand_in_for_those_of_the_config(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    network = MemoryNetwork()
    async with connect(network, ready_within=None, connect_timeout=2.0, close_within=1.0) as stream:
        await trio.sleep(2.5)
        assert stream.status.session.last_error == "no connection within 2 s"
        peer = await network.accept()
        peer.mute()
        peer.send(connected())
        await next_of(stream, gelabs.Up)
        start = trio.current_time()
    assert trio.current_time() == start + 1.0  # the closing handshake alone: there was nothing to flush


# Errors leave it bare


async def test_what_the_body_raises_leaves_as_itself(provider: Provider) -> None:
    class Mine(KeyError):
        pass

    error = Mine("k")
    with pytest.raises(KeyError) as caught:
        async with connect(provider.network):
            raise error
    assert caught.value is error
    assert error.__context__ is None
    frames = traceback.extract_tb(error.__traceback__)
    assert frames[0].name == frames[-1].name == "test_what_the_body_raises_leaves_as_itself"
    assert frames[-1].line == "raise error"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ExceptionGroup("", [KeyError()]), StopAsyncIteration(), GeneratorExit()])
async def test_whatever_the_body_raises(provider: Provider, error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        async with connect(provider.network):
            raise error
    assert caught.value is error


async def test_the_body_may_raise_while_others_wait_on_the_stream(provider: Provider) -> None:
    provider.answer = False
    caught: list[BaseException] = []

    async def consume(stream: pushwire.Stream[gelabs.Event]) -> None:
        async for _ in stream:
            pass
        caught.append(StopAsyncIteration())

    async def call(stream: pushwire.Stream[gelabs.Event]) -> None:
        try:
            await stream.call(LOOK)
        except pushwire.ConnectionLost as error:
            caught.append(error)

    async def body(nursery: trio.Nursery) -> None:
        async with connect(provider.network) as stream:
            nursery.start_soon(consume, stream)
            nursery.start_soon(call, stream)
            await provider.received("getTxHash")
            raise KeyError

    async with trio.open_nursery() as nursery:
        with pytest.raises(KeyError):
            await body(nursery)
    assert sorted(type(error).__name__ for error in caught) == ["ConnectionLost", "StopAsyncIteration"]


async def test_a_timeout_around_it_is_just_a_timeout(autojump_clock: trio.testing.MockClock) -> None:
    with trio.move_on_after(3.0) as scope:
        async with connect(MemoryNetwork()):
            raise AssertionError("not reached")
    assert scope.cancelled_caught
    assert trio.current_time() == 3.0


async def test_a_timeout_in_the_body_drops_the_connection_at_once(
    provider: Provider, autojump_clock: trio.testing.MockClock
) -> None:
    peers: list[Peer] = []
    with trio.move_on_after(3.0) as scope:
        async with connect(provider.network):
            peers += provider.peers
            peers[0].mute()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert trio.current_time() == 3.0
    await peers[0].gone()
    assert peers[0].hangup is None


async def test_so_does_one_that_reaches_the_body_through_a_nursery(
    provider: Provider, autojump_clock: trio.testing.MockClock
) -> None:
    with trio.move_on_after(3.0):
        async with connect(provider.network):
            provider.peers[0].mute()
            async with trio.open_nursery() as inner:
                inner.start_soon(trio.sleep_forever)
                inner.start_soon(trio.sleep_forever)
    assert trio.current_time() == 3.0


async def test_a_timeout_while_leaving_cuts_the_farewell_short(
    provider: Provider, autojump_clock: trio.testing.MockClock
) -> None:
    peers: list[Peer] = []
    with trio.move_on_after(2.0) as scope:
        async with connect(provider.network):
            peers += provider.peers
            peers[0].mute()
    assert scope.cancelled_caught
    assert trio.current_time() == 2.0
    assert peers[0].hangup is not None


async def test_the_bodys_own_error_outlives_a_timeout_while_leaving(
    provider: Provider, autojump_clock: trio.testing.MockClock
) -> None:
    async def body() -> None:
        with trio.move_on_after(2.0):
            async with connect(provider.network):
                provider.peers[0].mute()
                raise KeyError

    with pytest.raises(KeyError):
        await body()
    assert trio.current_time() == 2.0


async def test_it_outlives_a_commit_that_the_leaving_waits_for(
    provider: Provider, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    store = SlowStore()
    provider.push(1)

    async def body() -> None:
        with trio.move_on_after(1.0):
            async with connect(provider.network, store=store) as stream:
                nursery.start_soon(stream.ack, await transaction(stream))
                await trio.testing.wait_all_tasks_blocked()
                raise KeyError

    async def finish() -> None:
        await trio.sleep(2.0)
        store.may.set()

    nursery.start_soon(finish)
    with pytest.raises(KeyError):
        await body()
    assert trio.current_time() == 2.0


# Leaving


async def test_leaving_flushes_the_acks(provider: Provider) -> None:
    provider.push(1)
    async with connect(provider.network) as stream:
        await stream.ack(await transaction(stream))
        assert provider.acks == []
    assert provider.acks == [tx_hash(1)]


async def test_leaving_waits_no_longer_than_it_may_for_a_mute_provider(
    provider: Provider, autojump_clock: trio.testing.MockClock
) -> None:
    provider.push(1)
    provider.answer = False
    async with connect(provider.network, close_within=3.0) as stream:
        provider.peers[0].mute()
        await stream.ack(await transaction(stream))
        start = trio.current_time()
    assert provider.acks == [tx_hash(1)]
    # Once for the replies, once for the closing handshake.
    assert trio.current_time() == start + 6.0


async def test_after_stop_iterations_end_and_ack_still_works(provider: Provider) -> None:
    provider.push(1)
    provider.push(2)
    async with connect(provider.network) as stream:
        consumer = aiter(stream)
        event = await transaction(consumer, 1)
        stream.stop()
        assert [event async for event in consumer] == []
        assert [event async for event in stream] == []
        with pytest.raises(trio.EndOfChannel):
            await consumer.receive()
        await stream.ack(event)
    assert provider.acks == [tx_hash(1)]
    assert list(provider.owed) == [tx_hash(2)]


async def test_after_the_block_the_stream_has_ended(provider: Provider) -> None:
    provider.push(1)
    async with connect(provider.network) as stream:
        event = await transaction(stream)
    assert [event async for event in stream] == []
    with pytest.raises(pushwire.NotReady, match="the stream has ended"):
        await stream.call(LOOK)
    with pytest.raises(pushwire.NotReady, match="the stream has ended"):
        await stream.ack(event)
    stream.release(event)
    stream.release(event, after=1.0)
    stream.stop()
    assert phase(stream) is Phase.CLOSED


async def test_a_left_stream_says_goodbye(provider: Provider) -> None:
    peers: list[Peer] = []
    async with connect(provider.network):
        peers += provider.peers
    (peer,) = peers
    assert peer.hangup is not None
    assert peer.hangup.code == 1000
    assert CONFIG.url == peer.dial.url
