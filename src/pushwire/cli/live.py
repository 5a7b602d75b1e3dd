"""The demo's table on a terminal: where each connection stands, and the last events."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import trio
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..core.describing import Line
from .output import as_text

if TYPE_CHECKING:
    from .demo import Show

__all__ = ["LiveTable"]

EVERY: Final = 0.25
"""Seconds between two looks."""

LINES: Final = 12
"""Of events, below the table."""

WINDOW: Final = 8
"""Looks that a rate is measured over."""


class LiveTable:
    """A table that follows the shows while the block runs."""

    def __init__(self, shows: Sequence[Show]) -> None:
        self._shows = shows
        # Rich's own refreshing would be a thread that reads what changes in ours.
        self._live = Live(auto_refresh=False)
        self._counts = {show.provider: deque[tuple[float, int]](maxlen=WINDOW) for show in shows}

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()

    async def keep_fresh(self) -> None:
        """Show how things stand, again and again; once more when cancelled."""
        try:
            while True:
                self._draw()
                await trio.sleep(EVERY)
        finally:
            self._draw()

    def _draw(self) -> None:
        table = Table("provider", "state", "rate", "messages", "un-ACKed", "reconnects", "last error", expand=True)
        for show in self._shows:
            table.add_row(*self._row(show))
        recent = [Text(as_text(line), no_wrap=True, overflow="ellipsis") for show in self._shows for line in self._last(show)]
        self._live.update(Group(table, *recent), refresh=True)

    def _last(self, show: Show) -> Sequence[Line]:
        """Its last events; fewer of each where there are more shows, so that all fit a screen."""
        return list(show.recent)[-max(1, LINES // len(self._shows)) :]

    def _row(self, show: Show) -> list[Text]:
        messages = show.tally.messages
        counts = self._counts[show.provider]
        counts.append((trio.current_time(), messages))
        (since, before), (now, _) = counts[0], counts[-1]
        rate = (messages - before) / (now - since) if now > since else 0.0
        if show.stream is None:
            cells = [show.provider, "starting", "", "", "", "", ""]
        else:
            session = show.stream.status.session
            cells = [
                show.provider,
                session.phase.value,
                f"{rate:.0f}/s",
                str(messages),
                str(session.unacked),
                str(show.tally.reconnects),
                session.last_error or "",
            ]
        return [Text(cell, overflow="ellipsis", no_wrap=True) for cell in cells]
