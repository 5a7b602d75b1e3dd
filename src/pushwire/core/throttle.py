"""When the next command may leave: the rate of all, the rates of some kinds, and the times that a provider asks us to wait."""

from __future__ import annotations

import math
from collections.abc import Callable

from .commands import AnyCommand
from .pacing import Pacer

__all__ = ["Throttle"]


class Throttle:
    """What holds commands back, in seconds on the machine's clock. `limit` gives the bucket of a kind with a rate of its own."""

    __slots__ = ("_all", "_held_until", "_limit", "due")

    def __init__(self, pacer: Pacer, limit: Callable[[AnyCommand], Pacer | None]) -> None:
        self._all = pacer
        self._limit = limit
        self._held_until = -math.inf
        self.due: float = math.inf
        """When to look again at what was held back since `look`; `math.inf`: nothing was."""

    def look(self) -> None:
        """All that waits is looked at from the start."""
        self.due = math.inf

    def hold(self, until: float) -> None:
        """The provider asks for no command before `until`."""
        self._held_until = max(self._held_until, until)

    def holds_all(self, now: float) -> bool:
        """Whether no command may leave at all."""
        held = now < self._held_until
        if held:
            self.due = min(self.due, self._held_until)
        return held

    def holds(self, command: AnyCommand, now: float) -> bool:
        """Whether the rate of its own kind holds a command back; others may pass it."""
        bucket = self._limit(command)
        if bucket is None or (free := bucket.available(now)) <= now:
            return False
        self.due = min(self.due, free)
        return True

    def take(self, now: float) -> bool:
        """Take a place in the rate of all for a command, if there is one."""
        taken = self._all.take(now)
        if not taken:
            self.due = min(self.due, self._all.available(now))
        return taken

    def urgent(self, now: float, frames: int) -> None:
        """So many heartbeats or ACKs leave: they are never held back, but they count."""
        self._all.take_anyway(now, frames)

    def left(self, command: AnyCommand, now: float) -> None:
        """A command leaves: it counts against the rate of its own kind."""
        bucket = self._limit(command)
        if bucket is not None:
            bucket.take(now)
