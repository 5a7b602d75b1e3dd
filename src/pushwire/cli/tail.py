"""`pushwire tail`: a provider's events as lines. An event is ACKed once its line has left this process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs
import trio

from ..core.describing import describe
from ..core.secrets import Secret
from ..shell.connect import connect
from .feed import CONTROL, consume, wall_clock
from .output import Output, as_json, as_text
from .running import Ending
from .target import Target

__all__ = ["Tail"]

READY_WITHIN: Final = 30.0
"""Seconds that the first connection may take."""


@attrs.define
class Tail:
    """One run of the command. `count` (messages) and `seconds` end it; None: they do not."""

    target: Target
    count: int | None
    seconds: float | None
    proxy: str | Secret | None
    journal: str | None
    json: bool

    async def __call__(self, ending: Ending) -> int:
        """Print events until it is ended. Raises what `connect` and the stream raise, and `OSError` of standard output."""
        output = Output()
        started = trio.current_time()

        async def show(batch: Sequence[object]) -> Sequence[object]:
            shown = self._within_count(batch)
            wall = wall_clock()
            lines = (describe(self.target.provider, event, wall) for event in shown)
            await output.write(map(as_json if self.json else as_text, lines))
            if self.count == 0:
                # What is not printed stays un-ACKed: the provider sends it again to whoever comes next.
                stream.stop()
            return shown

        within = READY_WITHIN if self.seconds is None else min(READY_WITHIN, self.seconds)
        async with connect(self.target.config, ready_within=within, proxy=self.proxy, journal=self.journal) as stream:
            if self.seconds is not None:
                ending.after(started + self.seconds - trio.current_time(), stream.stop)
            for command in self.target.commands:
                await stream.call(command)
            ending.gently = stream.stop
            await consume(stream, self.target.config, show)
        return 0

    def _within_count(self, batch: Sequence[object]) -> Sequence[object]:
        """The events up to the last message that may still be printed."""
        if self.count is None:
            return batch
        for position, event in enumerate(batch, 1):
            self.count -= not isinstance(event, CONTROL)
            if self.count == 0:
                return batch[:position]
        return batch
