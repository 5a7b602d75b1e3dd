"""A terminal that is drawn on, and is given back as it was, however the command ends.

What is drawn goes out past the event loop, in a thread: a terminal that takes nothing (Ctrl-S) keeps no ping from its answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import trio
from rich.console import Console, RenderableType

from .output import Output

__all__ = ["Screen"]

ENTER: Final = "\x1b[?1049h\x1b[?25l"
"""The other screen, without a cursor."""
LEAVE: Final = "\x1b[?25h\x1b[?1049l"
HOME: Final = "\x1b[H"
ERASE_LINE: Final = "\x1b[2K"
ERASE_BELOW: Final = "\x1b[J"
LEAVING: Final = 2.0
"""Seconds that the terminal is waited for at the end."""


class Screen:
    """The terminal on standard output. `console` says what it can show: its size and colours (`NO_COLOR`)."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._output = Output()
        self._shown = ""
        # Nothing is drawn on a screen that is lent out.
        self._turn = trio.Lock()

    @property
    def size(self) -> tuple[int, int]:
        """Its columns and lines at the moment."""
        return self._console.size

    async def enter(self) -> None:
        """What was on it is kept until `leave`."""
        await self._output.put(ENTER)

    async def draw(self, picture: RenderableType) -> None:
        """Show this alone. Raises `OSError` where the terminal has gone."""
        # A line is erased before it is written: behind its last column there is no place to stand on.
        frame = HOME + "\r\n".join(ERASE_LINE + line for line in self._lines(picture)) + ERASE_BELOW
        async with self._turn:
            if frame != self._shown:
                self._shown = frame
                await self._output.put(frame)

    async def lend(self, suspend: Callable[[], None]) -> None:
        """Give it back for as long as `suspend` takes."""
        async with self._turn:
            await self._output.put(LEAVE)
            suspend()
            self._shown = ""
            await self._output.put(ENTER)

    async def leave(self, picture: RenderableType) -> None:
        """Give it back, with this at the end of what was on it. Never raises, and does not wait long."""
        with trio.CancelScope(shield=True, deadline=trio.current_time() + LEAVING):
            try:
                await self._output.put(LEAVE + "".join(f"{line}\n" for line in self._lines(picture)))
            except OSError:
                # It has gone; why the command ends is said elsewhere.
                return

    def _lines(self, picture: RenderableType) -> Sequence[str]:
        with self._console.capture() as captured:
            self._console.print(picture)
        return captured.get().rstrip("\n").split("\n")[: self.size[1]]
