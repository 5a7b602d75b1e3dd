"""`connect`: a stream for the length of an `async with` block.

Errors leave the block bare: the tasks of a stream never raise, and what the body raises is raised again outside their nursery.
"""

from __future__ import annotations

import os
import random
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from functools import partial
from typing import Any, Protocol, TypedDict, TypeVar, Unpack, cast, overload, runtime_checkable

import attrs
import trio

from ..core.acks import AckConfig
from ..core.assembled import assembled
from ..core.commands import Ledgered
from ..core.config import count, one_of, optional, positive
from ..core.effects import Identity, Restored
from ..core.events import Delivery, Hydrated, SnapshotFailed
from ..core.holds import HoldLimits
from ..core.machine import Machine, Phase
from ..core.secrets import Secret
from ..core.tokens import TokenSource
from ..errors import NotReady
from ..stores.base import NOTHING, Store
from ..stores.memory import MemoryStore
from .arguments import check_arguments
from .credentials import Credentials
from .driver import Driver
from .entropy import SYSTEM, Entropy, id_source
from .fetching import Fetcher
from .http import Http, HttpClient
from .inbox import OVERFLOWS, Inbox, Overflow
from .journal import open_journal
from .observer import Observer
from .router import Router
from .stream import ACK_POLICIES, AckPolicy, AckStream, HandPolicy, Stream
from .transport import Connector
from .warner import Warner
from .websocket import WebSocketConnector

__all__ = ["AckStreamConfig", "StreamConfig", "connect"]

EventT = TypeVar("EventT")
AckedT = TypeVar("AckedT", bound=Ledgered)
AckedT_co = TypeVar("AckedT_co", bound=Ledgered, covariant=True)
ConnectionT = TypeVar("ConnectionT")
SnapshotT = TypeVar("SnapshotT")


class StreamConfig(Protocol[EventT]):
    """What `connect` needs of a provider's config: data, and the machine built from it."""

    @property
    def namespace(self) -> str:
        """What this connection's ledger is stored under; holds no secret."""
        ...

    def machine(self, *, rng: random.Random, ids: Callable[[], str], restored: Restored | None = None) -> Machine[EventT]:
        """The protocol, not started."""
        ...

    def expendable(self, event: EventT) -> Hashable | None:
        """The key under which a later event makes this one superfluous; None for what must never be let go."""
        ...

    def topics(self, event: EventT) -> tuple[Hashable, ...]:
        """The topics of subscriptions an event may belong to."""
        ...

    def said_at(self, event: EventT) -> float | None:
        """When it was sent, or happened, by the provider's clock, in POSIX seconds; None: it does not say."""
        ...


@runtime_checkable
class AckStreamConfig(StreamConfig[EventT], Protocol[EventT, AckedT_co]):
    """The config of a provider that wants ACKs."""

    def acked(self) -> type[AckedT_co]:
        """The type of the events that are ACKed."""
        ...

    def revive(self, raw: str, identity: Identity, delivery: Delivery, received: float) -> AckedT_co:
        """The event that a message held, once more, under its `identity`. Raises `ValueError` where it no longer decodes."""
        ...


class Options(TypedDict, total=False):
    """The keyword arguments of `connect` that do not bear on its types; their meaning stands there."""

    overflow: Overflow
    capacity: int
    capacity_bytes: int
    unread_bytes: int
    hold: int
    max_held: int
    max_held_bytes: int
    ready_within: float | None
    transport: Connector | None
    tls: ssl.SSLContext | None
    proxy: str | Secret | None
    connect_timeout: float | None
    close_within: float | None
    journal: str | os.PathLike[str] | None
    credential: TokenSource | Secret | None
    http: Http | None
    entropy: Entropy | None
    observer: Observer | None


@overload
def connect(
    config: AckStreamConfig[EventT, AckedT], *, store: Store[ConnectionT], ack: AckPolicy = ..., **options: Unpack[Options]
) -> AbstractAsyncContextManager[AckStream[EventT, AckedT, ConnectionT]]: ...
@overload
def connect(
    config: AckStreamConfig[EventT, AckedT], *, store: None = ..., ack: HandPolicy = ..., **options: Unpack[Options]
) -> AbstractAsyncContextManager[AckStream[EventT, AckedT, None]]: ...
@overload
def connect(config: StreamConfig[EventT], **options: Unpack[Options]) -> AbstractAsyncContextManager[Stream[EventT]]: ...
@overload
def connect(
    config: AckStreamConfig[EventT, AckedT],
    *,
    snapshot: Callable[[], Awaitable[SnapshotT]],
    store: Store[ConnectionT],
    ack: AckPolicy = ...,
    **options: Unpack[Options],
) -> AbstractAsyncContextManager[AckStream[EventT | Hydrated[SnapshotT] | SnapshotFailed, AckedT, ConnectionT]]: ...
@overload
def connect(
    config: AckStreamConfig[EventT, AckedT],
    *,
    snapshot: Callable[[], Awaitable[SnapshotT]],
    store: None = ...,
    ack: HandPolicy = ...,
    **options: Unpack[Options],
) -> AbstractAsyncContextManager[AckStream[EventT | Hydrated[SnapshotT] | SnapshotFailed, AckedT, None]]: ...
@overload
def connect(
    config: StreamConfig[EventT], *, snapshot: Callable[[], Awaitable[SnapshotT]], **options: Unpack[Options]
) -> AbstractAsyncContextManager[Stream[EventT | Hydrated[SnapshotT] | SnapshotFailed]]: ...
def connect(
    config: StreamConfig[Any],
    *,
    snapshot: Callable[[], Awaitable[Any]] | None = None,
    store: Store[Any] | None = None,
    ack: AckPolicy = "manual",
    **options: Unpack[Options],
) -> AbstractAsyncContextManager[Any]:  # which stream it is, the overloads say
    """A stream of a provider's events, kept up until the block ends.

    Returns when the stream is ready, or at once where `ready_within` (30 seconds) is None; it then goes on dialling. Leaving the
    block ends the delivery, flushes commits and ACKs within `close_within` seconds and leaves no task, socket or thread behind;
    leaving it by cancellation, or being cancelled meanwhile, drops the connection at once, and waits for a commit that has begun.

    - `store`: where the ledger lives. The default, a `MemoryStore`, does not survive the process.
    - `ack`: "manual"; "after": a consumer's event is ACKed when that consumer asks for the next; or "on_receipt": what arrives is
      made durable in the `store`, which must be given, then ACKed to the provider, and then delivered from there, in this run and
      later ones, until `stream.ack` or `stream.park` has finished it. No more than half of `capacity` is with you at a time; the
      rest waits in the store. When that holds `max_held` messages (100,000) or `max_held_bytes` (256 MiB), the reading stops.
    - `overflow` ("block"), `capacity` (1024 events): what a full inbox means, see `shell.inbox`. Under "block" it is full as well
      when what waits came in `capacity_bytes` (16 MiB). `unread_bytes` (16 MiB): how much may come in beyond that while a call
      waits for its reply.
    - `snapshot`: loads what the events are changes to. Each time the stream becomes ready, and when something was missed, message
      events are held while it runs, `hold` (10,000) of them at most; then come `Hydrated` with its value, the held events in
      order, and live ones. `SnapshotFailed` says that it raised; it is tried again. See `core.gate`.
    - `transport`: a `Connector`; the default speaks WebSocket over TCP or TLS (`tls`) and through `proxy` (HTTP CONNECT or
      SOCKS).
    - `connect_timeout`, `close_within` (seconds): in place of the config's.
    - `credential`: the credentials that the machine asks for before it dials, or what fetches them, for instance a `TokenKeeper`
      shared with an `Api`; by default what the config names, else a `TokenKeeper` of the config's grant.
    - `http`: carries the machine's HTTP requests, in place of a client with this `tls` and `proxy`; whoever opened it closes it.
    - `observer`: is told what the stream does, see `shell.observer`; `shell.prometheus` has one that makes metrics of it.
    - `journal`: a file that gets every input of the machine, secrets left out, for `pushwire replay`.

    Raises `NotReady` or `AuthenticationRefused` when the stream does not come up, `StoreError` when the store cannot be opened,
    and `ConfigError` naming every wrong argument.
    """
    return _connected(partial(_open, config, snapshot, store, ack, **options))


@attrs.define(eq=False)
class _Opened:
    """What lives as long as its stream."""

    driver: Driver[Any, Any] = attrs.field(init=False)
    stream: Stream[Any] = attrs.field(init=False)
    ready_within: float | None
    observer: Observer | None
    credentials: Credentials
    client: HttpClient
    store: Store[Any]
    namespace: str
    journal: ExitStack | None = None

    async def aclose(self) -> None:
        if self.journal is not None:
            self.journal.close()
        await self.credentials.aclose()
        await self.client.aclose()
        await self.store.close(self.namespace)


@asynccontextmanager
async def _connected(opening: Callable[[], Awaitable[_Opened]]) -> AsyncGenerator[Stream[Any]]:
    # There may be thousands of streams: what this frame holds is for as long as one lives.
    opened = await opening()
    del opening
    driver = opened.driver
    try:
        failure: BaseException | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(driver.run)
            try:
                await _ready(driver, opened.ready_within)
                yield opened.stream
            except BaseException as error:  # noqa: BLE001 - raised below, outside the nursery, so that it arrives bare
                failure = error
            try:
                await _leave(driver)
            except BaseException as error:  # noqa: BLE001 - as above
                failure = failure or error
                driver.abort()
        if opened.observer is not None:
            opened.observer.ended(driver.failure)
        failure = failure or driver.crash
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # this frame is part of its traceback: one would keep the other alive
    finally:
        with trio.CancelScope(shield=True):
            await opened.aclose()


async def _open(
    config: StreamConfig[Any],
    snapshot: Callable[[], Awaitable[Any]] | None,
    given: Store[Any] | None,
    ack: AckPolicy,
    *,
    overflow: Overflow = "block",
    capacity: int = 1024,
    capacity_bytes: int = 16 * 2**20,
    unread_bytes: int = 16 * 2**20,
    hold: int = 10_000,
    max_held: int = 100_000,
    max_held_bytes: int = 256 * 2**20,
    ready_within: float | None = 30.0,
    transport: Connector | None = None,
    tls: ssl.SSLContext | None = None,
    proxy: str | Secret | None = None,
    connect_timeout: float | None = None,
    close_within: float | None = None,
    journal: str | os.PathLike[str] | None = None,
    credential: TokenSource | Secret | None = None,
    http: Http | None = None,
    entropy: Entropy | None = None,
    observer: Observer | None = None,
) -> _Opened:
    check_arguments(
        overflow=one_of(*OVERFLOWS)(overflow),
        capacity=count(capacity),
        capacity_bytes=count(capacity_bytes),
        unread_bytes=count(unread_bytes),
        hold=count(hold),
        ready_within=optional(positive)(ready_within),
        max_held=count(max_held),
        max_held_bytes=count(max_held_bytes),
        ack=one_of(*ACK_POLICIES)(ack) or _receipts_problem(ack, config, given),
    )
    store = MemoryStore() if given is None else given
    receipts = HoldLimits(max_held, max_held_bytes, max(1, capacity // 2), unread_bytes) if ack == "on_receipt" else None
    gate = None if snapshot is None else hold
    changes = {"connect_timeout": connect_timeout, "close_within": close_within}
    present = {name: value for name, value in changes.items() if value is not None}
    if present:
        config = attrs.evolve(cast(Any, config), **present)  # every config is an attrs class; the protocol cannot say so
    connector = transport or WebSocketConnector(tls=tls, proxy=proxy)
    namespace = config.namespace
    # What nobody can foresee anyway needs no generator of its own.
    rng, own = (SYSTEM, None) if entropy is None else (entropy.rng(), entropy)
    entropy = own or Entropy()
    client = HttpClient(tls=tls, proxy=proxy)
    credentials = Credentials(config, credential, http or client, wall=entropy.wall)
    acked = _acked(config)
    inbox: Inbox[Any] = Inbox(capacity, overflow, config.expendable, capacity_bytes=capacity_bytes)
    warner = Warner(namespace, trio.current_time)
    seen = warner.saw if observer is None else partial(_seen, warner, observer)
    router: Router[Any] = Router(inbox, config.topics, config.expendable, () if acked is None else (acked,), seen)
    restored = await store.open(namespace, config.resends() if isinstance(config, AckConfig) else NOTHING)
    opened = _Opened(ready_within, observer, credentials, client, store, namespace)
    try:
        check_arguments(ack=None if receipts is not None else _held_problem(restored))
        machine: Machine[Any] = assembled(
            config,
            rng=SYSTEM if own is None and journal is None else entropy.rng(),
            ids=id_source(entropy.prefix),
            restored=restored,
            receipts=receipts,
            hold=gate,
        )
        if journal is not None:
            opened.journal = ExitStack()
            machine = opened.journal.enter_context(open_journal(journal, config, machine, entropy, restored, receipts, gate))
        payloads = None if receipts is None else partial(store.payloads, namespace)
        opened.driver = driver = Driver(
            machine,
            connector,
            router,
            store,
            namespace,
            wall=entropy.wall,
            rng=rng,
            unread_bytes=unread_bytes,
            fetch=Fetcher(credentials, http or client, snapshot, payloads),
            stopped=warner.stopped,
        )
        opened.stream = stream = _stream(driver, acked, ack)
        if observer is not None:
            observer.began(config, lambda: stream.status)
    except BaseException:
        with trio.CancelScope(shield=True):
            await opened.aclose()
        raise
    return opened


def _seen(warner: Warner, observer: Observer, events: Sequence[object]) -> None:
    warner.saw(events)
    observer.saw(events)


def _acked(config: object) -> type | None:
    """The type of the events that are ACKed, None for a provider without ACKs."""
    # `isinstance` cannot see of what type.
    return cast(Any, config).acked() if isinstance(config, AckStreamConfig) else None


def _receipts_problem(ack: AckPolicy, config: object, store: object) -> str | None:
    if ack != "on_receipt" or (store is not None and isinstance(config, AckStreamConfig)):
        return None
    return '"on_receipt" needs a store that survives the process' if store is None else "this provider asks for no ACKs"


def _held_problem(restored: Restored) -> str | None:
    held = len(restored.held)
    return f'the store holds deliveries that were ACKed on receipt ({held}): connect with "on_receipt"' if held else None


def _stream(driver: Driver[Any, Any], acked: type[Any] | None, ack: AckPolicy) -> Stream[Any]:
    return Stream(driver) if acked is None else AckStream(driver, acked, acks_after=ack == "after")


async def _leave(driver: Driver[Any, Any]) -> None:
    """End in good order. Cancelled: there is no time for that."""
    driver.router.close(discard=True)
    with trio.CancelScope(shield=True):
        while not driver.started:
            await driver.changed.park()
    await trio.lowlevel.checkpoint()
    driver.stop()
    while not driver.ended:
        await driver.changed.park()


async def _ready(driver: Driver[Any, Any], within: float | None) -> None:
    """Wait until the stream is ready. Raises what ended it, or `NotReady` with the last error."""
    while not driver.started:
        await driver.changed.park()
    if within is None:
        return
    with trio.move_on_after(within):
        while driver.machine.status().phase is not Phase.READY:
            if driver.ended:
                raise driver.failure or NotReady("the stream ended before it was ready")
            await driver.changed.park()
        return
    last = driver.machine.status().last_error
    raise NotReady(f"not ready within {within:g} s" + (f": {last}" if last else ""))
