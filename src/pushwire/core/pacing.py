"""Pacing: a token bucket over what we send, so that a burst of re-subscriptions never trips the provider's rate limit.

`reserve` tokens are kept for what must not wait: heartbeats and ACKs use them (`take_anyway`), commands may not.
"""

from __future__ import annotations

import math
from typing import Final

__all__ = ["Pacer"]

_ROUNDING: Final = 1e-9
"""Tokens; swallows the rounding of the deadline that `available` computes."""


class Pacer:
    """A bucket of `burst` tokens that refills at `rate` a second. `rate=math.inf` paces nothing."""

    __slots__ = ("_at", "_burst", "_rate", "_reserve", "_tokens")

    def __init__(self, rate: float = math.inf, burst: int = 1, reserve: int = 0) -> None:
        self._rate = rate
        self._burst = burst + reserve
        self._reserve = reserve
        self._tokens = float(self._burst)
        self._at = -math.inf

    def _refill(self, now: float) -> None:
        if now > self._at:
            if self._at != -math.inf:
                self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
            self._at = now

    def take(self, now: float) -> bool:
        """Take a token if there is one to take."""
        if self._rate == math.inf:
            return True
        self._refill(now)
        if self._tokens < 1 + self._reserve - _ROUNDING:
            return False
        self._tokens -= 1
        return True

    def take_anyway(self, now: float, tokens: int) -> None:
        """Take these, whether there are so many or not. The bucket is in debt at most by its size."""
        if self._rate != math.inf:
            self._refill(now)
            self._tokens = max(self._tokens - tokens, -float(self._burst))

    def available(self, now: float) -> float:
        """When the next token can be taken by what is not urgent."""
        if self._rate == math.inf:
            return now
        self._refill(now)
        missing = 1 + self._reserve - self._tokens
        # Where the wait is finer than the clock, the next moment there is: a deadline of `now` would be asked for for ever.
        return now if missing <= _ROUNDING else max(now + missing / self._rate, math.nextafter(now, math.inf))
