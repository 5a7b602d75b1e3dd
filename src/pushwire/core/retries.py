"""Whether a REST call that got no answer, or no useful one, is made again, and when.

The rule: what was not carried out may be repeated; what may have been, only where the endpoint says that twice is once.
"""

from __future__ import annotations

import random

import attrs

from .backoff import Backoff, BackoffPolicy

__all__ = ["UNAVAILABLE", "Retries", "RetryPolicy"]

UNAVAILABLE = frozenset({502, 503, 504})
"""HTTP statuses of a service that is not there just now, often told by a gateway that does not know what became of the call."""


@attrs.frozen
class RetryPolicy:
    """`tries` counts all attempts at one call, the first included; `patience` is how many seconds it may spend on waiting because
    the provider asked for it. The delays in between double from `first` to `cap` seconds."""

    tries: int = 3
    patience: float = 30.0
    first: float = 0.5
    cap: float = 10.0


class Retries:
    """The attempts at one call. Each method says in how many seconds to try again, None: not at all."""

    __slots__ = ("_backoff", "_left", "_patience", "_repeatable")

    def __init__(self, policy: RetryPolicy, rng: random.Random, *, repeatable: bool) -> None:
        self._backoff = Backoff(BackoffPolicy(policy.first, policy.cap), rng)
        self._left = policy.tries - 1
        self._patience = policy.patience
        self._repeatable = repeatable

    def lost(self, *, sent: bool) -> float | None:
        """No answer came. `sent`: bytes of the call may have left this machine."""
        if sent and not self._repeatable:
            return None
        return self._again(None)

    def unavailable(self, retry_after: float | None) -> float | None:
        """The answer was one of `UNAVAILABLE`; `retry_after` is the seconds it asks for."""
        return self._again(retry_after) if self._repeatable else None

    def limited(self, retry_after: float | None) -> float | None:
        """The answer was HTTP 429: nothing was carried out, and only the patience counts."""
        return self._wait(retry_after)

    def _again(self, retry_after: float | None) -> float | None:
        if not self._left:
            return None
        self._left -= 1
        return self._backoff.delay() if retry_after is None else self._wait(retry_after)

    def _wait(self, retry_after: float | None) -> float | None:
        delay = max(self._backoff.delay(), retry_after or 0.0)
        if delay > self._patience:
            return None
        self._patience -= delay
        return delay
