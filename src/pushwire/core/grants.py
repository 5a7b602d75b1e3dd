"""Authorisations under way: the calls that wait for the answer to an HTTP request before they can be written."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from .effects import Ticket, Token
from .pending import Call

__all__ = ["Grants"]

TopicT = TypeVar("TopicT", bound=Hashable)


class Grants(Generic[TopicT]):
    """Calls by the token of their request, each with its deadline in seconds. All end with the connection they were asked on."""

    __slots__ = ("_calls", "_lanes", "_next")

    def __init__(self) -> None:
        self._calls: dict[Token, Call[TopicT]] = {}
        self._lanes: Counter[str | None] = Counter()
        self._next = math.inf

    def add(self, token: Token, call: Call[TopicT], deadline: float) -> None:
        """The request for a call was asked for."""
        call.deadline = deadline
        self._calls[token] = call
        self._lanes[call.lane] += 1
        self._next = min(self._next, deadline)

    def answered(self, token: Token) -> Call[TopicT] | None:
        """Take the call that waits for this answer; None where none does (any more)."""
        call = self._calls.pop(token, None)
        if call is not None:
            self._gone(call)
        return call

    def withdraw(self, ticket: Ticket) -> Call[TopicT] | None:
        """Take the call of a caller who no longer waits; None where it is not here."""
        for token, call in self._calls.items():
            if call.ticket == ticket:
                return self.answered(token)
        return None

    def busy(self, lane: str) -> bool:
        """Whether a call of this lane waits here: what comes after it on the lane waits with it."""
        return lane in self._lanes

    def overdue(self, now: float) -> list[Call[TopicT]]:
        """Take the calls whose deadline has passed."""
        late = [(token, call) for token, call in self._calls.items() if call.deadline <= now]
        for token, call in late:
            del self._calls[token]
            self._gone(call)
        self._next = min((call.deadline for call in self._calls.values()), default=math.inf)
        return [call for _, call in late]

    def due(self) -> float:
        """When `overdue` must be asked next, `math.inf`: nothing is waited for. Never late; it may be early, once, after an
        answer came in time."""
        return self._next if self._calls else math.inf

    def lost(self) -> list[Call[TopicT]]:
        """The connection has gone: take all calls, in the order they were asked for."""
        calls = list(self._calls.values())
        self._calls.clear()
        self._lanes.clear()
        self._next = math.inf
        return calls

    def _gone(self, call: Call[TopicT]) -> None:
        self._lanes[call.lane] -= 1
        if not self._lanes[call.lane]:
            del self._lanes[call.lane]

    def __iter__(self) -> Iterator[Call[TopicT]]:
        return iter(self._calls.values())
