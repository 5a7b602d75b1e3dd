"""Streams over real sockets, where the reader lends its waiting to the consumer."""

from __future__ import annotations

import importlib
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

import pushwire
from pushwire import Secret, gelabs
from pushwire.shell import lead
from pushwire.shell.consumer import Consumer
from pushwire.shell.lead import AWAY
from pushwire.shell.memory import Peer
from pushwire.shell.transport import Read
from pushwire.shell.websocket import WebSocketConnection, WebSocketConnector
from tests.shell.cancelled import World, nobody_waits
from tests.shell.checkpoints import Attempt, Returned, at_every_moment
from tests.shell.lines import led_to
from tests.shell.provider import Provider
from tests.shell.raw_server import Server, ping, raw
from tests.shell.sockets import client_tls, dial, serve, server_tls
from tests.shell.streams import LOOK, SUBSCRIBE, MemoryStream, transaction

KINDS = ["TCP", "TLS"]


@asynccontextmanager
async def socket_world(kind: str = "TCP") -> AsyncGenerator[World]:
    async with trio.open_nursery() as nursery:
        provider = Provider()
        nursery.start_soon(provider.run)
        secure, serving = kind == "TLS", led_to(provider.network)

        async def handler(stream: trio.abc.Stream) -> None:
            try:
                await serving(stream)
            except* trio.ClosedResourceError:
                pass  # by the one of its tasks that hangs up

        port = await serve(nursery, handler, server_tls() if secure else None)
        config = gelabs.Config(api_key=Secret("sk-test"), url=f"{'wss' if secure else 'ws'}://127.0.0.1:{port}/")
        yield World(provider, WebSocketConnector(tls=client_tls()), None, config)
        nursery.cancel_scope.cancel()


def lent(stream: pushwire.Stream[gelabs.Event]) -> bool:
    between = stream._driver.router.inbox.lead
    return between is not None and between.lent


async def take(made: World, consumer: Consumer[gelabs.Event], number: int) -> gelabs.Transaction:
    """One event, which comes while the consumer waits for it."""

    async def push() -> None:
        await trio.testing.wait_all_tasks_blocked()
        made.provider.push(number)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(push)
        return await transaction(consumer, number)


@pytest.mark.parametrize("known", [True, False])
async def test_where_trio_does_not_say_how_a_wait_ends_nothing_is_lent(
    known: bool, monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    monkeypatch.setattr(lead, "LENDS", known)
    async with socket_world() as made, made.stream() as stream:
        consumer = aiter(stream)
        for number in range(1, 5):
            await take(made, consumer, number)
        assert lent(stream) is known


@pytest.mark.parametrize("traps, known", [("trio._core._traps", True), ("trio.nothing", False), ("trio.abc", False)])
def test_another_trio_is_noticed(traps: str, known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    load = importlib.import_module

    def another(name: str) -> object:
        return load(traps)

    monkeypatch.setattr(importlib, "import_module", another)
    assert lead._how_waits_end() is known


@pytest.mark.parametrize("kind", KINDS)
async def test_what_comes_one_by_one_is_read_by_the_consumer(kind: str, autojump_clock: trio.testing.MockClock) -> None:
    async with socket_world(kind) as made, made.stream() as stream:
        consumer = aiter(stream)
        await take(made, consumer, 1)
        for number in range(2, 6):
            assert lent(stream)
            await take(made, consumer, number)
        assert trio.current_time() < AWAY
        # The consumer does not come back: the reader reads.
        made.provider.push(6)
        await trio.sleep(1)
        assert not lent(stream)
        assert stream.status.in_hand == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_what_has_come_meanwhile_is_taken_without_a_turn_of_the_loop(kind: str) -> None:
    async with socket_world(kind) as made, made.stream() as stream:
        consumer = aiter(stream)
        await take(made, consumer, 1)
        made.provider.push(2)
        await trio.testing.wait_all_tasks_blocked()
        assert lent(stream)
        with pytest.raises(StopIteration) as taken:
            consumer.__anext__().send(None)
        assert isinstance(taken.value.value, gelabs.Transaction)


@pytest.mark.parametrize("end", [Peer.close, Peer.drop])
@pytest.mark.parametrize("kind", KINDS)
async def test_the_end_of_the_connection_is_found_by_the_consumer(
    kind: str, end: Callable[[Peer], None], autojump_clock: trio.testing.MockClock
) -> None:
    async with socket_world(kind) as made, made.stream() as stream:
        consumer = aiter(stream)
        await take(made, consumer, 1)
        assert lent(stream)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transaction, consumer, 2)
            await trio.testing.wait_all_tasks_blocked()
            end(made.provider.peers[0])
            await trio.sleep(60)
            made.provider.push(2)
        assert stream.status.session.generation == 2


async def test_who_waits_for_a_reply_is_read_for(autojump_clock: trio.testing.MockClock) -> None:
    async with socket_world() as made, made.stream() as stream:
        consumer = aiter(stream)
        await take(made, consumer, 1)
        assert lent(stream)
        await stream.call(SUBSCRIBE)
        assert not lent(stream)
        async with trio.open_nursery() as nursery:
            await take(made, consumer, 2)
            assert lent(stream)
            nursery.start_soon(transaction, consumer, 3)
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(pushwire.CommandRefused):
                await stream.call(LOOK)
            made.provider.push(3)
        assert trio.current_time() == 0.0


async def test_who_looks_at_the_status_sees_what_has_come(autojump_clock: trio.testing.MockClock) -> None:
    async with socket_world() as made, made.stream() as stream:
        consumer = aiter(stream)
        await stream.ack(await take(made, consumer, 1))
        while stream.status.session.acks_confirmed < 1:
            await trio.lowlevel.checkpoint()
        assert trio.current_time() == 0.0


async def test_a_consumer_that_has_got_nothing_yet_is_lent_nothing(autojump_clock: trio.testing.MockClock) -> None:
    async with socket_world() as made, made.stream() as stream:
        consumer = aiter(stream)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transaction, consumer, 1)
            await trio.sleep(600)
            assert made.provider.kinds.count("ping") > 1
            assert stream._driver.router.inbox.lead is None
            made.provider.push(1)


async def test_leaving_the_stream_waits_for_nobody(autojump_clock: trio.testing.MockClock) -> None:
    async with socket_world() as made:
        async with made.stream() as stream:
            consumer = aiter(stream)
            await take(made, consumer, 1)
            assert lent(stream)
        assert trio.current_time() == 0.0


async def test_where_others_want_to_be_read_for_nothing_is_lent(autojump_clock: trio.testing.MockClock) -> None:
    async def fetch() -> None:
        return None

    async with socket_world() as made, made.stream() as stream:
        consumer = aiter(stream)
        await take(made, consumer, 1)
        assert lent(stream)
        second = aiter(stream)
        assert not lent(stream)
        await take(made, consumer, 2)
        assert not lent(stream)
        await second.aclose()
        await take(made, consumer, 3)
        assert lent(stream)
        query = stream.query(fetch)
        await anext(query)
        assert not lent(stream)
        await take(made, consumer, 4)
        assert not lent(stream)
        await query.aclose()
        await take(made, consumer, 5)
        assert lent(stream)
        async with stream.subscribe(SUBSCRIBE):
            assert not lent(stream)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(transaction, consumer)
                await trio.testing.wait_all_tasks_blocked()
                assert not lent(stream)
                nursery.cancel_scope.cancel()


async def now(connection: WebSocketConnection) -> Read | None:
    """What comes next, as one reads it who was lent the waiting."""
    assert connection.source is not None
    await trio.lowlevel.wait_readable(connection.source)
    return connection.read_now()


async def told(nursery: trio.Nursery, script: Callable[[Server], Awaitable[None]]) -> WebSocketConnection:
    """A connection whose server plays `script` once it has been told to: nothing of it comes with the handshake."""

    async def when_told(server: Server) -> None:
        await server.receive()
        await script(server)

    port = await serve(nursery, raw(when_told))
    connection = await WebSocketConnector().dial(dial(f"ws://127.0.0.1:{port}/"), nursery)
    connection.send_text("go")
    await connection.flush()
    return connection


async def test_a_ping_that_the_consumer_has_read_is_answered(nursery: trio.Nursery) -> None:
    connection = await told(nursery, ping)
    assert await now(connection) == Read([], [])
    assert await now(connection) == Read(["hello"], [])
    await connection.aclose()


async def test_a_reset_that_the_consumer_has_found_is_not_lost(nursery: trio.Nursery) -> None:
    async def reset(server: Server) -> None:
        assert isinstance(server.stream, trio.SocketStream)
        server.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await server.stream.aclose()

    connection = await told(nursery, reset)
    assert await now(connection) is None
    close = (await connection.read()).close
    assert close is not None
    assert close.reason.startswith("read: ")
    await connection.aclose()


async def goes_on(made: World, stream: MemoryStream, got: list[object]) -> None:
    """All that was pushed comes, and each once."""
    made.provider.push(9)
    await trio.sleep(1)
    rest = stream._driver.router.inbox.take_many_nowait(100) or []
    events = [event for event in (*got, *rest) if isinstance(event, gelabs.Transaction)]
    assert sorted(event.tx_hash for event in events) == sorted(made.provider.owed)
    await stream.ack(*events)
    await made.provider.until(lambda: not made.provider.owed)
    nobody_waits(stream)


@pytest.mark.parametrize("kind", KINDS)
def test_a_consumer_that_reads_is_cancelled_at_every_moment(kind: str) -> None:
    async def life(attempt: Attempt) -> None:
        async with socket_world(kind) as made, made.stream() as stream:
            consumer = aiter(stream)
            got: list[object] = [await take(made, consumer, 1)]
            assert lent(stream)
            made.provider.push(2)
            made.provider.push(3)
            outcome = await attempt.run(consumer.__anext__)
            if isinstance(outcome, Returned):
                got.append(outcome.value)
            await goes_on(made, stream, got)

    assert at_every_moment(life, exact=False).cancelled > 1
