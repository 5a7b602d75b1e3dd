"""A look at a running relay, and whether it is well. Values and one judgement; nothing acts."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ..core.machine import Phase
from ..shell.observer import StreamStatus
from .link import Link

__all__ = ["Health", "RelayLook", "StreamLook", "health"]


@attrs.frozen(kw_only=True)
class StreamLook:
    """One stream of the relay. Times are seconds on trio's clock.

    `status` is None before it begins, `down_since` None while it is ready. `events` and `bytes` are not settled, `oldest` is when
    the first of them came; `taking`: whether more is taken.
    """

    provider: str
    status: StreamStatus | None
    down_since: float | None
    taking: bool
    events: int
    bytes: int
    oldest: float | None


@attrs.frozen(kw_only=True)
class RelayLook:
    """The relay at `at`. Times are seconds on trio's clock; `started` is when it was begun. `away_since`: since when the sink has
    not been open; None: it is. `error` is its last."""

    at: float
    started: float
    stopping: bool
    sink: Link
    away_since: float | None
    error: str | None
    streams: Mapping[str, StreamLook]


@attrs.frozen
class Health:
    """`problems` is empty where all is well; `facts` is JSON."""

    problems: tuple[str, ...]
    facts: Mapping[str, object]

    @property
    def ok(self) -> bool:
        return not self.problems


def health(look: RelayLook, grace: float) -> Health:
    """Well is a relay whose streams are ready, whose sink is open and takes what comes, each but for `grace` seconds at most."""
    problems: list[str] = []
    if look.stopping:
        problems.append("stopping")
    away = _since(look.away_since, look.at)
    if away is not None and away > grace:
        problems.append(f"sink: not open for {away:.0f} s{_because(look.error)}")
    for name, stream in look.streams.items():
        down = _since(look.started if stream.status is None else stream.down_since, look.at)
        if down is not None and down > grace:
            error = None if stream.status is None else stream.status.session.last_error
            problems.append(f"stream {name}: not ready for {down:.0f} s{_because(error)}")
        waits = _since(stream.oldest, look.at)
        if waits is not None and waits > grace:
            problems.append(f"stream {name}: the oldest of {stream.events} events has waited for {waits:.0f} s to be settled")
    sink = {"state": look.sink.value, "away_seconds": away, "error": look.error}
    streams = {name: _facts(stream, look.at) for name, stream in look.streams.items()}
    return Health(tuple(problems), {"ok": not problems, "problems": problems, "sink": sink, "streams": streams})


def _because(error: str | None) -> str:
    return f": {error}" if error else ""


def _since(at: float | None, now: float) -> float | None:
    """Seconds, to the millisecond."""
    return None if at is None else round(now - at, 3)


def _facts(stream: StreamLook, now: float) -> Mapping[str, object]:
    session = None if stream.status is None else stream.status.session
    return {
        "provider": stream.provider,
        "phase": Phase.IDLE.value if session is None else session.phase.value,
        "down_seconds": _since(stream.down_since, now),
        "error": None if session is None else session.last_error,
        "unacked": 0 if session is None else session.unacked,
        "taking": stream.taking,
        "held_events": stream.events,
        "held_bytes": stream.bytes,
        "oldest_seconds": _since(stream.oldest, now),
    }
