"""How a command runs and is ended: a trio run, with signals that end it in good order.

The first SIGINT or SIGTERM asks gently, where the command has said how; the second ends it at once.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import trio

from ..shell.warner import LOGGER as STREAMS

__all__ = ["Ending", "run"]


class Ending:
    """How a running command is asked to end."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self.gently: Callable[[], None] | None = None
        """Ends the command in good order; None: there is nothing yet to be put in order."""
        self.signal: int | None = None
        """The first signal that came."""

    def on_signal(self, number: int) -> None:
        first = self.signal is None
        self.signal = self.signal or number
        if first and self.gently is not None:
            self.gently()
        else:
            self._nursery.cancel_scope.cancel()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Call `action` in `seconds`, if the command still runs then."""
        self._nursery.start_soon(_later, seconds, action)


Program: TypeAlias = Callable[[Ending], Awaitable[int]]


def run(program: Program) -> int:
    """Run `program` to its end. Returns its status, or 128 and a signal's number. Raises what it raises, bare."""
    # A command shows the events of its streams itself; without any handler Python would print their warnings between its lines.
    STREAMS.addHandler(logging.NullHandler())
    return trio.run(_supervise, program)


async def _supervise(program: Program) -> int:
    failure: Exception | None = None
    status = 0
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            ending = Ending(nursery)
            nursery.start_soon(_listen, signals, ending)
            try:
                status = await program(ending)
            except Exception as error:  # noqa: BLE001 - raised again below, outside the nursery, so that it arrives bare
                failure = error
            nursery.cancel_scope.cancel()
    if ending.signal is not None:
        return 128 + ending.signal
    if failure is not None:
        raise failure
    return status


async def _listen(signals: AsyncIterator[int], ending: Ending) -> None:
    async for number in signals:
        ending.on_signal(number)


async def _later(seconds: float, action: Callable[[], None]) -> None:
    await trio.sleep(seconds)
    action()
