"""The topic's clock: a subscription that should have data and has none for too long is reported, once per silence."""

from __future__ import annotations

import bisect
import itertools
import math
import operator
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Generic, TypeVar

__all__ = ["Staleness"]

TopicT = TypeVar("TopicT", bound=Hashable)

_MANY: Final = 64
"""Pauses that are put into all times together: to do that costs some steps for each topic."""


class Staleness(Generic[TopicT]):
    """Watches topics for silence longer than `after` seconds (`math.inf`: watches nothing).

    Data costs one dict write; deadlines are worked out lazily, when the earliest one that was known comes due.
    """

    __slots__ = ("_after", "_check", "_deferred", "_last", "_pauses", "_reported")

    def __init__(self, after: float) -> None:
        self._after = after
        self._last: dict[TopicT, float] = {}
        self._reported: dict[TopicT, None] = {}
        self._check = math.inf
        self._deferred: Callable[[], None] | None = None
        self._pauses: list[tuple[float, float]] = []
        """Of those that are not in the times yet, in order: from when to when."""

    @property
    def enabled(self) -> bool:
        return self._after != math.inf

    def watch(self, topic: TopicT, now: float) -> None:
        """The topic was confirmed: its silence counts from now."""
        self._settle()
        if self.enabled:
            self._last[topic] = now
            self._reported.pop(topic, None)
            self._check = min(self._check, now + self._after)

    def unwatch(self, topic: TopicT) -> None:
        self._settle()
        self._last.pop(topic, None)
        self._reported.pop(topic, None)

    def clear(self) -> None:
        """The connection has gone; `Down` says more than staleness could."""
        self._deferred = None
        self._last.clear()
        self._reported.clear()
        self._check = math.inf

    def data(self, topic: TopicT, now: float) -> None:
        """Data arrived on a topic; unwatched ones are passed over."""
        if topic in self._last:
            self._last[topic] = max(now, self._last[topic])
            if topic in self._reported:
                del self._reported[topic]
                self._check = min(self._check, now + self._after)

    def data_all(self, times: Mapping[TopicT, float]) -> None:
        """`data` on each of these, at its time."""
        for topic in self._last.keys() & times.keys():
            self.data(topic, times[topic])

    def defer(self, tell: Callable[[], None]) -> None:
        """Data has come. `tell` is called, once, when it matters on which topics: it calls `watch` and `data_all` for what has
        come since it was last called.

        Nothing is late for that: until the next deadline that is known, no silence can be too long of what was heard since.
        """
        self._deferred = tell
        if self._reported or self._check == math.inf:
            # There is none, or none for what may be heard again.
            self._settle()

    def due(self) -> float:
        """When `overdue` must be asked next."""
        return self._check

    def overdue(self, now: float) -> list[tuple[TopicT, float]]:
        """Topics silent for too long and not yet reported, each with the time its silence began."""
        self._settle()
        found = [(t, at) for t, at in self._last.items() if at + self._after <= now and t not in self._reported]
        self._reported.update((topic, None) for topic, _ in found)
        waiting = (at for topic, at in self._last.items() if topic not in self._reported)
        self._check = min(waiting, default=math.inf) + self._after
        return found

    def resumed(self, now: float, paused: float) -> None:
        """Reading went on after `paused` seconds: that silence was ours. A fast feed is stopped with every read."""
        self._pauses.append((now - paused, now))
        if self._check != math.inf:
            self._check = min(self._check + paused, now + self._after)
        if len(self._pauses) == _MANY:
            self._settle()

    def _settle(self) -> None:
        """Ask for the data that was deferred, and put what was paused into all times."""
        tell, self._deferred = self._deferred, None
        pauses, self._pauses = self._pauses, []
        if tell is not None:
            tell()
        if pauses:
            self._last = dict(zip(self._last, _moved(self._last.values(), pauses), strict=True))


def _moved(times: Iterable[float], pauses: Sequence[tuple[float, float]]) -> Iterator[float]:
    """Each later by the pauses since then; what was in one comes to its end."""
    begun, ended = zip(*pauses, strict=True)
    before = list(itertools.accumulate(map(operator.sub, ended, begun), initial=0.0))
    for at in times:
        place = bisect.bisect_left(ended, at)
        yield at if place == len(ended) else min(at, begun[place]) + (before[-1] - before[place])
