"""Feeds: the events of one subscription, apart from those of the others."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Generic, TypeVar, cast

from ..core.commands import Command, Leave
from .consumer import Batches, Consumer
from .driver import Driver
from .inbox import Inbox, Overflow

__all__ = ["Feed", "feeding"]

EventT = TypeVar("EventT")
ReplyT = TypeVar("ReplyT")


class Feed(Generic[EventT, ReplyT]):
    """The events of one subscription, by iteration; made by `Stream.subscribe`. `reply` is the answer to the command."""

    def __init__(self, inbox: Inbox[EventT], reply: ReplyT, consume: Callable[[Inbox[EventT]], Consumer[EventT]]) -> None:
        self.reply: ReplyT = reply
        self._inbox = inbox
        self._consume = consume

    def __aiter__(self) -> Consumer[EventT]:
        """A new consumer of its events."""
        return self._consume(self._inbox)

    def batches(self, max: int = 100) -> AsyncIterator[list[EventT]]:
        """A new consumer that takes lists of one to `max` events, as many as there are."""
        return Batches(aiter(self), max)

    def __len__(self) -> int:
        """Events that wait for a consumer."""
        return len(self._inbox)

    def __bool__(self) -> bool:
        """An empty feed is a feed all the same."""
        return True

    @property
    def discarded(self) -> int:
        """Events its overflow policy let go."""
        return self._inbox.discarded


@asynccontextmanager
async def feeding(
    driver: Driver[EventT, Any],
    consume: Callable[[Inbox[EventT]], Consumer[EventT]],
    command: Command[EventT, ReplyT],
    overflow: Overflow,
    capacity: int,
) -> AsyncGenerator[Feed[EventT, ReplyT]]:
    """A feed of what `command` subscribes to, for the length of the block."""
    # Open before anything is asked for: the first events may come together with the reply.
    inbox = driver.router.open(command.topics, capacity, overflow)
    try:
        # The machine settles a ticket with the reply type of the command it was submitted with.
        reply = cast(ReplyT, await driver.call(command, or_leave=True))
        try:
            yield Feed(inbox, reply, consume)
        finally:
            # Not awaited, so it happens under cancellation as well. Where the session has ended, or ends by it, there is nothing
            # to be told: that is raised elsewhere.
            with suppress(Exception):
                driver.submit(Leave(command))
                driver.pump()
    finally:
        driver.router.forget(inbox)
