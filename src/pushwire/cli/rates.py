"""How many a second, over the last minute: from a number that only grows and is looked at now and then, and as a line of blocks.

What happens meanwhile costs nothing here, however much it is.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

__all__ = ["MINUTE", "History", "sparkline"]

MINUTE: Final = 60
"""Seconds that are remembered."""
JUST_NOW: Final = 2.0
"""Seconds that the present rate is measured over."""
BLOCKS: Final = "▁▂▃▄▅▆▇█"


class History:
    """Looks at a number, in order. Times are seconds on one clock."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, int]] = deque()

    def look(self, now: float, total: int) -> None:
        """The number is `total` now."""
        self._looks.append((now, total))
        # One of before that minute says what the number was when it began.
        while len(self._looks) > 2 and self._looks[1][0] <= now - MINUTE - 1:
            self._looks.popleft()

    def rate(self) -> float:
        """A second, just now."""
        if not self._looks:
            return 0.0
        now, total = self._looks[-1]
        since = max(now - JUST_NOW, self._looks[0][0])
        return (total - self._at(since)) / (now - since) if now > since else 0.0

    def seconds(self) -> list[float | None]:
        """How much it grew in each whole second of the last minute, the oldest first; None: nobody looked yet."""
        if not self._looks:
            return [None] * MINUTE
        # By the clock's own seconds, or what is drawn of them would change from look to look.
        end = math.floor(self._looks[-1][0])
        begin = self._looks[0][0]
        edges = [self._at(at) if at >= begin else None for at in range(end - MINUTE, end + 1)]
        return [None if before is None or after is None else after - before for before, after in pairwise(edges)]

    def _at(self, time: float) -> float:
        """What the number was, where it grew evenly between two looks. `time` is between the first and the last."""
        place = bisect_left(self._looks, (time, -1))
        later, more = self._looks[min(place, len(self._looks) - 1)]
        if later <= time or place == 0:
            return more
        earlier, less = self._looks[place - 1]
        return less + (more - less) * (time - earlier) / (later - earlier)


def sparkline(numbers: Sequence[float | None]) -> str:
    """A block for each number, as high as it is beside the largest; a space for none, and the lowest block for zero alone."""
    most = max((number for number in numbers if number is not None), default=0.0)
    return "".join(" " if number is None else BLOCKS[_height(number, most)] for number in numbers)


def _height(number: float, most: float) -> int:
    if not number > 0:
        return 0
    return max(1, min(len(BLOCKS) - 1, math.ceil(number / most * (len(BLOCKS) - 1))))
