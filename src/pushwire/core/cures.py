"""What a control event says to whoever reads a log: what has happened, and what to do about it.

What lives here: the words, about what comes over a connection that is there. What must not: where they go (`shell.warner`, and
the relay's log); and what can be wrong on the way to a connection, which `doctor.advice` says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from .describing import duration, moment
from .events import AckRefused, Gap, Malformed, SnapshotFailed, Stale, SubscriptionRefused, Unrecognized

__all__ = ["CURABLE", "CURES", "Trouble", "cure_of", "slow_consumer", "trouble"]


class Trouble(NamedTuple):
    """What has happened, without a secret and without a character that a terminal would obey; and what to do."""

    what: str
    cure: str


def trouble(event: object) -> Trouble | None:
    """What an event is to be warned of with; None: it is no trouble."""
    row = _ROWS.get(type(event))
    return None if row is None else Trouble(row[0](event), row[1])


def cure_of(event: object) -> str | None:
    """What to do about an event; None: nothing."""
    row = _ROWS.get(type(event))
    return None if row is None else row[1]


def slow_consumer(waiting: int) -> Trouble:
    """`waiting` events are in hand, nobody takes them, and the reading has stopped for it."""
    return Trouble(
        f"{waiting} events wait for a consumer that is slower than the stream: the reading has stopped, and the provider waits",
        "take them faster (`stream.batches()`, several consumers, one transaction for many); a larger `capacity` is for bursts; "
        'where only the latest counts, overflow="conflate"',
    )


def _gap(event: Gap) -> str:
    return f"messages from {moment(event.since)} to {moment(event.until)} may be missing and will not come"


def _stale(event: Stale[object]) -> str:
    return f"nothing has come on {_shown(event.topic)} for {duration(event.received - event.since)}"


def _refused(event: SubscriptionRefused[object]) -> str:
    return f"the subscription to {_shown(event.topic)} was not restored: {_said(event.code, event.text)}"


def _ack_refused(event: AckRefused) -> str:
    return f"the ACK of {_shown(event.key)} was not accepted: {_said(event.code, event.text)}"


def _malformed(event: Malformed) -> str:
    return f"a message of {len(event.raw)} characters or bytes cannot be read: {_shown(event.reason)}"


def _unrecognized(event: Unrecognized) -> str:
    return f"a message of an unknown type came: {_shown(event.type)}"


def _snapshot(event: SnapshotFailed) -> str:
    # What a caller's own code raises may say more than a log should hold.
    return f"the snapshot could not be loaded: {type(event.error).__name__}"


def _said(code: int | str | None, text: str) -> str:
    return _shown(text) if code is None else f"{_shown(text)} ({_shown(code)})"


def _shown(value: object) -> str:
    """Peers and callers write part of it: a repr escapes what is not to be printed, and secrets have none."""
    return repr(value)


_ROWS: Final[Mapping[type, tuple[Callable[[Any], str], str]]] = {  # each function takes the events of its row
    Gap: (
        _gap,
        "load that span by the provider's REST calls; `connect(snapshot=...)` does so each time",
    ),
    Stale: (
        _stale,
        "the connection itself answers: ask the provider, or raise `stale_after` where such silence is usual",
    ),
    SubscriptionRefused: (
        _refused,
        "mend what the provider names, or give it up; it is asked for again at the next reconnect",
    ),
    AckRefused: (
        _ack_refused,
        "nothing: it is finished here, and a resend of it is withheld; if they mount up, ask the provider",
    ),
    Malformed: (
        _malformed,
        "it is whole in the event's `raw`: report it, with a journal; was anything of it yours to book?",
    ),
    Unrecognized: (
        _unrecognized,
        "it is whole in the event's `raw`; a newer pushwire may know it",
    ),
    SnapshotFailed: (
        _snapshot,
        "mend what `snapshot` raises; it is tried again after a pause, and events are held meanwhile",
    ),
}

CURES: Final[Mapping[type, str]] = {kind: cure for kind, (_, cure) in _ROWS.items()}
"""What to do, by the type of event."""

CURABLE: Final = frozenset(_ROWS)
"""The types of events that are trouble."""
