"""What a session did over time, as a replay of its journal tells it, step by step.

What is kept is bounded, whatever a journal holds: it was written by a program of ours, or by somebody who means ill.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ..core.describing import duration, kind_of, moment
from ..core.effects import SecretFrame
from ..core.events import CONTROL, AckRefused, Gap, Malformed, SnapshotFailed, Stale, SubscriptionRefused, Unrecognized
from ..core.journal import Closed, HandleTimer, Header, Input, Opened, Receive, Start, Step, Truncated
from ..core.machine import Phase, Status
from ..core.provider import ProviderConfig
from .series import Bins, Flow, Span, Spans, Spread

__all__ = ["Course", "Wait"]

LONGEST: Final = 1e9
"""Seconds that are followed: thirty years."""
ASKED: Final = 10_000
"""Messages of ours whose answer is waited for, at most."""
LONG: Final = 200
"""Characters of a note."""


class Wait(enum.Enum):
    """What is waited for, in the words of the legend."""

    PONG = "ping to its answer"
    REPLY = "ACK, command to its reply"
    ARRIVAL = "provider's time to arrival"


class Course:
    """One session. Times are seconds since its first input; `wall` is that in POSIX seconds, None while nothing says so."""

    def __init__(self) -> None:
        self.provider: str = ""
        self.wall: float | None = None
        self.length: float = 0.0
        self.inputs: int = 0
        self.connections: int = 0
        """Those that were opened."""
        self.received: int = 0
        self.sent: int = 0
        self.ahead: int = 0
        """Messages that came before they were sent, by the provider's clock."""
        self.missing: float = 0.0
        """Seconds that gaps cover, together."""
        self.truncated: bool = False
        """Whether the journal ends within a line."""
        self.flow: Bins[Flow] = Bins(Flow)
        self.waits: Mapping[Wait, Bins[Spread]] = {wait: Bins(Spread) for wait in Wait}
        self.gaps: Spans = Spans()
        self.closes: Spans = Spans()
        self.notices: Spans = Spans()
        """What went wrong without an end to the connection."""
        self._config: ProviderConfig | None = None
        self._id: re.Pattern[str] = re.compile("$.")
        self._begin: float | None = None
        self._offset = 0.0
        self._states: dict[Phase, Spans] = {}
        self._phase: Phase | None = None
        self._since = 0.0
        self._pinged: float | None = None
        self._asked: dict[str, float] = {}

    def add(self, step: Step) -> None:
        """Follow one step more. The first is that of the header."""
        record = step.record
        if isinstance(record, Header):
            self.provider = record.provider.name
            self._config = record.config
            self._id = re.compile(re.escape(record.prefix) + r"-\d+(?!\d)")
        elif isinstance(record, Truncated):
            self.truncated = True
        elif step.status is not None:
            self._follow(record, step, step.status)

    @property
    def states(self) -> Mapping[Phase, Sequence[Span]]:
        """When the session stood where, in the order of the phases; those that it was never found in are left out."""
        last = Span(self._since, self.length)
        seen = {phase: (*self._states.get(phase, ()), *((last,) if phase is self._phase else ())) for phase in Phase}
        return {phase: spans for phase, spans in seen.items() if spans}

    @property
    def summary(self) -> str:
        """What came of it, in a line."""
        if not self.inputs:
            return "the journal holds no input"
        parts = [
            _counted(self.connections, "connection"),
            f"{self.received:,} messages in, {self.sent:,} out",
            _counted(sum(gap.count for gap in self.gaps), "gap") + (f" of {duration(self.missing)}" if self.missing else ""),
        ]
        if self.ahead:
            parts.append(f"{_counted(self.ahead, 'message')} came before the provider's time of it: the clocks differ")
        if self.truncated:
            parts.append("its writer did not come to the end")
        return "; ".join(parts)

    # Within

    def _follow(self, record: Input, step: Step, status: Status) -> None:
        self.inputs += 1
        if self._begin is None:
            self._begin = record.now
        # A clock that went back, or that somebody made up, must not draw anything outside.
        at = self.length = min(max(record.now - self._begin, self.length), LONGEST)
        if isinstance(record, Start | Opened | Closed | HandleTimer):
            self._offset = record.wall - record.now
            if self.wall is None:
                self.wall = record.wall - at
        if isinstance(record, Opened):
            self.connections += 1
            self._asked.clear()
        elif isinstance(record, Receive):
            self._receive(record, at, self._ping_answered(status, record.now, at))
        elif isinstance(record, Closed):
            self.closes.add(at, at, _noted(_close(record, status, self._phase)))
        self._ping_answered(status, record.now, at)
        self._send([effect for effect in step.effects if isinstance(effect, str | SecretFrame)], record.now, at)
        self._tell(step.events, record.now, at)
        self._stand(status.phase, at)

    def _stand(self, phase: Phase, at: float) -> None:
        if phase is not self._phase:
            if self._phase is not None:
                self._states.setdefault(self._phase, Spans()).add(self._since, at)
            self._phase, self._since = phase, at

    def _ping_answered(self, status: Status, now: float, at: float) -> float | None:
        """When the ping left that was answered just now, if one was."""
        if status.ping_answered == self._pinged:
            return None
        self._pinged = status.ping_answered
        if self._pinged is not None:
            self._waited(Wait.PONG, now - self._pinged, at)
        return self._pinged

    def _receive(self, record: Receive, at: float, pinged: float | None) -> None:
        self.received += len(record.messages)
        self.flow.at(at).received += len(record.messages)
        if not self._asked:
            return
        for message in record.messages:
            found = self._id.search(message if isinstance(message, str) else message.decode(errors="replace"))
            asked = None if found is None else self._asked.pop(found[0], None)
            # A ping may have an id as well, and is counted as a ping alone.
            if asked is not None and asked != pinged:
                self._waited(Wait.REPLY, record.now - asked, at)

    def _send(self, frames: Sequence[str | SecretFrame], now: float, at: float) -> None:
        if not frames:
            return
        self.sent += len(frames)
        self.flow.at(at).sent += len(frames)
        for frame in frames:
            found = self._id.search(frame if isinstance(frame, str) else frame.shown)
            if found is not None and len(self._asked) < ASKED:
                self._asked[found[0]] = now

    def _tell(self, events: Iterable[object], now: float, at: float) -> None:
        for event in events:
            if type(event) not in CONTROL:
                self._arrived(event, now, at)
            elif isinstance(event, Gap):
                self.missing += max(0.0, event.until - event.since)
                begin, end = self._since_begin(event.since, at), self._since_begin(event.until, at)
                told = f"{moment(event.since)} to {moment(event.until)}, {duration(event.until - event.since)}"
                self.gaps.add(min(begin, end), end, told)
            else:
                note = _notice(event)
                if note is not None:
                    self.notices.add(at, at, _noted(f"{kind_of(type(event))}: {note}"))

    def _arrived(self, event: object, now: float, at: float) -> None:
        said = None if self._config is None else self._config.said_at(event)
        if said is not None:
            received: float = getattr(event, "received", now)
            self._waited(Wait.ARRIVAL, received + self._offset - said, at)

    def _waited(self, wait: Wait, seconds: float, at: float) -> None:
        if seconds >= 0:
            self.waits[wait].at(at).add(min(seconds, LONGEST))
        elif wait is Wait.ARRIVAL:
            self.ahead += 1

    def _since_begin(self, posix: float, at: float) -> float:
        """POSIX seconds on the clock of the course, between its begin and `at`."""
        assert self._begin is not None
        return min(at, max(0.0, posix - self._offset - self._begin))


def _close(record: Closed, status: Status, before: Phase | None) -> str:
    """How a connection ended, and why, where we ended it."""
    told = str(record.close)
    return f"{status.last_error} ({told})" if before is Phase.HANGING_UP and status.last_error else told


def _notice(event: object) -> str | None:
    """What there is to be said of an event that is no message."""
    match event:
        case Malformed():
            return event.reason
        case Unrecognized():
            return event.type
        case AckRefused() | SubscriptionRefused():
            return event.text
        case SnapshotFailed():
            return str(event.error)
        case Stale():
            return f"nothing for {duration(event.received - event.since)}"
        case _:
            return None


def _counted(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def _noted(text: str) -> str:
    return text if len(text) <= LONG else f"{text[:LONG]}…"
