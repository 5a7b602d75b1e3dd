"""What a user holds: a `Stream` of events with typed calls, and an `AckStream` where the provider wants ACKs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, Final, Generic, Literal, Self, TypeVar, cast

import attrs
import trio

from ..core.commands import Command, Finish, Ledgered, Park
from ..core.machine import Status
from ..errors import LocalProtocolError
from .driver import Driver

__all__ = ["AckPolicy", "AckStream", "Consumer", "Stream", "StreamStatus"]

EventT = TypeVar("EventT")
AckedT = TypeVar("AckedT", bound=Ledgered)
ReplyT = TypeVar("ReplyT")
ConnectionT = TypeVar("ConnectionT")

AckPolicy = Literal["manual", "after"]

YIELD_EVERY: Final = 64
"""Events a consumer takes before it lets other tasks run: a checkpoint costs more than an event."""


@attrs.frozen
class StreamStatus:
    """A look at a stream. `session` says where the connection stands; `in_hand` counts events waiting for a consumer, `discarded` those
    an overflow policy let go."""

    session: Status
    in_hand: int
    discarded: int


class Consumer(trio.abc.ReceiveChannel[EventT], Generic[EventT]):
    """One taker of events; it owns the event it took last. Several may run side by side, each event goes to one of them.

    A second `receive` on the same consumer while one waits raises `trio.BusyResourceError`.
    """

    def __init__(self, stream: Stream[EventT]) -> None:
        self._stream = stream
        self._busy = False
        self._closed = False
        self._taken = 0
        self._last: EventT | None = None

    def __aiter__(self) -> Self:
        return self

    async def receive(self) -> EventT:
        """The next event. Raises `trio.EndOfChannel` after `stop`, the terminal failure where there was one."""
        try:
            return await self.__anext__()
        except StopAsyncIteration:
            raise trio.EndOfChannel from None

    async def __anext__(self) -> EventT:
        if self._busy:
            raise trio.BusyResourceError("another task is using this consumer")
        if self._closed:
            raise trio.ClosedResourceError
        self._busy = True
        try:
            if self._last is not None:
                last, self._last = self._last, None
                await self._stream._after(last)  # pyright: ignore[reportPrivateUsage] - two halves of one thing
            return await self._next()
        finally:
            self._busy = False

    async def _next(self) -> EventT:
        inbox = self._stream._driver.inbox  # pyright: ignore[reportPrivateUsage] - see above
        self._taken += 1
        if self._taken % YIELD_EVERY == 0:
            await trio.lowlevel.checkpoint()
        event = inbox.take_nowait()
        while event is None:
            await inbox.wait()
            event = inbox.take_nowait()
        if self._stream._acks_after:  # pyright: ignore[reportPrivateUsage] - see above
            self._last = event
        return event

    async def aclose(self) -> None:
        """Take no more. The event in hand is not ACKed."""
        self._closed = True
        self._last = None
        await trio.lowlevel.checkpoint()


class Stream(Generic[EventT]):
    """A connection that stays: events by iteration, commands by `call`. Made by `pushwire.connect`."""

    def __init__(self, driver: Driver[EventT, Any], *, acks_after: bool = False) -> None:
        self._driver = driver
        self._acks_after = acks_after

    def __aiter__(self) -> Consumer[EventT]:
        """A new consumer of the events."""
        return Consumer(self)

    async def batches(self, max: int = 100) -> AsyncIterator[list[EventT]]:  # noqa: A002 - the word for it
        """Lists of one to `max` events, as many as there are."""
        inbox = self._driver.inbox
        while True:
            await trio.lowlevel.checkpoint()
            try:
                batch = inbox.take_many_nowait(max)
            except StopAsyncIteration:
                return
            if batch:
                yield batch
                if self._acks_after:
                    await self._after(*batch)
            else:
                await inbox.wait()

    async def call(self, command: Command[EventT, ReplyT]) -> ReplyT:
        """Send a command and return its reply.

        Raises `CommandRefused`, `ReplyTimeout`, `ConnectionLost` or `OutcomeUnknown` as the command's policy says, `InboxFull` when more
        events came before the reply than may be kept, and what ended the stream.
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

    async def _after(self, *events: EventT) -> None:
        """The consumer is done with these events."""


class AckStream(Stream[EventT], Generic[EventT, AckedT, ConnectionT]):
    """A stream whose provider sends again what is not ACKed. `AckedT` is what can be ACKed, `ConnectionT` what a booking writes through."""

    def __init__(self, driver: Driver[EventT, ConnectionT], acked: type[AckedT], *, acks_after: bool = False) -> None:
        super().__init__(driver, acks_after=acks_after)
        self._acked = acked

    async def ack(self, *events: AckedT, book: Callable[[ConnectionT], object] | None = None) -> None:
        """Settle these deliveries: durable in the store first, ACKed to the provider after.

        `book` runs in the store's thread inside the same transaction; what it raises leaves here unwrapped, and nothing is settled. Once
        begun this waits for the transaction's end, also when cancelled. Raises `StoreError` when nothing was stored or when that is
        unknown; repeating the same call is safe. Raises `LocalProtocolError` for an event this stream does not hold.
        """
        driver: Driver[EventT, ConnectionT] = self._driver
        await driver.settle(Finish(tuple(event.identity for event in events)), book)

    async def park(self, event: AckedT, reason: str) -> None:
        """Set a poison event aside, durably, with its payload and the reason; the provider gets its ACK. Raises as `ack` does."""
        await self._driver.settle(Park(event.identity, reason, event.dump()), None)

    def release(self, event: AckedT, after: float = 0.0) -> None:
        """Give an event back, to be delivered again to any consumer, `after` seconds from now. Raises `LocalProtocolError`
        for anything but an event of this stream."""
        if not isinstance(event, self._acked):  # pyright: ignore[reportUnnecessaryIsInstance] - untyped callers
            raise LocalProtocolError(f"{type(event).__name__} cannot be released")
        # AckedT is one of the members of EventT, which the type system cannot express.
        back = cast(EventT, event)
        if after > 0:
            self._driver.later(after, lambda: self._driver.inbox.put_back(back))
        else:
            self._driver.inbox.put_back(back)

    async def _after(self, *events: EventT) -> None:
        ledgered = [event for event in events if isinstance(event, self._acked)]
        if ledgered:
            await self.ack(*ledgered)
