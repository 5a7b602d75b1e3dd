"""Rate limits of REST calls: how many may be under way or just over, and whose turn it is.

Pure: time is an argument, and waiting is the shell's. A call holds its place from before it is sent until `per` seconds after its
answer came. Wherever in between the provider counts it, and however the network squeezes calls together, it never counts more
than `count` within `per` seconds.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence

import attrs

from ..errors import LocalProtocolError
from .config import check_all, checked, count, seconds

__all__ = ["Buckets", "Place", "RateLimit"]


@attrs.frozen
class RateLimit:
    """At most `count` calls within any `per` seconds. Raises `ConfigError`."""

    count: int = attrs.field(metadata=checked(count))
    per: float = attrs.field(metadata=checked(seconds))

    def __attrs_post_init__(self) -> None:
        check_all(self)


@attrs.define(eq=False)
class Place:
    """One call's place in its buckets, waiting or granted."""

    names: tuple[str, ...]
    granted: bool = False


class _Bucket:
    """One limit: the calls under way, and until when each finished one counts, oldest first."""

    __slots__ = ("_ends", "_limit", "closed_until", "under_way")

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._ends: deque[float] = deque()
        self.under_way = 0
        self.closed_until = -math.inf

    def opens(self, now: float) -> float:
        """When there is room, at most `now` where there is; infinity where a call must end first."""
        while self._ends and self._ends[0] <= now:
            self._ends.popleft()
        if self.under_way + len(self._ends) < self._limit.count:
            return self.closed_until
        return max(self._ends[0], self.closed_until) if self._ends else math.inf

    def finished(self, now: float) -> None:
        self._ends.append(now + self._limit.per)


class Buckets:
    """The limits, by name, and the calls that wait for a place. Who came first goes first, in each bucket."""

    def __init__(self, limits: Mapping[str, RateLimit]) -> None:
        self._buckets = {name: _Bucket(limit) for name, limit in limits.items()}
        self._queue: dict[Place, None] = {}

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._buckets)

    @property
    def first(self) -> Place | None:
        """Who has waited longest."""
        return next(iter(self._queue), None)

    def join(self, names: Sequence[str]) -> Place:
        """Queue up for a place in all these buckets at once. Raises `LocalProtocolError` for a name without a limit."""
        unknown = sorted(set(names) - self._buckets.keys())
        if unknown:
            raise LocalProtocolError(f"no rate limit is called {', '.join(unknown)}")
        place = Place(tuple(dict.fromkeys(names)))
        self._queue[place] = None
        return place

    def grant(self, now: float) -> list[Place]:
        """Those whose turn has come, in order."""
        granted: list[Place] = []
        taken: set[str] = set()
        for place in self._queue:
            if taken.isdisjoint(place.names) and self._opens(place, now) <= now:
                place.granted = True
                granted.append(place)
                for name in place.names:
                    self._buckets[name].under_way += 1
            else:
                taken.update(place.names)
        for place in granted:
            del self._queue[place]
        return granted

    def leave(self, place: Place, now: float, *, counts: bool) -> None:
        """The call is over, or was given up while waiting. `counts`: the provider may have seen it."""
        if not place.granted:
            del self._queue[place]
            return
        for name in place.names:
            bucket = self._buckets[name]
            bucket.under_way -= 1
            if counts:
                bucket.finished(now)

    def close(self, names: Sequence[str], until: float) -> None:
        """The provider wants no more calls of this kind until then."""
        for name in names:
            bucket = self._buckets[name]
            bucket.closed_until = max(bucket.closed_until, until)

    def next_grant(self, now: float) -> float:
        """When `grant` is worth calling again, if no call ends before; infinity: not before one does."""
        soonest = math.inf
        taken: set[str] = set()
        for place in self._queue:
            if taken.isdisjoint(place.names):
                soonest = min(soonest, self._opens(place, now))
            taken.update(place.names)
        return soonest

    def _opens(self, place: Place, now: float) -> float:
        return max((self._buckets[name].opens(now) for name in place.names), default=-math.inf)
