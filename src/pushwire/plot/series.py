"""What happened over time, kept in bounded memory however long it goes on: the longer, the coarser.

Times are seconds since the beginning, and never below zero. What is kept here, and how it is drawn, is not known here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Final, Generic, Protocol, Self, TypeVar

import attrs

__all__ = ["LIMIT", "PARTS", "Bins", "Flow", "Span", "Spans", "Spread"]

PARTS: Final = 480
"""Of equal length that time is divided into, at most."""
FINEST: Final = 0.25
"""Seconds of such a part, as long as so many of them are enough."""
LIMIT: Final = 240
"""Spans that are told apart, at most."""


class Joinable(Protocol):
    """What one part of time holds."""

    def join(self, other: Self, /) -> None:
        """Take in what another part holds."""
        ...


PartT = TypeVar("PartT", bound=Joinable)


@attrs.define
class Flow:
    """Messages, in and out."""

    received: int = 0
    sent: int = 0

    def join(self, other: Flow) -> None:
        self.received += other.received
        self.sent += other.sent


@attrs.define
class Spread:
    """Some numbers: how many, their sum, and the extremes."""

    count: int = 0
    total: float = 0.0
    low: float = math.inf
    high: float = -math.inf

    def add(self, number: float) -> None:
        self.join(Spread(1, number, number, number))

    def join(self, other: Spread) -> None:
        self.count += other.count
        self.total += other.total
        self.low = min(self.low, other.low)
        self.high = max(self.high, other.high)

    @property
    def mean(self) -> float:
        """Of at least one."""
        return self.total / self.count


class Bins(Generic[PartT]):
    """Time in equal parts, `width` seconds each; those in which nothing happened hold nothing."""

    def __init__(self, make: Callable[[], PartT]) -> None:
        self.width: float = FINEST
        self._make = make
        self._parts: dict[int, PartT] = {}

    def at(self, time: float) -> PartT:
        """What the part holds that `time` is in: to be added to."""
        while time >= self.width * PARTS:
            self._halve()
        place = int(time / self.width)
        part = self._parts.get(place)
        if part is None:
            part = self._parts[place] = self._make()
        return part

    def __iter__(self) -> Iterator[tuple[float, PartT]]:
        """Each part with its begin, in order."""
        return ((place * self.width, self._parts[place]) for place in sorted(self._parts))

    def _halve(self) -> None:
        self.width *= 2
        parts, self._parts = self._parts, {}
        for place, part in parts.items():
            joined = self._parts.setdefault(place // 2, part)
            if joined is not part:
                joined.join(part)


@attrs.define
class Span:
    """From `begin` to `end`: one thing, or `count` that lie close together, of which the first says `note`."""

    begin: float
    end: float
    note: str = ""
    count: int = 1


class Spans:
    """Spans in their order; those that overlap are one. Where they are too many, neighbours become one."""

    def __init__(self) -> None:
        self._spans: list[Span] = []
        self._near = 0.0

    def add(self, begin: float, end: float, note: str = "") -> None:
        """One more, which begins or ends no earlier than the last begins."""
        self._put(Span(begin, end, note))
        while len(self._spans) > LIMIT:
            self._near = max(FINEST, 2 * self._near)
            spans, self._spans = self._spans, []
            for span in spans:
                self._put(span)

    def _put(self, span: Span) -> None:
        # One that reaches far back may cover several.
        while self._spans and span.begin - self._spans[-1].end <= self._near:
            before = self._spans.pop()
            span = Span(min(before.begin, span.begin), max(before.end, span.end), before.note, before.count + span.count)
        self._spans.append(span)

    def __len__(self) -> int:
        return len(self._spans)

    def __iter__(self) -> Iterator[Span]:
        return iter(self._spans)
