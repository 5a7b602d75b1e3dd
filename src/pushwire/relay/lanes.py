"""What the loop keeps of its entries: a lane per partition, in order, and what each stream holds and is owed.

Nothing here knows of sinks or time-outs; `loop` decides when to write and what an answer means.
"""

from __future__ import annotations

import enum
from collections import deque
from typing import Final

import attrs

from ..core.config import check_all, checked, count, seconds
from .entries import Entry

__all__ = ["Lane", "Limits", "Slot", "Source", "Stage"]


@attrs.frozen(kw_only=True)
class Limits:
    """How the loop batches and how much it keeps. Times are seconds, sizes bytes; `max_...` are for each stream.

    Raises `ConfigError` naming every wrong field.
    """

    batch_events: int = attrs.field(default=500, metadata=checked(count))
    batch_bytes: int = attrs.field(default=1 << 20, metadata=checked(count))
    linger: float = attrs.field(default=0.02, metadata=checked(lambda value: None if value == 0 else seconds(value)))
    """How long a batch that is not full waits for more."""
    in_flight: int = attrs.field(default=1, metadata=checked(count))
    """Batches of one partition under way at a time. Above 1 a sink that fails may first store a later one."""
    max_events: int = attrs.field(default=10_000, metadata=checked(count))
    max_bytes: int = attrs.field(default=16 << 20, metadata=checked(count))

    def __attrs_post_init__(self) -> None:
        check_all(self)


class Stage(enum.Enum):
    """Where one entry stands."""

    WAITING = "waiting"
    WRITING = "writing"
    DONE = "done"


@attrs.define(eq=False)
class Slot:
    """One entry in its lane. `refused`: why the sink will never take it."""

    entry: Entry
    stage: Stage = Stage.WAITING
    refused: str | None = None
    since: float = 0.0


class Lane:
    """One partition. `window` holds what is not settled, in order of arrival; `waiting` the part of it to be written."""

    def __init__(self, source: Source, limits: Limits) -> None:
        self.source: Final = source
        self.in_flight: int = 0
        self._limits = limits
        self._window: deque[Slot] = deque()
        self._waiting: deque[Slot] = deque()
        self._waiting_bytes = 0

    @property
    def empty(self) -> bool:
        return not self._window

    @property
    def oldest(self) -> float | None:
        """When the oldest of what is not settled came; None: nothing is."""
        return self._window[0].since if self._window else None

    def add(self, entry: Entry, now: float) -> None:
        slot = Slot(entry, since=now)
        self._window.append(slot)
        self._waiting.append(slot)
        self._waiting_bytes += entry.size

    def due(self) -> float | None:
        """When the next batch must be written, None: there is nothing to write, or enough under way."""
        if not self._waiting or self.in_flight >= self._limits.in_flight:
            return None
        oldest = self._waiting[0].since
        full = len(self._waiting) >= self._limits.batch_events or self._waiting_bytes >= self._limits.batch_bytes
        return oldest if full else oldest + self._limits.linger

    def take(self) -> list[Slot]:
        """The next batch."""
        batch: list[Slot] = []
        size = 0
        while self._waiting and len(batch) < self._limits.batch_events:
            slot = self._waiting[0]
            if batch and size + slot.entry.size > self._limits.batch_bytes:
                break
            size += slot.entry.size
            slot.stage = Stage.WRITING
            batch.append(self._waiting.popleft())
        self._waiting_bytes -= size
        self.in_flight += 1
        return batch

    def give_back(self) -> None:
        """What was not stored waits again, in its old place."""
        self._waiting = deque(slot for slot in self._window if slot.stage is Stage.WAITING)
        self._waiting_bytes = sum(slot.entry.size for slot in self._waiting)

    def release(self) -> None:
        """Hand the source what may be ACKed: all up to the first entry that is not done."""
        window = self._window
        while window and window[0].stage is Stage.DONE:
            self.source.ready.append(window.popleft())


class Source:
    """One stream. What counts against its bounds counts until it is settled."""

    def __init__(self, name: str, limits: Limits, *, acks: bool) -> None:
        self.name: Final = name
        self.acks: Final = acks
        """Whether its provider wants to be told."""
        self.taking: bool = True
        self.events: int = 0
        self.bytes: int = 0
        self.ready: list[Slot] = []
        """Durable, or refused; to be settled."""
        self.settling: list[Slot] | None = None
        """What the driver was asked to settle."""
        self.retry_at: float | None = None
        self._limits = limits

    def add(self, entry: Entry) -> None:
        self.events += 1
        self.bytes += entry.size
        if self.events >= self._limits.max_events or self.bytes >= self._limits.max_bytes:
            self.taking = False

    def settled(self, slots: list[Slot]) -> None:
        self.events -= len(slots)
        self.bytes -= sum(slot.entry.size for slot in slots)
        if not self.taking and self.events <= self._limits.max_events // 2 and self.bytes <= self._limits.max_bytes // 2:
            self.taking = True
