"""One run of the relay, counted: what became of events, and how long the sink and the ledger took.

It costs a step a batch. What it keeps is bounded. How the numbers are named elsewhere is not decided here.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Final

from ..shell.tally import StreamTally
from .entries import Answer, Outcome, Refused

__all__ = ["OUTCOMES", "Histogram", "RelayTally"]

BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds. A disk that syncs takes one or two milliseconds, a write is given up after half a minute."""

OUTCOMES: Final = (*(outcome.name.lower() for outcome in Outcome), "refused")
"""What may become of an entry; each `unknown` is one that is written again."""


class Histogram:
    """How often something took how long."""

    def __init__(self, bounds: Sequence[float] = BOUNDS) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.total: float = 0.0

    def add(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    @property
    def buckets(self) -> list[tuple[float, int]]:
        """How many were at most so long; the last bound is infinity."""
        return list(zip((*self._bounds, float("inf")), accumulate(self._counts), strict=True))


class RelayTally:
    """Told by the relay's shell, read by whoever shows it. `wall` gives POSIX seconds."""

    def __init__(self, streams: Iterable[str], wall: Callable[[], float] = time.time) -> None:
        self.streams: Final = {name: StreamTally(wall) for name in streams}
        self.outcomes: Final = {name: Counter[str]() for name in self.streams}
        """By stream, by the names of `OUTCOMES`."""
        self.writes: Final = Histogram()
        """Seconds that batches took which the sink has answered."""
        self.unknown_writes: int = 0
        """Batches that it has not."""
        self.commits: Final = Histogram()
        """Seconds that settling took in the ledger, where it succeeded."""
        self.store_errors: Final = Counter[str]()
        """Attempts at it that failed, by stream."""
        self.opened: int = 0
        self.open_failures: int = 0
        self.backoffs: int = 0

    def wrote(self, stream: str, answers: Sequence[Answer] | None, number: int, seconds: float) -> None:
        """A batch of so many entries was answered for, or not (None)."""
        outcomes = self.outcomes[stream]
        if answers is None or len(answers) != number:
            self.unknown_writes += 1
            outcomes["unknown"] += number
            return
        self.writes.add(seconds)
        stored = answers.count(Outcome.STORED)
        outcomes["stored"] += stored
        if stored != number:
            for answer in answers:
                if answer is not Outcome.STORED:
                    outcomes["refused" if isinstance(answer, Refused) else answer.name.lower()] += 1

    def settled(self, stream: str, done: bool, seconds: float) -> None:
        """The ledger has finished a batch, or could not."""
        if done:
            self.commits.add(seconds)
        else:
            self.store_errors[stream] += 1
