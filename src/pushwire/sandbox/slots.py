"""When a sandbox's feed produces: a schedule of slots at a steady rate.

Slots follow from the rate alone, never from when the timer happened to be handled, so a seed gives the same feed on a slow
machine. What fills a slot is the feed's part.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Slots"]

QUANTUM: Final = 0.01
"""Seconds between two runs at least: at high rates a timer for each message would cost more than the message."""

BATCH: Final = 500
"""Slots in one run, so that a feed that fell behind does not keep its driver from sending."""


class Slots:
    """A schedule. `rate` is slots a second; 0 is off."""

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate if rate > 0 else math.inf
        self._first = math.inf
        self._slot = 0
        self._quiet_until = -math.inf

    def start(self, now: float) -> None:
        """The first slot is one interval from `now`. Harmless when started already."""
        if self._first == math.inf and self._interval < math.inf:
            self._first = now + self._interval

    def stop(self) -> None:
        """No more slots, for good."""
        self._first = math.inf
        self._interval = math.inf

    def next_deadline(self) -> float:
        return max(self._next(), self._quiet_until)

    def take(self, now: float) -> Iterator[float]:
        """The times of the slots that are due at `now`, in order."""
        if now < self.next_deadline():
            return
        self._quiet_until = now + QUANTUM
        for _ in range(BATCH):
            slot = self._next()
            if slot > now:
                return
            self._slot += 1
            yield slot

    def _next(self) -> float:
        # Counted from the first one: adding up intervals would drift.
        return self._first if self._first == math.inf else self._first + self._slot * self._interval
