"""What was missed and will not come again: from when on something is missing, and when that is told. No clock, no connection."""

from __future__ import annotations

from .events import Gap

__all__ = ["Gaps"]


class Gaps:
    """The gap of one session, through all its connections. `now` is the machine's clock, walls are POSIX seconds."""

    __slots__ = ("_complete_until", "_partly_told", "since")

    def __init__(self) -> None:
        self.since: float | None = None
        """Since when something is missing that has not been told in full. A plain attribute: it is looked at with every read."""
        self._complete_until = 0.0
        self._partly_told = False

    def complete_until(self, now: float) -> None:
        """All that the peer sent before `now` on this connection has come."""
        self._complete_until = now

    def lost(self, wall_offset: float) -> None:
        """The connection has gone: something is missing, or more than before. `wall_offset` is `wall - now`."""
        self._partly_told = False
        if self.since is None:
            self.since = self._complete_until + wall_offset

    def tell(self, now: float, wall: float, *, complete: bool) -> Gap | None:
        """Nothing waits to be restored: what the caller loads from then on is complete. Where something could not be restored for
        now it is not (`complete`), and the gap is told once more when that has been. None: nothing new is to be told."""
        if self.since is None or (self._partly_told and not complete):
            return None
        # The wall clock may have been set back meanwhile.
        gap = Gap(now, min(self.since, wall), wall)
        self._partly_told = True
        if complete:
            self.since = None
            self._complete_until = now  # whoever loads what is missing has all until then
        return gap
