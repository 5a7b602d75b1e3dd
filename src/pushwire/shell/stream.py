"""What a user holds: a `Stream` of events with typed calls, and an `AckStream` where the provider wants ACKs."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar, cast
from weakref import WeakSet

from ..core.commands import Command, Finish, Hydrate, Ledgered, Park
from ..core.config import count, one_of, positive
from ..errors import LocalProtocolError
from ..stores.base import Receipt
from .arguments import check_arguments
from .consumer import Batches, Consumer
from .driver import Driver
from .feeds import Feed, feeding
from .inbox import OVERFLOWS, Inbox, Overflow
from .observer import StreamStatus
from .queries import Invalidating, Query

__all__ = ["ACK_POLICIES", "AckPolicy", "AckStream", "HandPolicy", "Stream", "StreamStatus"]

EventT = TypeVar("EventT")
AckedT = TypeVar("AckedT", bound=Ledgered)
ReplyT = TypeVar("ReplyT")
ConnectionT = TypeVar("ConnectionT")
ValueT = TypeVar("ValueT")

HandPolicy: TypeAlias = Literal["manual", "after"]
AckPolicy: TypeAlias = HandPolicy | Literal["on_receipt"]
ACK_POLICIES: Final = ("manual", "after", "on_receipt")


class Stream(Generic[EventT]):
    """A connection that stays: events by iteration, commands by `call`. Made by `pushwire.connect`."""

    def __init__(self, driver: Driver[EventT, Any]) -> None:
        self._driver = driver

    def __aiter__(self) -> Consumer[EventT]:
        """A new consumer of the events."""
        return self._consumer(self._driver.router.inbox)

    def batches(self, max: int = 100) -> AsyncIterator[list[EventT]]:
        """A new consumer that takes lists of one to `max` events, as many as there are."""
        return Batches(aiter(self), max)

    async def call(self, command: Command[EventT, ReplyT]) -> ReplyT:
        """Send a command and return its reply.

        Raises `CommandRefused`, `ReplyTimeout`, `ConnectionLost` or `OutcomeUnknown` as the command's policy says, `InboxFull`
        when more events came before the reply than may be kept, and what ended the stream.
        """
        # The machine settles a ticket with the reply type of the command it was submitted with.
        return cast(ReplyT, await self._driver.call(command))

    def subscribe(
        self, command: Command[EventT, ReplyT], *, overflow: Overflow = "block", capacity: int = 1024
    ) -> AbstractAsyncContextManager[Feed[EventT, ReplyT]]:
        """A feed of what `command` subscribes to, for the length of an `async with` block: several tasks may each have their own.

        Its message events go to the feeds that subscribed to them and no longer to the stream; control events go to both. Leaving
        the block unsubscribes, unless others want the same. `overflow` and `capacity` (events) are the feed's own; a feed with
        "block" that is full stops the reading for all. Entering raises as `call` does, `LocalProtocolError` for a command that
        subscribes to nothing, and `ConfigError`.
        """
        check_arguments(overflow=one_of(*OVERFLOWS)(overflow), capacity=count(capacity))
        if not command.topics:
            raise LocalProtocolError(f"{type(command).__name__} subscribes to nothing")
        return feeding(self._driver, self._consumer, command, overflow, capacity)

    def query(
        self,
        fetch: Callable[[], Awaitable[ValueT]],
        *,
        invalidated_by: Invalidating[EventT] = (),
        every: float = 60.0,
    ) -> Query[EventT, ValueT]:
        """Fresh values of `fetch`, by iteration: again `every` so many seconds after the last one, at once when an event of the
        types `invalidated_by` arrives (or one for which that function is true), and at once after a reconnect; never twice at a
        time.

        It takes no event away from anybody. `every` may be infinite. Raises `ConfigError`.
        """
        check_arguments(every=positive(every))
        return Query(self._driver.router, fetch, invalidated_by, every, self._driver.rng)

    def hydrate(self) -> None:
        """Load the snapshot again, as after a reconnect: one covers what was subscribed to when its load began.

        Raises `LocalProtocolError` for a stream without `snapshot`, and what ended the stream.
        """
        self._driver.submit(Hydrate())
        self._driver.pump()

    @property
    def status(self) -> StreamStatus:
        """Where the stream stands."""
        driver = self._driver
        # Who looks may be waiting for what the provider has to say.
        driver.router.inbox.take_back()
        return StreamStatus(driver.machine.status(), len(driver.router), driver.router.discarded)

    def stop(self) -> None:
        """End the delivery: iterations end, `ack` still works. Leaving the `async with` block then flushes the ACKs."""
        self._driver.router.close(discard=True)

    def _consumer(self, inbox: Inbox[EventT]) -> Consumer[EventT]:
        return Consumer(inbox)


class AckStream(Stream[EventT], Generic[EventT, AckedT, ConnectionT]):
    """A stream whose provider sends again what is not ACKed.

    `AckedT` is what can be ACKed, `ConnectionT` what a booking writes through.
    """

    def __init__(self, driver: Driver[EventT, ConnectionT], acked: type[AckedT], *, acks_after: bool = False) -> None:
        super().__init__(driver)
        self._acked = acked
        self._consumers: WeakSet[Consumer[EventT]] | None = WeakSet() if acks_after else None

    def _consumer(self, inbox: Inbox[EventT]) -> Consumer[EventT]:
        if self._consumers is None:
            return super()._consumer(inbox)
        consumer = Consumer(inbox, self._finish)
        self._consumers.add(consumer)
        return consumer

    async def ack(
        self, *events: AckedT, book: Callable[[ConnectionT], object] | None = None, receipt: Receipt | None = None
    ) -> None:
        """Settle these deliveries: durable in the store first, ACKed to the provider after.

        `book` runs in the store's thread inside the same transaction; what it raises leaves here unwrapped, and nothing is
        settled. Once begun this waits for the transaction's end, also when cancelled. Raises `StoreError` when nothing was stored
        or when that is unknown; repeating the same call is safe. Raises `LocalProtocolError` for an event this stream does not
        hold, and for one that another call is settling at the moment.

        `receipt`, from `store.finish`, says that a transaction of your own has finished them: they are settled where the store
        finds that durable, else that is a `StoreError`, and they stay yours.
        """
        self._check(*events)
        identities = tuple([event.identity for event in events])
        if receipt is not None:
            if book is not None:
                raise LocalProtocolError("what has a receipt was booked in the transaction that it is from")
            if not set(identities) <= set(receipt.identities):
                raise LocalProtocolError("the receipt is not for all of these events")
        await self._settle(Finish(identities), events, book or receipt)

    async def park(self, event: AckedT, reason: str) -> None:
        """Set a poison event aside, durably, with its payload and the reason; the provider gets its ACK. Raises as `ack` does."""
        self._check(event)
        await self._settle(Park(event.identity, reason, event.dump()), (event,))

    async def settle(self, command: Finish | Park) -> None:
        """`ack` and `park` for who has let the event go, and kept its `identity`. Raises as they do."""
        await self._driver.settle(command, None)

    def release(self, event: AckedT, after: float = 0.0) -> None:
        """Give an event back, to be delivered again to any consumer of the stream, or of each feed it belongs to, `after` seconds
        from now. Raises `LocalProtocolError` for anything but an event of this stream."""
        self._check(event)
        # AckedT is one of the members of EventT, which the type system cannot express.
        back = cast(EventT, event)
        for consumer in self._consumers or ():
            consumer.let_go((back,))
        if after > 0:
            self._driver.later(after, lambda: self._driver.router.put_back(back))
        else:
            self._driver.router.put_back(back)

    async def _settle(
        self, command: Finish | Park, events: Sequence[AckedT], book: Callable[[ConnectionT], object] | None = None
    ) -> None:
        # As in `release`. Nobody is to settle these meanwhile by asking for the next event.
        ours = cast("Sequence[EventT]", events)
        taken = [(consumer, consumer.let_go(ours)) for consumer in self._consumers or ()]
        try:
            await self._driver.settle(command, book)
        except BaseException:
            for consumer, let_go in taken:
                consumer.take_back(let_go)
            raise

    def _check(self, *events: AckedT) -> None:
        # Untyped callers may give anything.
        fit = list(map(isinstance, events, itertools.repeat(self._acked)))
        if not all(fit):
            raise LocalProtocolError(f"{type(events[fit.index(False)]).__name__} is not an event that is ACKed")

    async def _finish(self, events: list[EventT]) -> None:
        """A consumer is done with these."""
        identities = tuple(event.identity for event in events if isinstance(event, self._acked))
        if identities:
            await self.settle(Finish(identities))
