"""`connect`: a stream for the length of an `async with` block.

Errors leave the block bare: the tasks of a stream never raise, and what the body raises is raised again outside their nursery.
"""

from __future__ import annotations

import os
import random
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, TypedDict, TypeVar, Unpack, cast, overload, runtime_checkable

import attrs
import trio

from ..core.commands import Ledgered
from ..core.config import count, one_of, optional, positive
from ..core.effects import Credential, Restored
from ..core.machine import Machine, Phase
from ..core.secrets import Secret
from ..errors import ConfigError, NotReady
from ..stores.base import Store
from ..stores.memory import MemoryStore
from .driver import Driver
from .entropy import Entropy, id_source
from .inbox import Inbox, Overflow
from .journal import open_journal
from .stream import AckPolicy, AckStream, Stream
from .transport import Connector
from .websocket import WebSocketConnector

__all__ = ["AckStreamConfig", "StreamConfig", "connect"]

EventT = TypeVar("EventT")
AckedT = TypeVar("AckedT", bound=Ledgered)
AckedT_co = TypeVar("AckedT_co", bound=Ledgered, covariant=True)
ConnectionT = TypeVar("ConnectionT")


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


@runtime_checkable
class AckStreamConfig(StreamConfig[EventT], Protocol[EventT, AckedT_co]):
    """The config of a provider that wants ACKs."""

    def acked(self) -> type[AckedT_co]:
        """The type of the events that are ACKed."""
        ...


class Options(TypedDict, total=False):
    """The keyword arguments of `connect` that do not bear on its types; their meaning stands there."""

    overflow: Overflow
    capacity: int
    unread_bytes: int
    ready_within: float | None
    transport: Connector | None
    tls: ssl.SSLContext | None
    proxy: str | Secret | None
    connect_timeout: float | None
    close_within: float | None
    journal: str | os.PathLike[str] | None
    credential: Callable[[Credential], Awaitable[Secret]] | None
    entropy: Entropy | None


@overload
def connect(
    config: AckStreamConfig[EventT, AckedT], *, store: Store[ConnectionT], ack: AckPolicy = ..., **options: Unpack[Options]
) -> AbstractAsyncContextManager[AckStream[EventT, AckedT, ConnectionT]]: ...
@overload
def connect(
    config: AckStreamConfig[EventT, AckedT], *, store: None = ..., ack: AckPolicy = ..., **options: Unpack[Options]
) -> AbstractAsyncContextManager[AckStream[EventT, AckedT, None]]: ...
@overload
def connect(config: StreamConfig[EventT], **options: Unpack[Options]) -> AbstractAsyncContextManager[Stream[EventT]]: ...
def connect(
    config: StreamConfig[Any], *, store: Store[Any] | None = None, ack: AckPolicy = "manual", **options: Unpack[Options]
) -> AbstractAsyncContextManager[Any]:  # which stream it is, the overloads say
    """A stream of a provider's events, kept up until the block ends.

    Returns when the stream is ready, or at once where `ready_within` (30 seconds) is None; it then goes on dialling. Leaving the
    block ends the delivery, flushes commits and ACKs within `close_within` seconds and leaves no task, socket or thread behind;
    leaving it by cancellation, or being cancelled meanwhile, drops the connection at once, and waits for a commit that has begun.

    - `store`: where the ledger lives. The default, a `MemoryStore`, does not survive the process.
    - `ack`: "manual", or "after": a consumer's event is ACKed when that consumer asks for the next.
    - `overflow` ("block"), `capacity` (1024 events): what a full inbox means, see `shell.inbox`. `unread_bytes` (16 MiB): how
      much may come in beyond that while a call waits for its reply.
    - `transport`: a `Connector`; the default speaks WebSocket over TCP or TLS (`tls`) and through `proxy` (HTTP CONNECT or
      SOCKS).
    - `connect_timeout`, `close_within` (seconds): in place of the config's.
    - `credential`: fetches a credential the machine asks for before it dials, for providers whose tokens expire.
    - `journal`: a file that gets every input of the machine, secrets left out, for `pushwire replay`.

    Raises `NotReady` or `AuthenticationRefused` when the stream does not come up, `StoreError` when the store cannot be opened,
    and `ConfigError` naming every wrong argument.
    """
    return _connected(config, MemoryStore() if store is None else store, ack, **options)


@asynccontextmanager
async def _connected(
    config: StreamConfig[Any],
    store: Store[Any],
    ack: AckPolicy,
    *,
    overflow: Overflow = "block",
    capacity: int = 1024,
    unread_bytes: int = 16 * 2**20,
    ready_within: float | None = 30.0,
    transport: Connector | None = None,
    tls: ssl.SSLContext | None = None,
    proxy: str | Secret | None = None,
    connect_timeout: float | None = None,
    close_within: float | None = None,
    journal: str | os.PathLike[str] | None = None,
    credential: Callable[[Credential], Awaitable[Secret]] | None = None,
    entropy: Entropy | None = None,
) -> AsyncGenerator[Stream[Any]]:
    _check(overflow=overflow, capacity=capacity, unread_bytes=unread_bytes, ready_within=ready_within, ack=ack)
    changes = {"connect_timeout": connect_timeout, "close_within": close_within}
    present = {name: value for name, value in changes.items() if value is not None}
    if present:
        config = attrs.evolve(cast(Any, config), **present)  # every config is an attrs class; the protocol cannot say so
    connector = transport or WebSocketConnector(tls=tls, proxy=proxy)
    entropy = entropy or Entropy()
    inbox: Inbox[Any] = Inbox(capacity, overflow, config.expendable)
    restored = await store.open(config.namespace)
    try:
        machine = config.machine(rng=entropy.rng(), ids=id_source(entropy.prefix), restored=restored)
        with open_journal(journal, config, machine, entropy, restored) as recorded:
            driver: Driver[Any, Any] = Driver(
                recorded,
                connector,
                inbox,
                store,
                config.namespace,
                entropy,
                unread_bytes=unread_bytes,
                credential=credential,
            )
            failure: BaseException | None = None
            async with trio.open_nursery() as nursery:
                nursery.start_soon(driver.run)
                try:
                    await _ready(driver, ready_within)
                    yield _stream(driver, config, ack)
                except BaseException as error:  # noqa: BLE001 - raised below, outside the nursery, so that it arrives bare
                    failure = error
                try:
                    await _leave(driver)
                except BaseException as error:  # noqa: BLE001 - as above
                    failure = failure or error
                    driver.abort()
        failure = failure or driver.crash
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # this frame is part of its traceback: one would keep the other alive
    finally:
        with trio.CancelScope(shield=True):
            await store.close(config.namespace)


def _stream(driver: Driver[Any, Any], config: StreamConfig[Any], ack: AckPolicy) -> Stream[Any]:
    if not isinstance(config, AckStreamConfig):
        return Stream(driver)
    acked = cast(Any, config).acked()  # `isinstance` cannot see of what type
    return AckStream(driver, acked, acks_after=ack == "after")


async def _leave(driver: Driver[Any, Any]) -> None:
    """End in good order. Cancelled: there is no time for that."""
    driver.inbox.close(discard=True)
    with trio.CancelScope(shield=True):
        await driver.started.wait()
    await trio.lowlevel.checkpoint_if_cancelled()
    driver.stop()
    await driver.ended.wait()


async def _ready(driver: Driver[Any, Any], within: float | None) -> None:
    """Wait until the stream is ready. Raises what ended it, or `NotReady` with the last error."""
    await driver.started.wait()
    if within is None:
        return
    with trio.move_on_after(within):
        while driver.machine.status().phase is not Phase.READY:
            if driver.ended.is_set():
                raise driver.failure or NotReady("the stream ended before it was ready")
            await driver.changed.park()
        return
    last = driver.machine.status().last_error
    raise NotReady(f"not ready within {within:g} s" + (f": {last}" if last else ""))


def _check(*, overflow: object, capacity: object, unread_bytes: object, ready_within: object, ack: object) -> None:
    """Raise one `ConfigError` that names every wrong argument."""
    verdicts = {
        "overflow": one_of("block", "conflate", "drop_oldest")(overflow),
        "capacity": count(capacity),
        "unread_bytes": count(unread_bytes),
        "ready_within": optional(positive)(ready_within),
        "ack": one_of("manual", "after")(ack),
    }
    problems = [f"{name}: {problem}" for name, problem in verdicts.items() if problem is not None]
    if problems:
        raise ConfigError(problems)
