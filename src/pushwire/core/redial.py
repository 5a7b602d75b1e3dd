"""Whether and when to dial again: the close table, the back-off and the one refreshed credential, joined."""

from __future__ import annotations

import math
import random
from typing import Final

from ..errors import AuthenticationRefused, RemoteProtocolError
from .backoff import Backoff, BackoffPolicy
from .closes import Action, CloseTable
from .effects import Close
from .transitions import Trigger

__all__ = ["RETRY_AFTER_CAP", "Redial"]

RETRY_AFTER_CAP: Final = 3600.0
"""Seconds; a longer Retry-After is cut to this, since a stall of days by one bad header is not what it is for."""

_CREDENTIAL_STATUSES = frozenset({400, 401, 403})
_WITHOUT_DELAY = frozenset({Action.REFRESH, Action.AT_ONCE})


class Redial:
    """Judges each end of a connection. `refreshable`: there is a credential to fetch anew."""

    __slots__ = ("_backoff", "_refreshable", "_refreshed", "_table", "refresh")

    def __init__(self, table: CloseTable, policy: BackoffPolicy, rng: random.Random, *, refreshable: bool) -> None:
        self._table = table
        self._backoff = Backoff(policy, rng)
        self._refreshable = refreshable
        self._refreshed = False
        self.refresh: bool = False
        """The credentials for the next dial must be new ones."""

    @property
    def attempt(self) -> int:
        """Failures since the last stable connection."""
        return self._backoff.attempt

    def ended(self, ready_for: float, *, answered: bool) -> None:
        """A connection was ready for so many seconds. `answered`: the peer replied to anything on it."""
        if self._backoff.ended(ready_for, answered=answered):
            self._refreshed = False

    def verdict(self, close: Close, now: float, *, hopeless: bool) -> tuple[Trigger, float]:
        """What moves the session on after `close`, and when the next dial is due. `hopeless`: we were refused for good."""
        action = Action.FATAL if hopeless else self._table.action(close)
        if action is Action.REFRESH:
            # Once: a new credential refused like the old one is not a matter of age.
            if self._refreshed or not self._refreshable:
                action = Action.FATAL
            else:
                self._refreshed = self.refresh = True
        if action is Action.FATAL:
            return Trigger.FATAL, math.inf
        if action in _WITHOUT_DELAY and self._backoff.grant_immediate():
            return Trigger.LOST_AT_ONCE, now
        delay = self._backoff.delay()
        if action is Action.HONOUR and close.retry_after is not None:
            delay = max(delay, min(close.retry_after, RETRY_AFTER_CAP))
        return Trigger.LOST, now + delay

    def terminal(self, close: Close) -> Exception:
        """The error a session ends with after a fatal `close`."""
        row = self._table.row(close)
        why = str(close) if row is None else f"{close} ({row.why})"
        if close.status in _CREDENTIAL_STATUSES or (row is not None and row.credential):
            return AuthenticationRefused(why, status=close.status, code=close.code)
        return RemoteProtocolError(why)
