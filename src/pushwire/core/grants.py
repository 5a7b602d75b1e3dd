"""Authorisations under way: the calls that wait for the answer to an HTTP request before they can be written."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from .effects import Ticket, Token
from .pending import Call

__all__ = ["Grants"]

TopicT = TypeVar("TopicT", bound=Hashable)


class Grants(Generic[TopicT]):
    """Calls by the token of their request, each with its deadline in seconds. All end with the connection they were asked on."""

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls: dict[Token, Call[TopicT]] = {}

    def add(self, token: Token, call: Call[TopicT], deadline: float) -> None:
        """The request for a call was asked for."""
        call.deadline = deadline
        self._calls[token] = call

    def answered(self, token: Token) -> Call[TopicT] | None:
        """Take the call that waits for this answer; None where none does (any more)."""
        return self._calls.pop(token, None)

    def withdraw(self, ticket: Ticket) -> Call[TopicT] | None:
        """Take the call of a caller who no longer waits; None where it is not here."""
        for token, call in self._calls.items():
            if call.ticket == ticket:
                return self._calls.pop(token)
        return None

    def busy(self, lane: str) -> bool:
        """Whether a call of this lane waits here: what comes after it on the lane waits with it."""
        return any(call.lane == lane for call in self._calls.values())

    def overdue(self, now: float) -> list[Call[TopicT]]:
        """Take the calls whose deadline has passed."""
        return [self._calls.pop(token) for token, call in list(self._calls.items()) if call.deadline <= now]

    def due(self) -> float:
        """When `overdue` must be asked next, `math.inf`: nothing is waited for."""
        return min([call.deadline for call in self._calls.values()]) if self._calls else math.inf

    def lost(self) -> list[Call[TopicT]]:
        """The connection has gone: take all calls, in the order they were asked for."""
        calls = list(self._calls.values())
        self._calls.clear()
        return calls

    def __iter__(self) -> Iterator[Call[TopicT]]:
        return iter(self._calls.values())
