"""What the lives of streams share: a `Provider` behind each transport, and what must be so when an operation was cancelled."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, Literal, TypeAlias, TypeVar, Unpack, cast

import attrs
import trio
import trio.testing

import pushwire
from pushwire import Secret, gelabs
from pushwire.core.effects import Committed, Ticket, Write
from pushwire.core.session import Session
from pushwire.shell.connect import Options
from pushwire.shell.memory import MemoryNetwork
from pushwire.shell.stream import AckPolicy
from pushwire.shell.transport import Connector
from pushwire.stores.base import Store
from tests.shell.lines import KINDS, Kind, Lines, connector, led_to
from tests.shell.provider import Provider, Wall
from tests.shell.streams import LOOK, SlowNetwork

ConnectionT = TypeVar("ConnectionT")

Transport: TypeAlias = Kind | Literal["memory"]
TRANSPORTS: Final[tuple[Transport, ...]] = ("memory", *KINDS)


@attrs.define
class World:
    """A provider, and a transport that leads to it."""

    provider: Provider
    transport: Connector
    lines: Lines | None
    config: gelabs.Config

    def connect(
        self, store: Store[ConnectionT], ack: AckPolicy = "manual", **options: Unpack[Options]
    ) -> AbstractAsyncContextManager[pushwire.AckStream[gelabs.Event, gelabs.Transaction, ConnectionT]]:
        options.setdefault("entropy", Wall().entropy())
        options["transport"] = self.transport
        return pushwire.connect(self.config, store=store, ack=ack, **options)

    def stream(
        self, **options: Unpack[Options]
    ) -> AbstractAsyncContextManager[pushwire.AckStream[gelabs.Event, gelabs.Transaction, None]]:
        return self.connect(pushwire.MemoryStore(), **options)

    async def deserted(self) -> None:
        """No connection is left, neither here nor there."""
        await trio.testing.wait_all_tasks_blocked()
        assert self.lines is None or not self.lines.left_open, "a connection is left open"
        assert not self.provider.peers, "the provider was not told"
        assert not self.provider.network._waiting, "a dial goes on"

    async def works(self, store: Store[Any] | None = None) -> None:
        """The same settings, connected anew, serve."""
        async with self.connect(pushwire.MemoryStore() if store is None else store) as stream:
            await answered(stream)


@asynccontextmanager
async def world(transport: Transport = "memory", *, network: MemoryNetwork | None = None) -> AsyncGenerator[World]:
    """One that is deserted in the end. A slow memory network has more moments than a plain one."""
    async with trio.open_nursery() as nursery:
        provider = Provider(network or SlowNetwork())
        nursery.start_soon(provider.run)
        if transport == "memory":
            made = World(provider, provider.network, None, gelabs.Config(api_key=Secret("sk-test"), url="wss://127.0.0.1/ws"))
        else:
            secure = transport.endswith("TLS")
            lines = Lines(nursery, led_to(provider.network), secure)
            config = gelabs.Config(api_key=Secret("sk-test"), url=f"{'wss' if secure else 'ws'}://127.0.0.1/ws")
            made = World(provider, connector(transport, lines), lines, config)
        yield made
        await made.deserted()
        nursery.cancel_scope.cancel()


async def answered(stream: pushwire.Stream[gelabs.Event]) -> None:
    """A command goes out and its own answer comes in. Not the one that a test is about."""
    error = None
    try:
        await stream.call(LOOK)
    except pushwire.CommandRefused as refused:  # the provider knows of no transaction: an answer all the same
        error = refused
    assert error is not None


def nobody_waits(stream: pushwire.Stream[Any]) -> None:
    """No caller, booking or taker is remembered who is not there any more."""
    driver = stream._driver
    assert not driver._waiters._waiting, "a caller who has gone is waited for"
    assert not driver._waiters.reading, "a caller who has gone keeps the reading on"
    assert not driver._committer.books, "a booking is kept"
    assert not driver.router.inbox._takers, "a taker is parked"
    calls = cast("Session[Any, Any]", driver.machine)._exchange._calls()
    assert not [call for call in calls if call.ticket is not None], "the machine keeps a ticket"


async def events_at_hand(stream: pushwire.Stream[Any]) -> list[object]:
    """All that wait for a consumer, once everything has settled."""
    await trio.testing.wait_all_tasks_blocked()
    events: list[object] = stream._driver.router.inbox.take_many_nowait(10_000) or []
    return events


class LazyStore(pushwire.MemoryStore):
    """Commits in another task, which takes `seconds`. `failing`: how many commits fail."""

    commit_now: Any = None  # so that it is no store of those that need no task

    def __init__(self, seconds: float = 1.0) -> None:
        super().__init__()
        self.seconds = seconds
        self.failing = 0

    async def commit(
        self, namespace: str, writes: Sequence[Write], mark: float, books: Mapping[Ticket, Callable[[None], object]]
    ) -> Committed:
        await trio.sleep(self.seconds)
        if self.failing:
            self.failing -= 1
            raise pushwire.StoreError("scripted")
        return pushwire.MemoryStore.commit_now(self, namespace, writes, mark, books)
