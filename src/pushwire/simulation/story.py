"""What happened, for a reader: written only where somebody wants to read it."""

from __future__ import annotations

from collections.abc import Callable

from ..core.effects import Settled

__all__ = ["Story", "answered"]


class Story:
    """Lines in the order of events; none where it is not `wanted`."""

    def __init__(self, *, wanted: bool) -> None:
        self._wanted = wanted
        self.lines: list[str] = []

    def tell(self, now: float, who: str, what: Callable[[], str]) -> None:
        """`now` is seconds in the simulation."""
        if self._wanted:
            self.lines.append(f"{now:10.3f}  {who:<7} {what()}")


def answered(settled: Settled) -> str:
    """How a command ended."""
    if settled.error is None:
        return f"answers {settled.ticket.serial}"
    return f"answers {settled.ticket.serial} with {type(settled.error).__name__}: {settled.error}"
