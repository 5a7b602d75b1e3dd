"""When to dial again: exponential back-off with equal jitter, reset only by a connection that proved itself.

A back-off that is reset by a successful handshake lets a server that accepts and then closes be hammered thousands of times a
minute. Here a connection must have been ready for `stable_after` seconds, with an answer from the peer, before its end counts
as the first failure again.
"""

from __future__ import annotations

import random

import attrs

__all__ = ["Backoff", "BackoffPolicy"]


@attrs.frozen
class BackoffPolicy:
    """`first` and `cap` are seconds; the delay doubles in between. `stable_after` seconds of readiness reset it."""

    first: float = 1.0
    cap: float = 60.0
    stable_after: float = 30.0


class Backoff:
    """Counts failures and draws delays from the injected `rng`."""

    __slots__ = ("_immediate", "_policy", "_rng", "attempt")

    def __init__(self, policy: BackoffPolicy, rng: random.Random) -> None:
        self._policy = policy
        self._rng = rng
        self._immediate = True
        self.attempt: int = 0
        """Failures since the last stable connection."""

    def ended(self, ready_for: float, *, answered: bool) -> bool:
        """A connection that was ready for this many seconds (0: never) has ended. `answered`: the peer replied to anything.
        Returns whether it counts as stable."""
        stable = ready_for >= self._policy.stable_after and answered
        if stable:
            self.attempt = 0
            self._immediate = True
        return stable

    def delay(self) -> float:
        """Seconds until the next dial: between half and all of `first * 2**attempt`, at most `cap`."""
        # 2.0**attempt overflows past 1023; the cap is long reached by then.
        ceiling = min(self._policy.cap, self._policy.first * 2.0 ** min(self.attempt, 64))
        self.attempt += 1
        return ceiling / 2 + self._rng.random() * ceiling / 2

    def grant_immediate(self) -> bool:
        """Whether the next dial may do without a delay: once per stable connection."""
        granted, self._immediate = self._immediate, False
        return granted
