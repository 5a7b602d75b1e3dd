"""Events every provider has: what happened to the connection, to a subscription, or to a message that could not be used.

Each carries `received`, seconds on the clock the shell runs by (trio's). Message events live with their providers.
"""

from __future__ import annotations

from typing import Final, Generic, Literal, TypeAlias, TypeVar

import attrs

from .effects import Close, Scalar

__all__ = [
    "CONTROL",
    "AckRefused",
    "Control",
    "Delivery",
    "Down",
    "Gap",
    "Hydrated",
    "Malformed",
    "SnapshotFailed",
    "Stale",
    "SubscriptionRefused",
    "Unrecognized",
    "Up",
]

TopicT = TypeVar("TopicT")
SnapshotT_co = TypeVar("SnapshotT_co", covariant=True)

Delivery: TypeAlias = Literal["new", "update", "reorg", "redelivery"]
"""Why a ledgered message is delivered: never seen; another version of a known key; the same after a chain reorganisation; or
an earlier run had already delivered it and did not finish."""


@attrs.frozen
class Up:
    """The connection is authenticated and ready. `generation` counts the connections dialled so far, from 1."""

    received: float
    generation: int


@attrs.frozen
class Down:
    """The connection is no longer ready; the stream dials again by itself unless it ends. `close` is how it ended, None while
    we are ending it ourselves, for `reason`."""

    received: float
    reason: str
    close: Close | None


@attrs.frozen
class Gap:
    """Messages of this span (POSIX seconds) may be missing and will not come: load them by other means."""

    received: float
    since: float
    until: float


@attrs.frozen
class Stale(Generic[TopicT]):
    """Nothing arrived on `topic` since `since` (trio's clock), longer than the configured time."""

    received: float
    topic: TopicT
    since: float


@attrs.frozen
class SubscriptionRefused(Generic[TopicT]):
    """After a reconnect the provider refused to restore `topic`. It is asked for again at the next one."""

    received: float
    topic: TopicT
    code: int | str | None
    text: str


@attrs.frozen
class AckRefused:
    """The provider answered an ACK with an error. The message stays finished here and may be sent again by the provider."""

    received: float
    key: tuple[Scalar, ...]
    code: int | str | None
    text: str


def _size(raw: str | bytes) -> str:
    return f"<{len(raw)} {'characters' if isinstance(raw, str) else 'bytes'}>"


@attrs.frozen
class Malformed:
    """A message that could not be decoded. `raw` is all of it, as received; the repr shows its size alone."""

    received: float
    raw: str | bytes = attrs.field(repr=_size)
    reason: str


@attrs.frozen
class Unrecognized:
    """A well-formed message of a type this version does not know. `raw` is all of it."""

    received: float
    raw: str | bytes = attrs.field(repr=_size)
    type: str


Control: TypeAlias = Up | Down | Gap | Stale[TopicT] | SubscriptionRefused[TopicT] | AckRefused | Malformed | Unrecognized
"""What every provider's event union holds besides its own messages."""


@attrs.frozen
class Hydrated(Generic[SnapshotT_co]):
    """The caller's snapshot was loaded. Message events before it are older than the snapshot; those behind it, as a rule, newer:
    where the provider numbers nothing, one that came while it was loaded may be in it already (`core.gate`)."""

    received: float
    snapshot: SnapshotT_co


@attrs.frozen
class SnapshotFailed:
    """Loading the caller's snapshot raised `error`. It is tried again at `retry_at` (trio's clock); events are held on."""

    received: float
    error: Exception
    retry_at: float


CONTROL: Final[frozenset[type]] = frozenset(
    {Up, Down, Gap, Stale, SubscriptionRefused, AckRefused, Malformed, Unrecognized, Hydrated, SnapshotFailed}
)
"""The types of all events that are no messages: those of `Control`, and those of a gate."""
