"""Consumers: who takes events out of an inbox."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Final, Generic, Self, TypeVar

import trio

from ..errors import LocalProtocolError
from .inbox import Inbox

__all__ = ["Batches", "Consumer"]

EventT = TypeVar("EventT")
TakenT = TypeVar("TakenT")

YIELD_EVERY: Final = 64
"""Events a consumer takes before it lets other tasks run: a checkpoint costs more than an event."""

_SOME: Final = YIELD_EVERY // 2
"""As many events as a list of them counts for, and a read."""


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
        inbox.attend(self)

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
        events = await self._next(lambda: self._inbox.take_many_nowait(most), _SOME)
        if self._done is not None:
            self._hand = events.copy()
        return events

    async def aclose(self) -> None:
        """Take no more; who waits on this consumer gets `trio.ClosedResourceError`. The event in hand is not ACKed."""
        self._closed = True
        self._hand.clear()
        self._inbox.leave(self)
        self._inbox.wake_takers()
        await trio.lowlevel.checkpoint()

    def let_go(self, events: Iterable[EventT]) -> list[EventT]:
        """Those of these events that are in hand, which are somebody else's from now on."""
        ours = set(map(id, events))
        gone = [held for held in self._hand if id(held) in ours]
        self._hand = [held for held in self._hand if id(held) not in ours]
        return gone

    def take_back(self, events: Iterable[EventT]) -> None:
        """What was let go is in hand again."""
        if not self._closed:
            self._hand += events

    async def _next(self, take: Callable[[], TakenT | None], weight: int) -> TakenT:
        """What `take` gives, once the events in hand are done with."""
        if self._busy:
            raise trio.BusyResourceError("another task is using this consumer")
        self._busy = True
        try:
            if self._done is not None and self._hand:
                done = self._hand.copy()
                await self._done(done)
                # Not all that is in hand: something may have been taken back meanwhile.
                self.let_go(done)
            # Where there is nothing, others run while it waits.
            if self._taken >= YIELD_EVERY and self._inbox:
                self._taken = 0
                await trio.lowlevel.checkpoint()
            while True:
                if self._closed:
                    raise trio.ClosedResourceError
                taken = take()
                if taken is not None:
                    self._taken += weight
                    return taken
                if self._taken < YIELD_EVERY and self._inbox.read_on():
                    self._taken += _SOME
                else:
                    self._taken = 0
                    await self._inbox.wait()
        finally:
            self._busy = False


class Batches(AsyncIterator[list[EventT]]):
    """Takes lists of one to `most` events. A class, since a generator that is left half way needs closing."""

    def __init__(self, consumer: Consumer[EventT], most: int) -> None:
        if most < 1:
            raise LocalProtocolError("batches: max must be a positive whole number")
        self._consumer = consumer
        self._most = most

    async def __anext__(self) -> list[EventT]:
        return await self._consumer.many(self._most)
