"""`connect(snapshot=...)`: the snapshot first, then what happened since."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

import pytest
import trio
import trio.testing

import pushwire
from pushwire import gelabs
from pushwire.core.events import Down, Gap, Hydrated, SnapshotFailed, Up
from pushwire.core.journal import replay
from pushwire.core.journal_lines import read_journal
from pushwire.errors import ConfigError, LocalProtocolError
from pushwire.providers import load
from tests.core.toy import Data, Sub
from tests.shell.provider import CONFIG, Provider, Wall, tx_hash
from tests.shell.streams import next_of, transaction
from tests.shell.toys import ToyServer, connect, data, hydrated, taken

settled = trio.testing.wait_all_tasks_blocked
HYDRATED: Final = cast("type[Hydrated[object]]", Hydrated)


@pytest.fixture
def server(nursery: trio.Nursery) -> ToyServer:
    server = ToyServer()
    nursery.start_soon(server.run)
    return server


class Source:
    """A snapshot that is loaded when the test says so: each load gives its number, counted from 1."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0
        self.may = trio.Semaphore(0)
        self.error: Exception | None = None

    async def __call__(self) -> int:
        self.begun += 1
        number = self.begun
        try:
            await self.may.acquire()
        finally:
            self.ended += 1
        if self.error is not None:
            raise self.error
        return number


async def test_events_come_behind_the_snapshot_that_was_loaded_meanwhile(server: ToyServer) -> None:
    source = Source()
    async with hydrated(server, source) as stream:
        server.say("data a 1", "what", "data a 2")
        await settled()
        assert [type(event).__name__ for event in taken(stream)] == ["Up", "Unrecognized"]
        source.may.release()
        server.say("data a 3")
        await settled()
        event = await next_of(aiter(stream), HYDRATED)
        assert event == Hydrated(event.received, 1)
        assert taken(stream) == data("1", "2", "3")


async def test_each_connection_loads_it_again_and_gives_an_old_load_up(server: ToyServer) -> None:
    source = Source()
    async with hydrated(server, source) as stream:
        server.say("data a 1")
        await settled()
        server.peers[-1].drop()
        consumer = aiter(stream)
        await next_of(consumer, Down)
        await next_of(consumer, Up)
        await settled()
        # The gap behind the reconnect comes in the same read as the `Up`.
        assert (source.begun, source.ended) == (2, 1)
        server.say("data a 2")
        source.may.release()
        event = await next_of(consumer, HYDRATED)
        assert event == Hydrated(event.received, 2)
        assert [await anext(consumer), await anext(consumer)] == data("1", "2")


async def test_what_was_missed_is_loaded_once_the_subscriptions_are_there_again(server: ToyServer) -> None:
    source = Source()
    async with hydrated(server, source) as stream:
        source.may.release()
        await stream.call(Sub("a"))
        consumer = aiter(stream)
        await next_of(consumer, HYDRATED)
        server.answer = False
        server.peers[-1].drop()
        await next_of(consumer, Up)
        await settled()
        assert source.begun == 2
        server.say("ok 2")
        await next_of(consumer, Gap)
        await settled()
        assert (source.begun, source.ended) == (3, 2)
        source.may.release()
        event = await next_of(consumer, HYDRATED)
        assert event == Hydrated(event.received, 3)


async def test_a_failed_load_is_told_and_tried_again(server: ToyServer, autojump_clock: trio.testing.MockClock) -> None:
    source = Source()
    source.error = OSError("no route")
    source.may.release()
    source.may.release()
    async with hydrated(server, source) as stream:
        consumer = aiter(stream)
        failed = await next_of(consumer, SnapshotFailed)
        assert failed.error is source.error
        source.error = None
        assert 0.5 <= failed.retry_at - trio.current_time() <= 1.0
        event = await next_of(consumer, HYDRATED)
        assert event == Hydrated(failed.retry_at, 2)


async def test_too_much_that_is_held_goes_with_a_gap_and_the_load_begins_anew(server: ToyServer) -> None:
    source = Source()
    async with hydrated(server, source, hold=2) as stream:
        server.say("data a 1", "data a 2", "data a 3", "data a 4")
        await settled()
        assert (source.begun, source.ended) == (2, 1)
        source.may.release()
        await settled()
        assert [type(event) for event in taken(stream)] == [Up, Gap, Hydrated, Data]


async def test_a_caller_can_load_it_again(server: ToyServer) -> None:
    source = Source()
    source.may.release()
    source.may.release()
    async with hydrated(server, source) as stream:
        consumer = aiter(stream)
        await next_of(consumer, HYDRATED)
        await stream.call(Sub("a"))
        stream.hydrate()
        event = await next_of(consumer, HYDRATED)
        assert event == Hydrated(event.received, 2)


async def test_a_stream_without_a_snapshot_cannot_load_it(server: ToyServer) -> None:
    async with connect(server) as stream:
        with pytest.raises(LocalProtocolError, match="Hydrate is not a toy's command"):
            stream.hydrate()


async def test_leaving_the_block_gives_the_load_up(server: ToyServer) -> None:
    source = Source()
    async with hydrated(server, source):
        await settled()
        assert (source.begun, source.ended) == (1, 0)
    assert source.ended == 1


async def test_the_snapshot_comes_to_every_feed(server: ToyServer) -> None:
    source = Source()
    source.may.release()
    async with hydrated(server, source) as stream:
        await settled()
        taken(stream)
        async with stream.subscribe(Sub("a")) as one, stream.subscribe(Sub("b")) as two:
            source.may.release()
            stream.hydrate()
            server.say("data a 1")
            ones, twos = aiter(one), aiter(two)
            event = await anext(ones)
            assert event == Hydrated(event.received, 2)
            assert await anext(ones) == Data("a", "1")
            assert await anext(twos) is event


async def test_hold_must_be_a_positive_whole_number(server: ToyServer) -> None:
    with pytest.raises(ConfigError, match="hold: must be a positive whole number"):
        async with hydrated(server, Source(), hold=0):
            pass


# With a ledger


async def held(path: Path | None, source: Source, provider: Provider, then: Callable[[], None]) -> list[gelabs.Transaction]:
    """Push 5 transactions while the snapshot is loaded, of which one may be held."""
    async with pushwire.connect(
        CONFIG, snapshot=source, hold=1, transport=provider.network, entropy=Wall().entropy(), journal=path
    ) as stream:
        for number in range(1, 6):
            provider.push(number)
        await settled()
        then()
        consumer = aiter(stream)
        event = await next_of(consumer, HYDRATED)
        assert event.snapshot == 1
        transactions = [await transaction(consumer, number) for number in range(1, 6)]
        await stream.ack(*transactions)
        await provider.until(lambda: len(provider.acks) == 5)
    return transactions


async def test_ledgered_events_are_held_without_bound_and_acked_afterwards(provider: Provider) -> None:
    source = Source()
    transactions = await held(None, source, provider, source.may.release)
    assert provider.acks == [tx_hash(number) for number in range(1, 6)]
    assert [tx.delivery for tx in transactions] == ["new"] * 5


async def test_a_journal_replays_the_gate(provider: Provider, tmp_path: Path) -> None:
    source = Source()
    path = tmp_path / "journal"
    await held(path, source, provider, source.may.release)
    with path.open("rb") as file:
        events = [event for step in replay(read_journal(file, load)) for event in step.events]
    assert [type(event) for event in events[:3]] == [Up, Hydrated, gelabs.Transaction]
    assert sum(isinstance(event, gelabs.Transaction) for event in events) == 5
