"""`pushwire tail`: the events of one provider, or of several, as lines, or on a terminal in a live view.

An event is ACKed once its line has left this process, or once the view has taken it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, nullcontext
from pathlib import Path
from typing import Final, TypeAlias

import attrs
import trio

from ..core.acks import AckConfig
from ..core.describing import describe
from ..core.secrets import Secret
from ..shell.connect import connect
from ..shell.stream import Stream
from ..shell.tally import StreamTally
from .advice import of_a_provider, of_a_subscription, of_one_among_several
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


@attrs.define(eq=False)
class _Connection:
    """One of those that are shown: who watches its stream, and what shows its events."""

    target: Target
    tally: StreamTally
    put: Shown
    stream: Stream[object] | None = None
    beginning: trio.CancelScope = attrs.Factory(trio.CancelScope)
    """As long as there is no `stream`, and nothing to be put in order."""

    def stop(self) -> None:
        """End it. What was not shown stays un-ACKed: the provider sends it again to whoever comes next."""
        if self.stream is None:
            self.beginning.cancel()
        else:
            self.stream.stop()


@attrs.define
class Tail:
    """One run of the command. `count` (messages of all) and `seconds` end it; None: they do not. `live`: in a view."""

    targets: Sequence[Target]
    count: int | None
    seconds: float | None
    proxy: str | Secret | None
    journal: Path | None
    json: bool
    live: bool = False

    async def __call__(self, ending: Ending) -> int:
        """Show events until it is ended. Raises the first of what `connect` and the streams raise, when the others have ended in
        good order, and `OSError` of standard output."""
        until = None if self.seconds is None else trio.current_time() + self.seconds
        failures: list[Exception] = []
        async with AsyncExitStack() as stack:
            connections = await self._showing(stack, ending)

            def stop() -> None:
                for connection in connections:
                    connection.stop()

            async def play(connection: _Connection) -> None:
                try:
                    with connection.beginning:
                        await self._play(connection, ending, until, stop)
                except Exception as error:  # noqa: BLE001 - raised again below, outside the nursery, so that it arrives bare
                    failures.append(error)
                    stop()

            ending.gently = stop
            async with trio.open_nursery() as nursery:
                for connection in connections:
                    nursery.start_soon(play, connection)
            if failures:
                raise failures[0]
        return 0

    async def _play(self, connection: _Connection, ending: Ending, until: float | None, stop: Callable[[], None]) -> None:
        """One connection, to its end. `stop` ends all."""
        target = connection.target

        async def show(batch: Sequence[object]) -> Sequence[object]:
            shown = self._within_count(batch)
            await connection.put(shown)
            if self.count == 0:
                stop()
            return shown

        within = READY_WITHIN if self.seconds is None else min(READY_WITHIN, self.seconds)
        named = of_one_among_several(target.name) if len(self.targets) > 1 else nullcontext()
        with named, of_a_provider(target.provider):
            async with connect(
                target.config, ready_within=within, proxy=self.proxy, journal=self.journal, observer=connection.tally
            ) as stream:
                if until is not None:
                    ending.after(until - trio.current_time(), connection.stop)
                with of_a_subscription(target.provider):
                    for command in target.commands:
                        await stream.call(command)
                connection.stream = stream
                await consume(stream, target.config, show)

    async def _showing(self, stack: AsyncExitStack, ending: Ending) -> Sequence[_Connection]:
        """The connections, with who watches each, and what shows its events."""
        if not self.live:
            stack.enter_context(warnings_told(complain))
            output = Output()
            connections = [_Connection(target, StreamTally(), self._lines(target.name, output)) for target in self.targets]
            ending.after(PATIENT, lambda: _tell_of_waiting(connections))
            return connections
        from .live import Watch, live_view

        watches = [Watch(target.name, acks=isinstance(target.config, AckConfig)) for target in self.targets]
        title = " ".join(("pushwire tail", *(target.name for target in self.targets)))
        await stack.enter_async_context(live_view(title, watches, complain))
        return [_Connection(target, watch.tally, watch.take) for target, watch in zip(self.targets, watches, strict=True)]

    def _lines(self, name: str, output: Output) -> Shown:
        shown = as_json if self.json else as_text

        async def put(events: Sequence[object]) -> None:
            wall = wall_clock()
            await output.write(shown(describe(name, event, wall)) for event in events)

        return put

    def _within_count(self, batch: Sequence[object]) -> Sequence[object]:
        """The events up to the last message that may still be shown."""
        if self.count is None:
            return batch
        if self.count == 0:
            return ()
        for position, event in enumerate(batch, 1):
            self.count -= not isinstance(event, CONTROL)
            if self.count == 0:
                return batch[:position]
        return batch


def _tell_of_waiting(connections: Sequence[_Connection]) -> None:
    """Where nothing comes and nothing is said, nobody knows what is the matter."""
    for connection in connections:
        tally = connection.tally
        status = tally.status
        if status is not None and not tally.kinds:
            said = status.session.last_error
            complain(f"{connection.target.name}: not ready yet, {status.session.phase.value}" + (f" ({said})" if said else ""))
