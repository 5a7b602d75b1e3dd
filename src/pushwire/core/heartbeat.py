"""The transport's clock: a ping every `interval`, its answer within `timeout`. What a ping looks like is the provider's, and
whether it is due by the clock alone or after so much silence."""

from __future__ import annotations

import math

__all__ = ["Heartbeat"]


class Heartbeat:
    """Says when a ping is due and when its answer is overdue. Times are seconds on the machine's clock.

    Traffic does not stand in for the answer: a peer that pushes but no longer answers is not well.
    """

    __slots__ = ("_next", "_out", "_since", "_timeout", "interval", "last_answered")

    def __init__(self, interval: float, timeout: float) -> None:
        self.interval: float = interval
        self._timeout = timeout
        self._next = self._since = math.inf
        # When each ping left whose answer is still to come. They are answered in order, so the first answer is the first ping's.
        self._out: list[float] = []
        self.last_answered: float | None = None
        """When the ping left that was answered last, on this connection or an earlier one."""

    def start(self, now: float) -> None:
        """A connection became ready: the first ping is due an interval later."""
        self.stop()
        self._next = now + self.interval

    def stop(self) -> None:
        """The connection has gone."""
        self._next = self._since = math.inf
        self._out.clear()

    def sent(self, now: float) -> None:
        """A ping left. The deadline of an earlier one still unanswered stands."""
        self._next = now + self.interval
        self._since = min(self._since, now)
        self._out.append(now)

    @property
    def unanswered(self) -> int:
        """Pings whose answer is still to come."""
        return len(self._out)

    def answered(self) -> float | None:
        """The answer came. Returns when its ping was sent: what the peer sent before then has arrived. None: no ping was out."""
        self._since = math.inf
        if not self._out:
            return None
        self.last_answered = self._out.pop(0)
        return self.last_answered

    def traffic(self, now: float) -> None:
        """The peer was heard, where a ping is due after silence alone: the next one is an interval away again."""
        if self._next != math.inf:
            self._next = now + self.interval

    def ping_due(self) -> float:
        """When the next ping must leave."""
        return self._next

    def answer_due(self) -> float:
        """When the answer is overdue, `math.inf` when none is owed."""
        return self._since + self._timeout

    def resumed(self, now: float, paused: float) -> None:
        """Reading went on after `paused` seconds, in which no answer could have been read."""
        if self._since != math.inf:
            self._since = min(self._since + paused, now)
