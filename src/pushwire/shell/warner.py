"""What a stream warns of, on the standard logger `pushwire.stream`: each warning says what has happened and what to do.

Nothing here knows a secret: events hold none, and their messages' raw texts are not shown.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from typing import Final

from ..core.cures import CURABLE, Trouble, slow_consumer, trouble

__all__ = ["LOGGER", "Warner"]

LOGGER: Final = logging.getLogger("pushwire.stream")
AGAIN_AFTER: Final = 60.0
"""Seconds before a consumer that is slow is told of again: it stops and goes on many times a second."""


class Warner:
    """One stream's, which is called `name`. `waiting` gives how many events are in hand, `clock` seconds."""

    def __init__(self, name: str, waiting: Callable[[], int], clock: Callable[[], float]) -> None:
        self._name = name
        self._waiting = waiting
        self._clock = clock
        self._stopped_at = -math.inf

    def saw(self, events: Sequence[object]) -> None:
        """What one read brought."""
        # Of a read with messages alone, this is all that it costs.
        if not CURABLE.isdisjoint(map(type, events)):
            for event in events:
                found = trouble(event)
                if found is not None:
                    self._warn(found)

    def stopped(self) -> None:
        """The reading has stopped, since nobody takes what has been read."""
        now = self._clock()
        if now - self._stopped_at >= AGAIN_AFTER:
            self._stopped_at = now
            self._warn(slow_consumer(self._waiting()))

    def _warn(self, found: Trouble) -> None:
        LOGGER.warning("%s: %s. %s", self._name, found.what, found.cure)
