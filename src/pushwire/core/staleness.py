"""The topic's clock: a subscription that should have data and has none for too long is reported, once per silence."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

__all__ = ["Staleness"]

TopicT = TypeVar("TopicT", bound=Hashable)


class Staleness(Generic[TopicT]):
    """Watches topics for silence longer than `after` seconds (`math.inf`: watches nothing).

    Data costs one dict write; deadlines are worked out lazily, when the earliest one that was known comes due.
    """

    __slots__ = ("_after", "_check", "_deferred", "_last", "_reported")

    def __init__(self, after: float) -> None:
        self._after = after
        self._last: dict[TopicT, float] = {}
        self._reported: dict[TopicT, None] = {}
        self._check = math.inf
        self._deferred: Callable[[], None] | None = None

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
        """Reading went on after `paused` seconds: that silence was ours."""
        self._settle()
        self._last = {topic: min(at + paused, now) for topic, at in self._last.items()}
        self._check = min(self._last.values(), default=math.inf) + self._after

    def _settle(self) -> None:
        tell, self._deferred = self._deferred, None
        if tell is not None:
            tell()
