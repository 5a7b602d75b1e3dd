"""The live view of `tail` and `demo` on a terminal: who watches a connection, and what draws that a few times a second.

An event costs next to nothing here: it is counted, and kept while it is one of the last. Only those that are drawn are described.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import trio

from ..core.describing import Line, describe
from ..core.events import CONTROL
from ..shell.tally import StreamTally
from .feed import wall_clock
from .logs import leave_untold, warnings_told
from .rates import History
from .screen import Screen
from .view import EVENTS, Row, Snapshot, render

__all__ = ["Watch", "live_view"]

EVERY: Final = 0.25
"""Seconds between two pictures."""
WARNINGS: Final = 100
"""That are kept until the terminal is given back."""


SUSPEND: Final = (signal.SIGTSTP,) if sys.platform != "win32" else ()
"""Ctrl-Z."""


class Watch:
    """One connection. Its `tally` is the observer for `connect`; `acks`: whether its provider wants ACKs."""

    def __init__(self, name: str, *, acks: bool) -> None:
        self.name = name
        self.tally: StreamTally = StreamTally()
        self._acks = acks
        self._history = History()
        self._kept = 0
        self._last: deque[tuple[int, object]] = deque(maxlen=EVENTS)
        # What happened to the connection would be gone at once among thousands of messages.
        self._last_control: deque[tuple[int, object]] = deque(maxlen=EVENTS // 2)

    def keep(self, events: Sequence[object]) -> None:
        """These were taken; the last of them are shown."""
        numbered = enumerate(events, self._kept)
        self._last_control.extend((number, event) for number, event in numbered if type(event) in CONTROL)
        self._kept += len(events)
        last = events[-EVENTS:]
        self._last.extend(enumerate(last, self._kept - len(last)))

    async def take(self, events: Sequence[object]) -> None:
        """The same, for whoever waits until events were shown."""
        self.keep(events)

    def lines(self, count: int) -> Sequence[Line]:
        """The last events, up to `count`, the newest at the end; up to half of them tell of the connection, where some do."""
        chosen = dict(list(self._last_control)[-(count // 2) :] if count > 1 else ())
        for number, event in reversed(self._last):
            if len(chosen) >= count:
                break
            chosen[number] = event
        wall = wall_clock()
        return [describe(self.name, chosen[number], wall) for number in sorted(chosen)]

    def row(self, now: float) -> Row:
        """How things stand. `now` is seconds on trio's clock, no earlier than before."""
        tally = self.tally
        status = tally.status
        self._history.look(now, tally.messages)
        if status is None:
            return Row(self.name, None)
        session = status.session
        return Row(
            self.name,
            session.phase,
            rate=self._history.rate(),
            messages=tally.messages,
            lag=tally.lag,
            unacked=session.unacked if self._acks else None,
            reconnects=tally.reconnects,
            error=session.store_error or session.last_error or "",
            next_dial=None if session.next_dial is None else session.next_dial - now,
            silent=tally.silent_topics,
            history=self._history.seconds(),
        )


@asynccontextmanager
async def live_view(
    title: str, watches: Sequence[Watch], tell: Callable[[str], None] | None = None
) -> AsyncGenerator[None, None]:
    """Draw on the terminal while the block runs; then it is as before, with the last picture on it.

    Warnings of the library are shown there too, the last one at a time, and handed to `tell` at the end; where that is None they
    are left out. Raises `OSError` where the terminal goes away.
    """
    screen = Screen()
    warnings: deque[str] = deque(maxlen=WARNINGS)
    started = trio.current_time()

    def moment() -> Snapshot:
        now = trio.current_time()
        share = max(1, EVENTS // len(watches))
        lines = sorted((line for watch in watches for line in watch.lines(share)), key=lambda line: line.at)
        rows = [watch.row(now) for watch in watches]
        return Snapshot(title, now - started, rows, lines, warnings[-1] if warnings else "")

    async def lend() -> None:
        with trio.open_signal_receiver(*SUSPEND) as signals:
            async for _ in signals:
                await screen.lend(_suspend)

    async def keep_fresh() -> None:
        while True:
            await screen.draw(render(moment(), *screen.size))
            await trio.sleep(EVERY)

    failure: BaseException | None = None
    try:
        with warnings_told(leave_untold if tell is None else warnings.append):
            await screen.enter()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(keep_fresh)
                nursery.start_soon(lend)
                try:
                    yield
                except BaseException as error:  # noqa: BLE001 - raised below, outside the nursery, so that it arrives bare
                    failure = error
                nursery.cancel_scope.cancel()
    finally:
        await screen.leave(render(moment(), *screen.size))
        if tell is not None:
            for line in warnings:
                tell(line)
    if failure is not None:
        try:
            raise failure
        finally:
            del failure


def _suspend() -> None:
    """As the signal would have done; this goes on when the shell says so (`fg`)."""
    os.kill(os.getpid(), signal.SIGSTOP)
