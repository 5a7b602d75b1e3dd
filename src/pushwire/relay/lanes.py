"""What the loop keeps of its entries: a lane per partition, in order, and what each stream holds and is owed.

Nothing here knows of sinks or time-outs; `loop` decides when to write and what an answer means. There is nothing that is made for
each entry: where all goes well, entries pass in batches.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Final

import attrs

from ..core.config import check_all, checked, count, seconds
from .entries import Answer, Entry, Outcome, Refused

__all__ = ["Batch", "Lane", "Limits", "Ready", "Source"]


@attrs.frozen(kw_only=True)
class Limits:
    """How the loop batches and how much it keeps. Times are seconds, sizes bytes; `max_...` are for each stream.

    Raises `ConfigError` naming every wrong field.
    """

    batch_events: int = attrs.field(default=500, metadata=checked(count))
    batch_bytes: int = attrs.field(default=2 << 20, metadata=checked(count))
    linger: float = attrs.field(default=0.02, metadata=checked(lambda value: None if value == 0 else seconds(value)))
    """How long a batch that is not full waits for more."""
    in_flight: int = attrs.field(default=1, metadata=checked(count))
    """Batches of one partition under way at a time. Above 1 a sink that fails may first store a later one."""
    max_events: int = attrs.field(default=10_000, metadata=checked(count))
    max_bytes: int = attrs.field(default=32 << 20, metadata=checked(count))

    def __attrs_post_init__(self) -> None:
        check_all(self)


@attrs.define(eq=False)
class Batch:
    """Entries of one lane that are written together. `numbers` are theirs in the lane, `bytes` is their size."""

    lane: Lane
    entries: tuple[Entry, ...]
    numbers: Sequence[int]
    bytes: int


@attrs.define(eq=False)
class Ready:
    """What may be settled, of one stream: durable, or refused with its reason."""

    stored: list[Entry] = attrs.Factory(list[Entry])
    refused: list[tuple[Entry, str]] = attrs.Factory(list[tuple[Entry, str]])
    bytes: int = 0
    oldest: float = math.inf
    """When the oldest of them came."""

    def __len__(self) -> int:
        return len(self.stored) + len(self.refused)

    def add(self, entry: Entry, refused: str | None, since: float) -> None:
        if refused is None:
            self.stored.append(entry)
        else:
            self.refused.append((entry, refused))
        self.bytes += entry.size
        self.oldest = min(self.oldest, since)

    def take_over(self, later: Ready) -> None:
        """What came ready later goes behind."""
        self.stored += later.stored
        self.refused += later.refused
        self.bytes += later.bytes
        self.oldest = min(self.oldest, later.oldest)


class Lane:
    """One partition, in order of arrival: its entries are numbered. Each waits, is being written, or is done; what is done stays
    here as long as one before it is not."""

    def __init__(self, source: Source, limits: Limits) -> None:
        self.source: Final = source
        self.in_flight: int = 0
        self._limits = limits
        self._next = 0
        self._released = 0
        """All below this number were handed to the source."""
        self._fresh: deque[Entry] = deque()
        """Never written yet: the last numbers there are."""
        self._again: deque[tuple[int, Entry]] = deque()
        """To be written once more, by number; all are older than those above."""
        self._done: dict[int, tuple[Entry, str | None]] = {}
        self._waiting_bytes = 0
        self._times: deque[tuple[int, float]] = deque()
        """From which number on entries came at which time."""

    @property
    def empty(self) -> bool:
        return self._released == self._next

    @property
    def oldest(self) -> float:
        """When the oldest came of what was not handed to the source; infinite: all was."""
        return math.inf if self.empty else self._times[0][1]

    def add(self, entry: Entry, size: int, now: float) -> None:
        times = self._times
        if not times or times[-1][1] != now:
            times.append((self._next, now))
        self._fresh.append(entry)
        self._next += 1
        self._waiting_bytes += size

    def due(self) -> float | None:
        """When the next batch must be written, None: there is nothing to write, or enough under way."""
        waiting = len(self._again) + len(self._fresh)
        if not waiting or self.in_flight >= self._limits.in_flight:
            return None
        oldest = self._came(self._again[0][0] if self._again else self._next - len(self._fresh))
        full = waiting >= self._limits.batch_events or self._waiting_bytes >= self._limits.batch_bytes
        return oldest if full else oldest + self._limits.linger

    def take(self) -> Batch:
        """The next batch."""
        most, room = self._limits.batch_events, self._limits.batch_bytes
        again, fresh = self._again, self._fresh
        entries: list[Entry] = []
        numbers: list[int] = []
        first = self._next - len(fresh)
        size = 0
        while (again or fresh) and len(entries) < most:
            entry = again[0][1] if again else fresh[0]
            if entries and size + entry.size > room:
                break
            size += entry.size
            entries.append(entry)
            if again:
                numbers.append(again.popleft()[0])
            else:
                fresh.popleft()
        self._waiting_bytes -= size
        self.in_flight += 1
        if numbers:
            numbers += range(first, self._next - len(fresh))
            return Batch(self, tuple(entries), numbers, size)
        return Batch(self, tuple(entries), range(first, first + len(entries)), size)

    def stored(self, batch: Batch) -> None:
        """All of a batch is durable. What may be settled now goes to the source."""
        if batch.numbers[0] == self._released and len(batch.numbers) == batch.numbers[-1] + 1 - self._released:
            ready = self.source.ready
            ready.oldest = min(ready.oldest, self._times[0][1])
            ready.stored += batch.entries
            ready.bytes += batch.bytes
            self._released += len(batch.entries)
            self._forget_times()
        else:
            self._done.update((number, (entry, None)) for number, entry in zip(batch.numbers, batch.entries, strict=True))
        self._release()

    def answered(self, batch: Batch, answers: Sequence[Answer]) -> None:
        """What became of each of a batch; where that is unknown, it waits again in its old place. What may be settled now goes to
        the source."""
        again: list[tuple[int, Entry]] = []
        for number, entry, answer in zip(batch.numbers, batch.entries, answers, strict=True):
            if answer is Outcome.UNKNOWN:
                again.append((number, entry))
                self._waiting_bytes += entry.size
            else:
                self._done[number] = (entry, answer.reason if isinstance(answer, Refused) else None)
        if again:
            self._again = deque(sorted((*self._again, *again), key=lambda waiting: waiting[0]))
        self._release()

    def _release(self) -> None:
        """Hand the source what may be settled: all up to the first entry that is not done."""
        while self._released in self._done:
            since = self._times[0][1]
            self.source.ready.add(*self._done.pop(self._released), since)
            self._released += 1
            self._forget_times()

    def _forget_times(self) -> None:
        times = self._times
        while len(times) > 1 and times[1][0] <= self._released:
            times.popleft()

    def _came(self, number: int) -> float:
        came = self._times[0][1]
        for first, at in self._times:
            if first > number:
                break
            came = at
        return came


class Source:
    """One stream. What counts against its bounds counts until it is settled."""

    def __init__(self, name: str, limits: Limits, *, acks: bool) -> None:
        self.name: Final = name
        self.acks: Final = acks
        """Whether its provider wants to be told."""
        self.taking: bool = True
        self.events: int = 0
        self.bytes: int = 0
        self.ready: Ready = Ready()
        self.settling: Ready | None = None
        """What the driver was asked to settle."""
        self.retry_at: float | None = None
        self._limits = limits

    @property
    def oldest(self) -> float:
        """When the oldest came of what is to be settled, and of what is being settled; infinite: there is nothing."""
        return min(self.ready.oldest, math.inf if self.settling is None else self.settling.oldest)

    def add(self, size: int) -> None:
        self.events += 1
        self.bytes += size
        if self.events >= self._limits.max_events or self.bytes >= self._limits.max_bytes:
            self.taking = False

    def settled(self, ready: Ready) -> None:
        self.events -= len(ready)
        self.bytes -= ready.bytes
        if not self.taking and self.events <= self._limits.max_events // 2 and self.bytes <= self._limits.max_bytes // 2:
            self.taking = True
