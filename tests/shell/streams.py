"""Streams of a `Provider`, and what tests ask of them."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeAlias, TypeVar, Unpack

import trio

import pushwire
from pushwire import gelabs
from pushwire.core.effects import Committed, Dial, Ticket, Write
from pushwire.core.machine import Phase
from pushwire.shell.connect import Options
from pushwire.shell.memory import MemoryConnection, MemoryNetwork
from pushwire.shell.stream import AckPolicy
from pushwire.stores.base import Store
from pushwire.testing.gelabs import ADDRESS
from tests.shell.provider import CONFIG, Wall, tx_hash

KindT = TypeVar("KindT")
ConnectionT = TypeVar("ConnectionT")

MemoryStream: TypeAlias = pushwire.AckStream[gelabs.Event, gelabs.Transaction, None]

SUBSCRIBE: Final = gelabs.Subscribe(ADDRESS, "ethereum")
LOOK: Final = gelabs.GetTransaction("ethereum", 1, tx_hash=tx_hash(1))


def connect(
    network: MemoryNetwork,
    *,
    config: gelabs.Config = CONFIG,
    store: Store[None] | None = None,
    ack: AckPolicy = "manual",
    **options: Unpack[Options],
) -> AbstractAsyncContextManager[MemoryStream]:
    """`pushwire.connect` through `network`, with a known seed."""
    options.setdefault("entropy", Wall().entropy())
    options["transport"] = network
    return pushwire.connect(config, store=store or pushwire.MemoryStore(), ack=ack, **options)


async def next_of(events: AsyncIterable[object], kind: type[KindT]) -> KindT:
    """The next event of this kind; others are passed over."""
    async for event in events:
        if isinstance(event, kind):
            return event
    raise AssertionError("the stream ended")


async def transaction(events: AsyncIterable[object], number: int | None = None) -> gelabs.Transaction:
    """The next transaction, which is the given one."""
    event = await next_of(events, gelabs.Transaction)
    assert number is None or event.tx_hash == tx_hash(number)
    return event


def phase(stream: pushwire.Stream[gelabs.Event]) -> Phase:
    """Where its session stands. A call, since type checkers take an attribute for unchanged."""
    return stream.status.session.phase


class SlowConnection(MemoryConnection):
    """Takes time to write, and leaves what is sent meanwhile for the next flush."""

    seconds = 0.0

    async def flush(self) -> None:
        outbox, self._outbox = self._outbox, []
        await trio.sleep(self.seconds if outbox else 0.0)
        if not self._link.client_gone:
            self._link.take(outbox)

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()
        await super().aclose()


class SlowNetwork(MemoryNetwork):
    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.seconds = seconds

    async def dial(self, dial: Dial, nursery: trio.Nursery) -> MemoryConnection:
        connection = await super().dial(dial, nursery)
        slow = SlowConnection(connection._link, connection.handshake)
        slow.seconds = self.seconds
        return slow


class SlowStore(pushwire.MemoryStore):
    """Commits in another task, and only when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.may = trio.Event()
        self.waiting = 0

    commit_now: Any = None  # so that it is no store of those that need no task

    async def commit(
        self, namespace: str, writes: Sequence[Write], mark: float, books: Mapping[Ticket, Callable[[None], object]]
    ) -> Committed:
        self.waiting += 1
        await self.may.wait()
        self.waiting -= 1
        return pushwire.MemoryStore.commit_now(self, namespace, writes, mark, books)


async def serve_refusals(network: MemoryNetwork, status: int, reason: str = "") -> None:
    """Refuse every dial."""
    while True:
        (await network.dialled()).refuse(status, reason)
