"""Virtual time: what happens next, in order."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from itertools import count
from typing import Final

__all__ = ["WALL", "Agenda"]

WALL: Final = 1_745_000_000.0
"""POSIX seconds at 0.0."""


class Agenda:
    """The clock, and what is to be done when. What is due at the same time is done in the order it was put there."""

    def __init__(self) -> None:
        self.now: float = 0.0
        self._serials = count()
        self._entries: list[tuple[float, int, Callable[[], None]]] = []

    @property
    def wall(self) -> float:
        """POSIX seconds."""
        return WALL + self.now

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Do this so many seconds from now."""
        heapq.heappush(self._entries, (self.now + seconds, next(self._serials), act))

    def due(self) -> float:
        """When the next thing is to be done; `math.inf`: never."""
        return self._entries[0][0] if self._entries else math.inf

    def take(self) -> Callable[[], None]:
        """The next thing, which is due."""
        return heapq.heappop(self._entries)[2]
