"""`pushwire tail`: a provider's events as lines, or on a terminal in a live view. An event is ACKed once its line has left this
process, or once the view has taken it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, TypeAlias

import attrs
import trio

from ..core.acks import AckConfig
from ..core.describing import describe
from ..core.secrets import Secret
from ..shell.connect import connect
from ..shell.tally import StreamTally
from .advice import of_a_provider
from .feed import CONTROL, consume, wall_clock
from .logs import complain, warnings_told
from .output import Output, as_json, as_text
from .running import Ending
from .target import Target

__all__ = ["Tail"]

Shown: TypeAlias = Callable[[Sequence[object]], Awaitable[None]]

READY_WITHIN: Final = 30.0
"""Seconds that the first connection may take."""
PATIENT: Final = 3.0
"""Seconds after which it is told that it takes so long."""


@attrs.define
class Tail:
    """One run of the command. `count` (messages) and `seconds` end it; None: they do not. `live`: in a view, not as lines."""

    target: Target
    count: int | None
    seconds: float | None
    proxy: str | Secret | None
    journal: Path | None
    json: bool
    live: bool = False

    async def __call__(self, ending: Ending) -> int:
        """Show events until it is ended. Raises what `connect` and the stream raise, and `OSError` of standard output."""
        started = trio.current_time()

        async def show(batch: Sequence[object]) -> Sequence[object]:
            shown = self._within_count(batch)
            await put(shown)
            if self.count == 0:
                # What is not printed stays un-ACKed: the provider sends it again to whoever comes next.
                stream.stop()
            return shown

        within = READY_WITHIN if self.seconds is None else min(READY_WITHIN, self.seconds)
        async with AsyncExitStack() as stack:
            stack.enter_context(of_a_provider(self.target.provider))
            tally, put = await self._showing(stack, ending)
            stream = await stack.enter_async_context(
                connect(self.target.config, ready_within=within, proxy=self.proxy, journal=self.journal, observer=tally)
            )
            if self.seconds is not None:
                ending.after(started + self.seconds - trio.current_time(), stream.stop)
            for command in self.target.commands:
                await stream.call(command)
            ending.gently = stream.stop
            await consume(stream, self.target.config, show)
        return 0

    async def _showing(self, stack: AsyncExitStack, ending: Ending) -> tuple[StreamTally, Shown]:
        """Who watches the stream, and what shows its events."""
        provider = self.target.provider
        if not self.live:
            stack.enter_context(warnings_told(complain))
            tally = StreamTally()
            ending.after(PATIENT, lambda: self._tell_of_waiting(tally))
            return tally, self._lines(Output())
        from .live import Watch, live_view

        watch = Watch(provider, acks=isinstance(self.target.config, AckConfig))
        await stack.enter_async_context(live_view(f"pushwire tail {provider}", [watch], complain))

        async def put(events: Sequence[object]) -> None:
            watch.keep(events)

        return watch.tally, put

    def _tell_of_waiting(self, tally: StreamTally) -> None:
        """Where nothing comes and nothing is said, nobody knows what is the matter."""
        status = tally.status
        if status is not None and not tally.kinds:
            said = status.session.last_error
            complain(f"{self.target.provider}: not ready yet, {status.session.phase.value}" + (f" ({said})" if said else ""))

    def _lines(self, output: Output) -> Shown:
        shown = as_json if self.json else as_text

        async def put(events: Sequence[object]) -> None:
            wall = wall_clock()
            await output.write(shown(describe(self.target.provider, event, wall)) for event in events)

        return put

    def _within_count(self, batch: Sequence[object]) -> Sequence[object]:
        """The events up to the last message that may still be printed."""
        if self.count is None:
            return batch
        for position, event in enumerate(batch, 1):
            self.count -= not isinstance(event, CONTROL)
            if self.count == 0:
                return batch[:position]
        return batch
