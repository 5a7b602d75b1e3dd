"""Named deadlines of one machine. A timer is a name and the time it is due; at most a handful are armed at once."""

from __future__ import annotations

import math

__all__ = ["Timers"]


class Timers:
    """Deadlines by name, in seconds on the machine's clock. Arming a name again moves it."""

    __slots__ = ("_due",)

    def __init__(self) -> None:
        self._due: dict[str, float] = {}

    def arm(self, name: str, due: float) -> None:
        self._due[name] = due

    def disarm(self, *names: str) -> None:
        """Forget these; those that are not armed are passed over."""
        for name in names:
            self._due.pop(name, None)

    def clear(self) -> None:
        self._due.clear()

    def next(self) -> float:
        """The earliest deadline, `math.inf` when none is armed."""
        return min(self._due.values(), default=math.inf)

    def pop_due(self, now: float) -> list[str]:
        """Take the names that are due at `now`, earliest first; they are no longer armed."""
        due = sorted((at, name) for name, at in self._due.items() if at <= now)
        for _, name in due:
            del self._due[name]
        return [name for _, name in due]

    def due(self, name: str) -> float | None:
        """When `name` is due, None when it is not armed."""
        return self._due.get(name)
