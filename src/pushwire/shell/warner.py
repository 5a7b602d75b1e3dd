"""What a stream warns of, on the standard logger `pushwire.stream`: each warning says what has happened and what to do.

Nothing here knows a secret: events hold none, and their messages' raw texts are not shown.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from typing import Final

from ..core.cures import CURABLE, Trouble, slow_consumer, trouble
from ..core.speedups import of_one_type

__all__ = ["LOGGER", "Warner"]

LOGGER: Final = logging.getLogger("pushwire.stream")
WINDOW: Final = 60.0
"""Seconds for which stops of the reading are summed up, and before a slow consumer is told of again."""
SLOW: Final = 1.0
"""Seconds of them from which a consumer is slow. A burst stops the reading as well, for a moment."""


class Warner:
    """One stream's, which is called `name`. `clock` gives seconds."""

    __slots__ = ("_clock", "_name", "_since", "_stopped", "_told")

    def __init__(self, name: str, clock: Callable[[], float]) -> None:
        self._name = name
        self._clock = clock
        self._since = -math.inf
        self._stopped = 0.0
        self._told = False

    def saw(self, events: Sequence[object]) -> None:
        """What one read brought."""
        # Of a read with messages alone, this is all that it costs.
        if not CURABLE.isdisjoint(map(type, events[:1] if of_one_type(events) else events)):
            for event in events:
                found = trouble(event)
                if found is not None:
                    self._warn(found)

    def stopped(self, seconds: float, waiting: int) -> None:
        """The reading has stopped for so long, since nobody took what had been read, which is so many events now."""
        now = self._clock()
        if now - self._since >= WINDOW:
            self._since, self._stopped, self._told = now, 0.0, False
        self._stopped += seconds
        if self._stopped >= SLOW and not self._told:
            self._told = True
            self._warn(slow_consumer(waiting))

    def _warn(self, found: Trouble) -> None:
        LOGGER.warning("%s: %s. %s", self._name, found.what, found.cure)
