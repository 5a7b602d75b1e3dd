"""Replies still due. A call waits in a *slot*: its request id where the provider echoes one, else the name of its lane.

A lane holds one call at a time, since its replies name nothing. A slot is freed by its reply, its deadline or the end of the
connection, never by a caller who stops waiting: a reply that comes late must not settle the next caller.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from typing import Generic, TypeVar

import attrs

from ..errors import ConnectionLost, OutcomeUnknown
from .commands import AnyCommand
from .effects import SecretFrame, Ticket
from .http import Response

__all__ = ["Call", "Pending"]

TopicT = TypeVar("TopicT", bound=Hashable)


@attrs.define(eq=False)
class Call(Generic[TopicT]):
    """One command on its way. `ticket` is None where the machine asks for itself, or the caller no longer waits."""

    ticket: Ticket | None
    command: AnyCommand
    own: bool = False
    """The machine asks for itself (a re-subscription)."""
    restores: bool = False
    """It was asked for while the connection was down: what it subscribes to may be what was subscribed to before."""
    topics: tuple[TopicT, ...] = ()
    """What it subscribes to, without what was given up since."""
    stripped: bool = False
    """Some of its topics were given up since."""
    lane: str | None = None
    """Where its reply names nothing: what it shares with the calls a late reply could be taken for."""
    gives_up: Sequence[TopicT] = ()
    """What it unsubscribes from."""
    unsubscribes: bool = False
    """From what was made on this connection. It is carried out even when nobody waits for it."""
    counted: bool = False
    """It holds a reference to each of its topics, and gives them back when it fails."""
    granted: Response | None = None
    """The authorisation it waited for."""
    frame: str | SecretFrame | None = None
    left: bool = False
    """It left this machine on an earlier connection."""
    deadline: float = math.inf

    def dropped(self) -> Exception | None:
        """The connection ended before the reply came: the error it ends with, None: it is sent again on the next one."""
        if self.command.on_drop == "resend":
            return None
        if not self.left:
            return self._never_left()
        text = f"the connection ended before the reply to {type(self.command).__name__} came"
        return OutcomeUnknown(text, command=self.command)

    def kept_back(self) -> Exception | None:
        """The connection ended before it was sent on it: the error it ends with, None: it waits for the next one."""
        return None if self.command.while_down == "queue" or self.left else self._never_left()

    def _never_left(self) -> ConnectionLost:
        return ConnectionLost(f"the connection ended before {type(self.command).__name__} left", sent="no")


class Pending(Generic[TopicT]):
    """Calls in flight by slot, each with its deadline in seconds."""

    __slots__ = ("_calls", "_next")

    def __init__(self) -> None:
        self._calls: dict[str, Call[TopicT]] = {}
        self._next = math.inf

    def add(self, slot: str, call: Call[TopicT], deadline: float) -> None:
        """The call left. The slot must be free."""
        assert slot not in self._calls, "a slot holds one call"
        call.deadline = deadline
        self._calls[slot] = call
        self._next = min(self._next, deadline)

    def busy(self, slot: str) -> bool:
        return slot in self._calls

    def answer(self, slot: str) -> Call[TopicT] | None:
        """The reply for a slot came: its call, or None where nothing waits there (any more)."""
        return self._calls.pop(slot, None)

    def peek(self, slot: str) -> Call[TopicT] | None:
        """The call that waits in a slot, left there."""
        return self._calls.get(slot)

    def abandon(self, ticket: Ticket) -> Call[TopicT] | None:
        """The caller no longer waits; the slot stays. Returns the call, None where the ticket is not in flight."""
        for call in self._calls.values():
            if call.ticket == ticket:
                call.ticket = None
                return call
        return None

    def overdue(self, now: float) -> list[tuple[str, Call[TopicT]]]:
        """Take the calls whose deadline has passed."""
        late = [(slot, call) for slot, call in self._calls.items() if call.deadline <= now]
        for slot, _ in late:
            del self._calls[slot]
        self._next = min((call.deadline for call in self._calls.values()), default=math.inf)
        return late

    def due(self) -> float:
        """When `overdue` must be asked next. Never late; it may be early, once, after an answer came in time."""
        return self._next

    def lost(self) -> list[Call[TopicT]]:
        """The connection has gone: take all calls, in the order they left."""
        calls = list(self._calls.values())
        self._calls.clear()
        self._next = math.inf
        return calls

    def resumed(self, paused: float, latest: float) -> None:
        """Reading went on after `paused` seconds, in which no reply could have been read. No deadline moves beyond `latest`: a
        call that left in between has not waited all of them."""
        for call in self._calls.values():
            call.deadline = min(call.deadline + paused, latest)
        self._next = min((call.deadline for call in self._calls.values()), default=math.inf)

    def __iter__(self) -> Iterator[Call[TopicT]]:
        return iter(self._calls.values())
