"""What a user holds: a `Stream` of events with typed calls, and an `AckStream` where the provider wants ACKs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, Generic, Literal, Self, TypeAlias, TypeVar, cast
from weakref import WeakSet

import attrs
import trio

from ..core.commands import Command, Finish, Ledgered, Park
from ..core.machine import Status
from ..errors import LocalProtocolError
from .driver import Driver
from .inbox import Inbox

__all__ = ["AckPolicy", "AckStream", "Consumer", "Stream", "StreamStatus"]

EventT = TypeVar("EventT")
AckedT = TypeVar("AckedT", bound=Ledgered)
ReplyT = TypeVar("ReplyT")
ConnectionT = TypeVar("ConnectionT")

TakenT = TypeVar("TakenT")

AckPolicy: TypeAlias = Literal["manual", "after"]

YIELD_EVERY: Final = 64
"""Events a consumer takes before it lets other tasks run: a checkpoint costs more than an event."""


@attrs.frozen
class StreamStatus:
    """A look at a stream. `session` says where the connection stands; `in_hand` counts events waiting for a consumer, `discarded`
    those an overflow policy let go."""

    session: Status
    in_hand: int
    discarded: int


class Consumer(trio.abc.ReceiveChannel[EventT], Generic[EventT]):
    """One taker of events; it owns the event it took last. Several may run side by side, each event goes to one of them.

    A second `receive` on the same consumer while one waits raises `trio.BusyResourceError`.
    """

    def __init__(self, inbox: Inbox[EventT], done: Callable[[list[EventT]], Awaitable[None]] | None = None) -> None:
        self._inbox = inbox
        self._done = done
        self._busy = False
        self._closed = False
        self._taken = 0
        self._hand: list[EventT] = []

    def __aiter__(self) -> Self:
        return self

    async def receive(self) -> EventT:
        """The next event. Raises `trio.EndOfChannel` after `stop`, the terminal failure where there was one."""
        try:
            return await self.__anext__()
        except StopAsyncIteration:
            raise trio.EndOfChannel from None

    async def __anext__(self) -> EventT:
        event = await self._next(self._inbox.take_nowait, 1)
        if self._done is not None:
            self._hand = [event]
        return event

    async def many(self, most: int) -> list[EventT]:
        """The next events, one to `most` of them. Raises as `__anext__` does."""
        events = await self._next(lambda: self._inbox.take_many_nowait(most), YIELD_EVERY)
        if self._done is not None:
            self._hand = events.copy()
        return events

    async def aclose(self) -> None:
        """Take no more; who waits on this consumer gets `trio.ClosedResourceError`. The event in hand is not ACKed."""
        self._closed = True
        self._hand.clear()
        self._inbox.wake_takers()
        await trio.lowlevel.checkpoint()

    def let_go(self, event: EventT) -> None:
        """If the event is in hand, it is somebody else's from now on."""
        self._hand = [held for held in self._hand if held is not event]

    async def _next(self, take: Callable[[], TakenT | None], weight: int) -> TakenT:
        """What `take` gives, once the events in hand are done with."""
        if self._busy:
            raise trio.BusyResourceError("another task is using this consumer")
        self._busy = True
        try:
            if self._done is not None and self._hand:
                await self._done(self._hand)
                self._hand.clear()
            self._taken += weight
            if self._taken >= YIELD_EVERY:
                self._taken = 0
                await trio.lowlevel.checkpoint()
            while True:
                if self._closed:
                    raise trio.ClosedResourceError
                taken = take()
                if taken is not None:
                    return taken
                await self._inbox.wait()
        finally:
            self._busy = False


class _Batches(AsyncIterator[list[EventT]]):
    """A class, since a generator that is left half way needs closing."""

    def __init__(self, consumer: Consumer[EventT], most: int) -> None:
        self._consumer = consumer
        self._most = most

    async def __anext__(self) -> list[EventT]:
        return await self._consumer.many(self._most)


class Stream(Generic[EventT]):
    """A connection that stays: events by iteration, commands by `call`. Made by `pushwire.connect`."""

    def __init__(self, driver: Driver[EventT, Any]) -> None:
        self._driver = driver

    def __aiter__(self) -> Consumer[EventT]:
        """A new consumer of the events."""
        return Consumer(self._driver.inbox)

    def batches(self, max: int = 100) -> AsyncIterator[list[EventT]]:
        """A new consumer that takes lists of one to `max` events, as many as there are."""
        if max < 1:
            raise LocalProtocolError("batches: max must be a positive whole number")
        return _Batches(aiter(self), max)

    async def call(self, command: Command[EventT, ReplyT]) -> ReplyT:
        """Send a command and return its reply.

        Raises `CommandRefused`, `ReplyTimeout`, `ConnectionLost` or `OutcomeUnknown` as the command's policy says, `InboxFull`
        when more events came before the reply than may be kept, and what ended the stream.
        """
        # The machine settles a ticket with the reply type of the command it was submitted with.
        return cast(ReplyT, await self._driver.call(command))

    @property
    def status(self) -> StreamStatus:
        """Where the stream stands."""
        driver = self._driver
        return StreamStatus(driver.machine.status(), len(driver.inbox), driver.inbox.discarded)

    def stop(self) -> None:
        """End the delivery: iterations end, `ack` still works. Leaving the `async with` block then flushes the ACKs."""
        self._driver.inbox.close(discard=True)


class AckStream(Stream[EventT], Generic[EventT, AckedT, ConnectionT]):
    """A stream whose provider sends again what is not ACKed.

    `AckedT` is what can be ACKed, `ConnectionT` what a booking writes through.
    """

    def __init__(self, driver: Driver[EventT, ConnectionT], acked: type[AckedT], *, acks_after: bool = False) -> None:
        super().__init__(driver)
        self._acked = acked
        self._acks_after = acks_after
        self._consumers: WeakSet[Consumer[EventT]] = WeakSet()

    def __aiter__(self) -> Consumer[EventT]:
        """A new consumer of the events."""
        if not self._acks_after:
            return super().__aiter__()
        consumer = Consumer(self._driver.inbox, self._finish)
        self._consumers.add(consumer)
        return consumer

    async def ack(self, *events: AckedT, book: Callable[[ConnectionT], object] | None = None) -> None:
        """Settle these deliveries: durable in the store first, ACKed to the provider after.

        `book` runs in the store's thread inside the same transaction; what it raises leaves here unwrapped, and nothing is
        settled. Once begun this waits for the transaction's end, also when cancelled. Raises `StoreError` when nothing was stored
        or when that is unknown; repeating the same call is safe. Raises `LocalProtocolError` for an event this stream does not
        hold.
        """
        driver: Driver[EventT, ConnectionT] = self._driver
        for event in events:
            self._check(event)
        await driver.settle(Finish(tuple(event.identity for event in events)), book)

    async def park(self, event: AckedT, reason: str) -> None:
        """Set a poison event aside, durably, with its payload and the reason; the provider gets its ACK. Raises as `ack` does."""
        self._check(event)
        await self._driver.settle(Park(event.identity, reason, event.dump()), None)

    def release(self, event: AckedT, after: float = 0.0) -> None:
        """Give an event back, to be delivered again to any consumer, `after` seconds from now. Raises `LocalProtocolError`
        for anything but an event of this stream."""
        self._check(event)
        # AckedT is one of the members of EventT, which the type system cannot express.
        back = cast(EventT, event)
        for consumer in self._consumers:
            consumer.let_go(back)
        if after > 0:
            self._driver.later(after, lambda: self._driver.inbox.put_back(back))
        else:
            self._driver.inbox.put_back(back)

    def _check(self, event: AckedT) -> None:
        if not isinstance(event, self._acked):  # pyright: ignore[reportUnnecessaryIsInstance] - untyped callers
            raise LocalProtocolError(f"{type(event).__name__} is not an event that is ACKed")

    async def _finish(self, events: list[EventT]) -> None:
        """A consumer is done with these."""
        ledgered = [event for event in events if isinstance(event, self._acked)]
        if ledgered:
            await self.ack(*ledgered)
