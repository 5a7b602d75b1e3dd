"""A connection that breaks at every write, every read and every dial, one of them in each life.

Broken at once, after half of what was to be written, or ended without a word. Whatever it is: calls are answered, each event is
booked once and ACKed, no error reaches the caller of a stream, and nothing is left.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import h11
import pytest
import trio
import trio.testing

import pushwire
from pushwire import gelabs
from pushwire.errors import CommandRefused, ConnectionLost, OutcomeUnknown
from pushwire.shell.api import open_api
from pushwire.shell.http import HttpClient
from tests.shell.cancelled import answered, nobody_waits, world
from tests.shell.checkpoints import Attempt, one_life, virtual
from tests.shell.lines import KINDS, Break, Kind, Lines
from tests.shell.provider import Wall, tx_hash
from tests.shell.rest_server import Config, Open, Order, Server, hello
from tests.shell.streams import LOOK, SUBSCRIBE, transaction

BREAKS: tuple[Break, ...] = ("broken", "half", "end")

Story = Callable[[int], Awaitable[int]]
"""A life whose line breaks at this operation; 0: at none. Returns how many operations there were."""


def at_every_operation(story: Story) -> int:
    """One life for each operation of the first. Returns how many."""
    counted = 0

    async def life(attempt: Attempt) -> None:
        nonlocal counted
        counted = await story(attempt.at)

    one_life(life, 0, virtual)
    whole = counted
    for at in range(1, whole + 1):
        one_life(life, at, virtual)
        assert counted >= at, "not the same life again"
    return whole


async def tell(kind: Kind, how: Break, at: int, every: int = 0) -> int:
    """All that a stream can do, one after the other."""
    booked: list[str] = []

    def note(event: gelabs.Transaction, connection: None) -> None:
        booked.append(event.tx_hash)

    store = pushwire.MemoryStore()
    async with world(kind) as made:
        lines = made.lines
        assert lines is not None
        lines.breaks, lines.every, lines.how = at, every, how

        async with made.connect(store) as stream:
            await stream.call(SUBSCRIBE)
            consumer = aiter(stream)
            for number in (1, 2):
                made.provider.push(number)
                event = await transaction(consumer, number)
                await stream.ack(event, book=partial(note, event))
                with contextlib.suppress(CommandRefused):
                    await stream.call(LOOK)
            nobody_waits(stream)
        await made.deserted()
        operations, lines.breaks, lines.every = lines.operations, 0, 0
        # An ACK that was lost on the way is sent again by the next run; nothing is booked again.
        async with made.connect(store) as stream:
            await answered(stream)
            await made.provider.until(lambda: not made.provider.owed)
    assert booked == [tx_hash(1), tx_hash(2)]
    return operations


@pytest.mark.parametrize("how", BREAKS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_whose_connection_breaks(kind: Kind, how: Break) -> None:
    assert at_every_operation(lambda at: tell(kind, how, at)) > 10


@pytest.mark.parametrize("kind", ["wire", "trio-websocket"])
def test_a_stream_whose_connections_break_again_and_again(kind: Kind) -> None:
    for every, how in itertools.product(range(9, 20), BREAKS):

        async def life(attempt: Attempt, every: int = every, how: Break = how) -> None:
            await tell(kind, how, 0, every)

        one_life(life, 0, virtual)


async def order(how: Break, at: int, endpoint: Any, secure: bool) -> int:
    """A call: it returns, or says what became of it."""
    async with trio.open_nursery() as nursery:
        server, serving = Server(hello), 0

        async def serve(stream: trio.abc.Stream) -> None:
            with contextlib.suppress(h11.RemoteProtocolError):
                await server._serve(stream)

        lines = Lines(nursery, serve, secure, breaks=at, how=how)
        client = HttpClient()
        client._dialer = lines.dialer()
        async with open_api(
            Config(url=f"{'https' if secure else 'http'}://127.0.0.1", limits={}), http=client, entropy=Wall().entropy()
        ) as api:
            outcome: object = None
            try:
                outcome = await api.call(endpoint)
            except (ConnectionLost, OutcomeUnknown) as error:
                outcome = error
            await trio.testing.wait_all_tasks_blocked()
            operations = lines.operations
            if endpoint.repeatable:
                assert outcome == b"hello"
            elif isinstance(outcome, ConnectionLost):
                assert outcome.sent == "no"
                assert not server.asked, "it was carried out"
            else:
                assert len(server.asked) <= 1, "it was carried out twice"
                assert server.asked or isinstance(outcome, OutcomeUnknown)
            assert api.unsettled == []
            assert await api.call(Open()) == b"hello"
        await client.aclose()
        assert not lines.left_open
        assert not serving
        nursery.cancel_scope.cancel()
    return operations


class Unlimited(Order):
    buckets = ()


@pytest.mark.parametrize("how", BREAKS)
@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("endpoint", [Open(), Unlimited()], ids=["repeatable", "not"])
def test_a_call_whose_connection_breaks(endpoint: Any, secure: bool, how: Break) -> None:
    assert at_every_operation(lambda at: order(how, at, endpoint, secure)) >= 4
