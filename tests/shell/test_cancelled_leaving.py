"""Leaving a stream and closing what is open, cancelled at every moment: it drops at once, waits for a commit that has begun, and
leaves nothing behind; what was not told to the provider is told by the next run."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

import pushwire
from pushwire import gelabs
from pushwire.core.effects import Dial
from pushwire.shell.transport import Read
from tests.core.toy import Data
from tests.shell import toys
from tests.shell.cancelled import TRANSPORTS, LazyStore, Transport, World, world
from tests.shell.checkpoints import Attempt, Returned, at_every_moment, standing
from tests.shell.lines import KINDS, Kind, Lines, connector, led_to
from tests.shell.provider import tx_hash
from tests.shell.streams import SlowNetwork, transaction

pytestmark = pytest.mark.slow

Leaving = Callable[[World, pushwire.AckStream[gelabs.Event, gelabs.Transaction, Any]], Awaitable[None]]
"""What the body does last."""


async def leave(attempt: Attempt, made: World, store: Any, body: Leaving) -> None:
    """The operation: from the end of the body to behind the block."""
    with attempt.watching():
        async with made.connect(store) as stream:
            await body(made, stream)
            attempt.begin()
    await made.deserted()


async def nothing(made: World, stream: Any) -> None:
    await trio.testing.wait_all_tasks_blocked()


async def an_ack(made: World, stream: pushwire.AckStream[gelabs.Event, gelabs.Transaction, Any]) -> None:
    """Its frame is still to be written."""
    made.provider.push(1)
    await stream.ack(await transaction(stream, 1))


async def settles_on(attempt: Attempt, made: World, store: Any) -> None:
    """A further run ends up with everything ACKed, and nothing delivered that was finished."""
    async with made.connect(store) as stream:
        while made.provider.owed:
            with trio.move_on_after(5):
                assert made.provider.owed == {}, await transaction(stream)  # what is finished is not delivered again
            await trio.sleep(1)


@pytest.mark.parametrize("body", [nothing, an_ack])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_leaving_in_good_order(transport: Transport, body: Leaving) -> None:
    async def life(attempt: Attempt) -> None:
        store = pushwire.MemoryStore()
        async with world(transport) as made:
            await leave(attempt, made, store, body)
            if attempt.at == 0:
                assert not made.provider.owed
            await made.works(store)
            # What was finished and not ACKed is sent again, withheld and ACKed.
            assert not made.provider.owed

    assert at_every_moment(life).cancelled >= 1


def test_leaving_a_peer_that_does_not_answer() -> None:
    async def mute(made: World, stream: Any) -> None:
        made.provider.peers[-1].mute()

    async def life(attempt: Attempt) -> None:
        store = pushwire.MemoryStore()
        async with world("trio-websocket") as made:
            begun = trio.current_time()
            await leave(attempt, made, store, mute)
            assert trio.current_time() - begun <= made.config.close_within
            await made.works(store)

    assert at_every_moment(life).cancelled >= 1


@pytest.mark.parametrize("transport", ["memory", "wire"])
def test_leaving_while_a_commit_is_under_way(transport: Transport) -> None:
    async def life(attempt: Attempt) -> None:
        attempt.patience = 2.0
        store = LazyStore()
        async with world(transport) as made:
            acked = trio.Event()

            async def settle(stream: Any, event: gelabs.Transaction) -> None:
                await stream.ack(event)
                acked.set()

            async with trio.open_nursery() as nursery:

                async def body(made: World, stream: Any) -> None:
                    made.provider.push(1)
                    event = await transaction(stream, 1)
                    nursery.start_soon(settle, stream, event)
                    await trio.testing.wait_all_tasks_blocked()

                await leave(attempt, made, store, body)
                # It was never given up, and whoever waited for it was told.
                assert acked.is_set()
            store.seconds = 0.0
            await settles_on(attempt, made, store)
            assert tx_hash(1) in made.provider.acks

    assert at_every_moment(life).cancelled >= 1


def test_leaving_with_an_error_of_the_body() -> None:
    async def life(attempt: Attempt) -> None:
        async with world("wire") as made:
            raised = False
            with attempt.watching():
                try:
                    async with made.stream() as stream:
                        made.provider.push(1)
                        await stream.ack(await transaction(stream, 1))
                        attempt.begin()
                        raise KeyError("the body's own")
                except KeyError:
                    raised = True
            # The error goes before a cancellation: it is what happened first.
            assert raised
            await made.deserted()
            await made.works()

    assert at_every_moment(life).moments > 1


def test_leaving_a_store_in_a_file_and_its_thread(tmp_path: Path) -> None:
    paths = (tmp_path / f"{number}.db" for number in itertools.count())

    async def life(attempt: Attempt) -> None:
        path = next(paths)
        async with world("wire") as made:
            await leave(attempt, made, pushwire.SqliteStore(path), an_ack)
            await made.works(pushwire.SqliteStore(path))
            assert not made.provider.owed

    assert at_every_moment(life, clock=standing, exact=False).cancelled >= 1


def test_coming_up_and_leaving_while_what_was_acked_on_receipt_is_loaded_from_a_file(tmp_path: Path) -> None:
    paths = (tmp_path / f"{number}.db" for number in itertools.count())

    async def life(attempt: Attempt) -> None:
        store = pushwire.SqliteStore(next(paths))
        async with world() as made:
            async with made.connect(store, ack="on_receipt") as stream:
                made.provider.push(1)
                made.provider.push(2)
                await transaction(stream, 1)
                await transaction(stream, 2)
            assert not made.provider.owed
            with attempt.watching():
                attempt.begin()
                async with made.connect(store, ack="on_receipt"):
                    pass
            await made.deserted()
            async with made.connect(store, ack="on_receipt") as stream:
                await stream.ack(await transaction(stream, 1), await transaction(stream, 2))

    assert at_every_moment(life, clock=standing, exact=False).cancelled >= 1


# What is closed by itself


@pytest.mark.parametrize("what", ["consumer", "query"])
def test_closing_a_consumer_or_a_query_that_another_task_waits_on(what: str) -> None:
    async def life(attempt: Attempt) -> None:
        server = toys.ToyServer()
        server.network = SlowNetwork()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.run)
            async with toys.connect(server) as stream, trio.open_nursery() as own:

                async def fetch() -> int:
                    return 1

                def open_one() -> Any:
                    return aiter(stream) if what == "consumer" else stream.query(fetch)

                closing = open_one()
                told = trio.Event()

                async def wait() -> None:
                    try:
                        while True:
                            await closing.receive()
                    except trio.ClosedResourceError:
                        told.set()

                own.start_soon(wait)
                await trio.testing.wait_all_tasks_blocked()
                await attempt.run(closing.aclose)
                assert told.is_set()
                other = open_one()
                server.say("data a 1")
                while not isinstance(await other.receive(), Data | int):
                    pass
            nursery.cancel_scope.cancel()

    assert at_every_moment(life).cancelled >= 1


Part = Callable[[Any], Awaitable[object]]
PARTS: dict[str, Part] = {
    "read": lambda connection: connection.read(),
    "flush": lambda connection: connection.flush(),
    "aclose": lambda connection: connection.aclose(),
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_connection_by_itself(kind: Kind, part: str) -> None:
    async def life(attempt: Attempt) -> None:
        network = SlowNetwork()
        async with trio.open_nursery() as nursery:
            lines = Lines(nursery, led_to(network), kind.endswith("TLS"))
            transport = connector(kind, lines)
            messages: list[str] = []

            async def serve() -> None:
                peer = await network.accept()
                with contextlib.suppress(trio.EndOfChannel):
                    while True:
                        messages.append(await peer.receive())
                        peer.send(messages[-1])

            async with trio.open_nursery() as own:
                own.start_soon(serve)
                url = f"{'wss' if lines.secure else 'ws'}://127.0.0.1/"
                connection = await transport.dial(Dial(1, url, {}, 1000), own)
                connection.send_text("hello")
                if part == "read":
                    await connection.flush()
                outcome = await attempt.run(lambda: PARTS[part](connection), reconnects=True)
                if part == "read":
                    # Nothing that was read and not handed over is lost.
                    read = outcome.value if isinstance(outcome, Returned) else None
                    got = list(read.messages) if isinstance(read, Read) else []
                    while not got:
                        got += (await connection.read()).messages
                    assert got == ["hello"]
                elif part == "flush":
                    # Whole frames, or none: what was cut short is not gone on with.
                    connection.send_text("more")
                    await connection.flush()
                    await trio.testing.wait_all_tasks_blocked()
                    assert messages == ["hello", "more"][: len(messages)], "half a frame was gone on with"
                await connection.aclose()
                assert not lines.left_open
                assert (await connection.read()).close is not None
                own.cancel_scope.cancel()
            nursery.cancel_scope.cancel()

    assert at_every_moment(life).moments >= 1
