"""One stream, counted: an `Observer` whose numbers metrics and live views show.

It costs a step a read, not one an event, but for what a batch must be asked one by one. What it keeps is bounded, whatever a peer
sends. How the numbers are named elsewhere is not decided here.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Final, NamedTuple, cast

import trio

from ..core.describing import kind_of
from ..core.effects import Close
from ..core.events import CONTROL, Down, Gap, Stale, Up
from .observer import Observed, StreamStatus

__all__ = ["REASONS", "TOPICS", "Ended", "StreamTally"]

TOPICS: Final = 100
"""Silent topics that are named; the others are counted."""
REASONS: Final = 32
"""Ways of a connection to end that are told apart: a peer chooses its close codes."""

_delivery: Final = attrgetter("delivery")


class Ended(NamedTuple):
    """How connections ended: `by` "us", "peer", "http" (a refusal), "transport" or "other"; `code` the close code or HTTP status,
    empty where there was none."""

    by: str
    code: str


OTHER: Final = Ended("other", "")


class StreamTally:
    """An `Observer` for one stream. `wall` gives POSIX seconds."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._config: Observed | None = None
        self._look: Callable[[], StreamStatus] | None = None
        self._types: Counter[type] = Counter()
        self._last: object = None
        self._silent: dict[Hashable, float] = {}
        self.down_since: float | None = None
        """Since when the stream has not been ready, on trio's clock; None: it is, or has not begun."""
        self.deliveries: Counter[str] = Counter()
        """Messages that are ACKed, by why they were delivered (`core.events.Delivery`)."""
        self.ended_by: Counter[Ended] = Counter()
        """Connections that were ready and are no longer, by how they ended."""
        self.gaps: float = 0.0
        """Seconds that gaps cover, together."""
        self.last_at: float | None = None
        """POSIX seconds at which the last message came."""

    # As an observer

    def began(self, config: Observed, status: Callable[[], StreamStatus]) -> None:
        self._config, self._look = config, status
        self.down_since = trio.current_time()

    def saw(self, events: Sequence[object]) -> None:
        types = Counter(map(type, events))
        for kind, count in types.items():
            self._types[kind] += count
            if hasattr(kind, "delivery"):
                self.deliveries.update(map(_delivery, events if count == len(events) else _of(kind, events)))
        if self._silent or not CONTROL.isdisjoint(types):
            self._follow(events)
        last = next((event for event in reversed(events) if type(event) not in CONTROL), None)
        if last is not None:
            self._last = last
            self.last_at = self._wall()

    def ended(self, failure: Exception | None) -> None:
        self._silent.clear()
        if self.down_since is None:
            self.down_since = trio.current_time()

    # To be read

    @property
    def status(self) -> StreamStatus | None:
        """Where the stream stands; None: it has not begun."""
        return None if self._look is None else self._look()

    @property
    def kinds(self) -> Mapping[str, int]:
        """Events by their kinds, control events among them."""
        return {kind_of(kind): count for kind, count in self._types.items()}

    @property
    def messages(self) -> int:
        """Events that are messages."""
        return sum(count for kind, count in self._types.items() if kind not in CONTROL)

    @property
    def reconnects(self) -> int:
        """Times that the stream became ready, but for the first."""
        return max(0, self._types[Up] - 1)

    @property
    def lag(self) -> float | None:
        """Seconds from when the last message was sent, or happened, by the provider's clock, to when it came by ours. Below zero
        where the clocks differ. None: it does not say, or nothing came yet."""
        said = None if self._config is None or self._last is None else self._config.said_at(self._last)
        return None if said is None or self.last_at is None else self.last_at - said

    @property
    def silent_topics(self) -> int:
        """Topics that were reported as stale and had no data since."""
        return len(self._silent)

    def silences(self) -> Mapping[str, float]:
        """How long the silent topics have been so, in seconds: the longest first, `TOPICS` of them at most."""
        now = trio.current_time()
        longest = sorted(self._silent.items(), key=lambda item: item[1])[:TOPICS]
        return {_named(topic): now - since for topic, since in longest}

    # Within

    def _follow(self, events: Sequence[object]) -> None:
        """What must be seen one by one, in order."""
        for event in events:
            match event:
                case Up():
                    self.down_since = None
                case Down():
                    self.down_since = event.received
                    self._silent.clear()
                    how = _ended(event.close)
                    self.ended_by[how if how in self.ended_by or len(self.ended_by) < REASONS else OTHER] += 1
                case Gap():
                    self.gaps += event.until - event.since
                case Stale():
                    stale = cast("Stale[Hashable]", event)
                    self._silent[stale.topic] = stale.since
                case _ if self._silent and self._config is not None and type(event) not in CONTROL:
                    for topic in self._config.topics(event):
                        self._silent.pop(topic, None)
                case _:
                    pass


def _of(kind: type, events: Iterable[object]) -> Iterable[object]:
    return (event for event in events if type(event) is kind)


def _ended(close: Close | None) -> Ended:
    if close is None:
        return Ended("us", "")
    if close.status is not None:
        return Ended("http", str(close.status))
    return Ended("transport", "") if close.code is None else Ended(close.by, str(close.code))


def _named(topic: object) -> str:
    """A topic in a label: its parts that say something, and not too many characters."""
    parts = cast("tuple[object, ...]", topic) if isinstance(topic, tuple) else (topic,)
    return ":".join(str(part) for part in parts if part is not None)[:200]
