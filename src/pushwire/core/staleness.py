"""The topic's clock: a subscription that should have data and has none for too long is reported, once per silence."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

__all__ = ["Staleness"]

TopicT = TypeVar("TopicT", bound=Hashable)


class Staleness(Generic[TopicT]):
    """Watches topics for silence longer than `after` seconds (`math.inf`: watches nothing).

    Data costs one dict write; deadlines are worked out lazily, when the earliest one that was known comes due.
    """

    __slots__ = ("_after", "_check", "_last", "_reported")

    def __init__(self, after: float) -> None:
        self._after = after
        self._last: dict[TopicT, float] = {}
        self._reported: dict[TopicT, None] = {}
        self._check = math.inf

    @property
    def enabled(self) -> bool:
        return self._after != math.inf

    def watch(self, topic: TopicT, now: float) -> None:
        """The topic was confirmed: its silence counts from now."""
        if self.enabled:
            self._last[topic] = now
            self._reported.pop(topic, None)
            self._check = min(self._check, now + self._after)

    def unwatch(self, topic: TopicT) -> None:
        self._last.pop(topic, None)
        self._reported.pop(topic, None)

    def clear(self) -> None:
        """The connection has gone; `Down` says more than staleness could."""
        self._last.clear()
        self._reported.clear()
        self._check = math.inf

    def data(self, topic: TopicT, now: float) -> None:
        """Data arrived on a topic; unwatched ones are passed over."""
        if topic in self._last:
            self._last[topic] = now
            if topic in self._reported:
                del self._reported[topic]
                self._check = min(self._check, now + self._after)

    def data_all(self, topics: Iterable[TopicT], now: float) -> None:
        """`data` on each of these."""
        heard = self._last.keys() & topics
        self._last.update(dict.fromkeys(heard, now))
        for topic in heard & self._reported.keys():
            self.data(topic, now)

    def due(self) -> float:
        """When `overdue` must be asked next."""
        return self._check

    def overdue(self, now: float) -> list[tuple[TopicT, float]]:
        """Topics silent for too long and not yet reported, each with the time its silence began."""
        found = [(t, at) for t, at in self._last.items() if at + self._after <= now and t not in self._reported]
        self._reported.update((topic, None) for topic, _ in found)
        waiting = (at for topic, at in self._last.items() if topic not in self._reported)
        self._check = min(waiting, default=math.inf) + self._after
        return found

    def resumed(self, now: float, paused: float) -> None:
        """Reading went on after `paused` seconds: that silence was ours."""
        self._last = {topic: min(at + paused, now) for topic, at in self._last.items()}
        self._check = min(self._last.values(), default=math.inf) + self._after
