"""What `connect` is given: arguments, a store, a journal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pytest
import trio

import pushwire
from pushwire import gelabs
from pushwire.core.effects import Resends, Restored
from pushwire.core.secrets import Secret
from pushwire.providers.gelabs.machine import GelabsMachine
from pushwire.shell.memory import MemoryNetwork
from pushwire.stores.base import NOTHING
from tests.shell.provider import Provider, tx_hash
from tests.shell.streams import SUBSCRIBE, connect, transaction

# Its arguments


async def test_every_wrong_argument_is_named() -> None:
    with pytest.raises(pushwire.ConfigError) as caught:
        async with connect(
            MemoryNetwork(),
            ack="later",  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - wrong on purpose
            overflow="spill",  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - wrong on purpose
            capacity=0,
            capacity_bytes=0,
            unread_bytes=-1,
            ready_within=math.nan,
        ):
            raise AssertionError("not reached")
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "overflow",
        "capacity",
        "capacity_bytes",
        "unread_bytes",
        "ready_within",
        "ack",
    ]


async def test_its_times_are_checked_like_those_of_the_config() -> None:
    with pytest.raises(pushwire.ConfigError) as caught:
        async with connect(MemoryNetwork(), connect_timeout=0.0, close_within=-1.0):
            raise AssertionError("not reached")
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["connect_timeout", "close_within"]


# The store


class Watched(pushwire.MemoryStore):
    """Knows who has it open."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    async def open(self, namespace: str, resends: Resends = NOTHING) -> Restored:
        self.calls.append("open")
        return await super().open(namespace, resends)

    async def close(self, namespace: str) -> None:
        await trio.lowlevel.checkpoint()
        self.calls.append("close")


async def test_what_one_stream_finished_the_next_does_not_deliver(provider: Provider) -> None:
    store = pushwire.MemoryStore()
    provider.push(1)
    provider.lose_acks = True
    async with connect(provider.network, store=store, close_within=0.001) as stream:
        await stream.ack(await transaction(stream, 1))
    provider.lose_acks = False
    async with connect(provider.network, store=store) as stream:
        provider.push(2)
        await transaction(stream, 2)
        assert stream.status.session.withheld == 1
        await provider.until(lambda: provider.acks == [tx_hash(1)])


async def test_two_streams_of_different_keys_share_a_store(provider: Provider) -> None:
    store = Watched()
    other = Provider()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(other.run)
        provider.push(1)
        other.push(1)
        async with (
            connect(provider.network, store=store) as first,
            connect(other.network, store=store, config=gelabs.Config(api_key=Secret("sk-other"))) as second,
        ):
            await first.ack(await transaction(first, 1))
            await second.ack(await transaction(second, 1))
        nursery.cancel_scope.cancel()
    assert provider.acks == other.acks == [tx_hash(1)]
    assert store.calls == ["open", "open", "close", "close"]


async def test_the_store_is_closed_also_when_cancelled(provider: Provider) -> None:
    store = Watched()
    with trio.CancelScope() as scope:
        async with connect(provider.network, store=store):
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert store.calls == ["open", "close"]


async def test_the_store_is_closed_when_no_machine_can_be_made() -> None:
    @attrs.frozen(kw_only=True)
    class Broken(gelabs.Config):
        def machine(self, **arguments: Any) -> GelabsMachine:  # whatever it is given, it raises
            raise ZeroDivisionError

    store = Watched()
    with pytest.raises(ZeroDivisionError):
        async with connect(MemoryNetwork(), store=store, config=Broken(api_key=Secret("x"))):
            raise AssertionError("not reached")
    assert store.calls == ["open", "close"]


async def test_a_store_that_cannot_be_opened_ends_it_before_any_dial() -> None:
    class Locked(pushwire.MemoryStore):
        async def open(self, namespace: str, resends: Resends = NOTHING) -> Restored:
            raise pushwire.StoreError("locked by another process")

    network = MemoryNetwork()
    with pytest.raises(pushwire.StoreError, match="locked"):
        async with connect(network, store=Locked()):
            raise AssertionError("not reached")
    assert network.dials == []


async def test_a_store_that_cannot_be_closed_says_so_beside_the_bodys_error(provider: Provider) -> None:
    class Stuck(pushwire.MemoryStore):
        async def close(self, namespace: str) -> None:
            raise pushwire.StoreError("disk gone")

    with pytest.raises(pushwire.StoreError, match="disk gone") as caught:
        async with connect(provider.network, store=Stuck()):
            raise KeyError("k")
    assert isinstance(caught.value.__context__, KeyError)


# The journal


def inputs(path: Path) -> list[str]:
    lines: Sequence[dict[str, object]] = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    return [str(line.get("input")) for line in lines]


async def test_a_journal_holds_every_input_once_the_block_is_left(provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "journal"
    provider.push(1)
    async with connect(provider.network, journal=path) as stream:
        await stream.ack(await transaction(stream))
        await stream.call(SUBSCRIBE)
    written = inputs(path)
    assert written[1:3] == ["start", "fulfil"]
    assert {"opened", "receive", "submit", "stop"} <= set(written)
    assert written[-1] == "closed"
    assert b"sk-test" not in path.read_bytes()


async def test_a_journal_is_whole_also_when_the_body_fails(provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with pytest.raises(KeyError):
        async with connect(provider.network, journal=path):
            raise KeyError
    assert inputs(path)[-1] == "closed"


async def test_a_journal_that_cannot_be_written_is_no_stream(provider: Provider, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        async with connect(provider.network, journal=tmp_path / "missing" / "journal"):
            raise AssertionError("not reached")
    assert provider.network.dials == []
