"""Subscriptions that could not be made for a reason that may pass: when to ask for them again on the same connection."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

__all__ = ["Again"]

TopicT = TypeVar("TopicT", bound=Hashable)


class Again(Generic[TopicT]):
    """Topics with their times. The delay doubles from `first` to `cap` seconds, until something is answered."""

    __slots__ = ("_cap", "_first", "_next", "_times")

    def __init__(self, first: float, cap: float) -> None:
        self._first = first
        self._cap = cap
        self._next = first
        self._times: dict[TopicT, float] = {}

    def add(self, topics: Iterable[TopicT], at: float) -> None:
        """Ask for them again at `at`."""
        self._times.update(dict.fromkeys(topics, at))

    def add_later(self, topics: Iterable[TopicT], now: float) -> None:
        """Ask for them again after the delay."""
        self.add(topics, now + self._next)
        self._next = min(2 * self._next, self._cap)

    def take(self, now: float) -> list[TopicT]:
        """Those that are due, in the order they were added."""
        due = [topic for topic, at in self._times.items() if at <= now]
        for topic in due:
            del self._times[topic]
        return due

    def due(self) -> float:
        return min(self._times.values()) if self._times else math.inf

    def __bool__(self) -> bool:
        """Whether anything waits to be asked for again."""
        return bool(self._times)

    def reset(self) -> None:
        """The provider answers again: the delay begins anew."""
        self._next = self._first

    def clear(self) -> None:
        """The connection has gone; the next one asks for everything."""
        self._times.clear()
