"""The fallback poll: when a query, whose last answer may be out of date, is fetched again.

`Fallback` is the schedule of one query. It fetches nothing and knows no clock: it is told what happened, and says whether a fetch
is to begin. There is never more than one at a time.
"""

from __future__ import annotations

import enum
import math
import random
from typing import Final

from .backoff import Backoff, BackoffPolicy
from .transitions import Table

__all__ = ["FALLBACK", "Fallback", "Freshness", "FreshnessTrigger"]


class Freshness(enum.Enum):
    """What is known of a query's answer."""

    WANTED = "wanted"
    FETCHING = "fetching"
    OUTDATED = "fetching, out of date already"
    FRESH = "fresh"
    BACKING_OFF = "backing off"


class FreshnessTrigger(enum.Enum):
    """What moves it on."""

    BEGIN = "fetch begins"
    FETCHED = "fetched"
    FAILED = "fetch failed"
    GIVEN_UP = "fetch given up"
    INVALIDATED = "invalidated"
    RECONNECTED = "reconnected"
    DUE = "time is up"


def _rows() -> dict[tuple[Freshness, FreshnessTrigger], Freshness]:
    s, t = Freshness, FreshnessTrigger
    rows = {
        (s.WANTED, t.BEGIN): s.FETCHING,
        (s.FETCHING, t.FETCHED): s.FRESH,
        (s.OUTDATED, t.FETCHED): s.WANTED,
        (s.FETCHING, t.FAILED): s.BACKING_OFF,
        # The next attempt will see what the last would have missed.
        (s.OUTDATED, t.FAILED): s.BACKING_OFF,
        (s.FETCHING, t.GIVEN_UP): s.WANTED,
        (s.OUTDATED, t.GIVEN_UP): s.WANTED,
        (s.FRESH, t.DUE): s.WANTED,
        (s.BACKING_OFF, t.DUE): s.WANTED,
        # What fails is spared a storm of events; a connection that is there again is a reason to try.
        (s.BACKING_OFF, t.INVALIDATED): s.BACKING_OFF,
        (s.BACKING_OFF, t.RECONNECTED): s.WANTED,
    }
    for trigger in (t.INVALIDATED, t.RECONNECTED):
        rows[s.WANTED, trigger] = rows[s.FRESH, trigger] = s.WANTED
        rows[s.FETCHING, trigger] = rows[s.OUTDATED, trigger] = s.OUTDATED
    return rows


FALLBACK: Final = Table(
    "query",
    Freshness.WANTED,
    _rows(),
    {
        Freshness.WANTED: "a fetch is to begin",
        Freshness.FETCHING: "a fetch is under way",
        Freshness.OUTDATED: "a fetch is under way",
        Freshness.FRESH: "no fetch is under way",
        Freshness.BACKING_OFF: "no fetch is under way",
    },
)
"""The way of one query."""


class Fallback:
    """The schedule of one query: wanted at first, then `every` so many seconds after its last answer, and when it is told so."""

    def __init__(self, every: float, *, rng: random.Random, backoff: BackoffPolicy | None = None) -> None:
        self._every = every
        self._rng = rng
        self._policy = backoff or BackoffPolicy()
        self._backoff = Backoff(self._policy, rng)
        self._state = FALLBACK.initial
        self._due = math.inf

    @property
    def state(self) -> Freshness:
        """What is known of the answer."""
        return self._state

    def begin(self) -> bool:
        """Whether a fetch is to begin now. True: it has begun, and `fetched`, `failed` or `given_up` ends it."""
        wanted = self._state is Freshness.WANTED
        if wanted:
            self._to(FreshnessTrigger.BEGIN)
        return wanted

    def fetched(self, now: float) -> None:
        """The fetch gave an answer."""
        self._to(FreshnessTrigger.FETCHED)
        self._backoff = Backoff(self._policy, self._rng)
        self._due = now + self._every

    def failed(self, now: float) -> None:
        """The fetch gave none: it is tried again after a back-off."""
        self._to(FreshnessTrigger.FAILED)
        self._due = now + self._backoff.delay()

    def given_up(self) -> None:
        """Whoever fetched was cancelled: the answer is wanted as before."""
        self._to(FreshnessTrigger.GIVEN_UP)

    def invalidated(self) -> None:
        """What was fetched last, or is being fetched, is out of date."""
        self._to(FreshnessTrigger.INVALIDATED)

    def reconnected(self) -> None:
        """What would have invalidated it may have been missed."""
        self._to(FreshnessTrigger.RECONNECTED)

    def handle_timer(self, now: float) -> None:
        """Do what is due at `now`; harmless when nothing is."""
        if self.next_deadline() <= now:
            self._to(FreshnessTrigger.DUE)

    def next_deadline(self) -> float:
        """When `handle_timer` must be called at the latest; `math.inf`: nothing is waited for."""
        return self._due if self._state in {Freshness.FRESH, Freshness.BACKING_OFF} else math.inf

    def _to(self, trigger: FreshnessTrigger) -> None:
        self._state = FALLBACK.next(self._state, trigger)
