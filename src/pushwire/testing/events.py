"""Builders for the events that every provider has. What a test does not care about has a default."""

from __future__ import annotations

import json
from typing import TypeVar

from ..core.effects import Close, Scalar
from ..core.events import AckRefused, Down, Gap, Malformed, Stale, SubscriptionRefused, Unrecognized, Up

__all__ = ["ack_refused", "down", "gap", "malformed", "stale", "subscription_refused", "unrecognized", "up"]

TopicT = TypeVar("TopicT")

NO_CLOSE_FRAME = Close(reason="the connection was reset", by="transport")


def up(*, received: float = 0.0, generation: int = 1) -> Up:
    """The stream became ready."""
    return Up(received, generation)


def down(*, received: float = 0.0, close: Close | None = NO_CLOSE_FRAME, reason: str | None = None) -> Down:
    """The stream is no longer ready. The reason is how the connection ended, unless one is given."""
    return Down(received, reason if reason is not None else str(close), close)


def gap(since: float = 1_745_000_000.0, until: float = 1_745_000_600.0, *, received: float = 0.0) -> Gap:
    """Messages of this span (POSIX seconds) may be missing."""
    return Gap(received, since, until)


def stale(topic: TopicT, *, received: float = 0.0, since: float | None = None) -> Stale[TopicT]:
    """Nothing arrived on `topic`, for a minute unless `since` is given."""
    return Stale(received, topic, received - 60.0 if since is None else since)


def subscription_refused(
    topic: TopicT, *, received: float = 0.0, code: int | str | None = 400, text: str = "refused"
) -> SubscriptionRefused[TopicT]:
    """After a reconnect the provider refused to restore `topic`."""
    return SubscriptionRefused(received, topic, code, text)


def ack_refused(
    key: tuple[Scalar, ...], *, received: float = 0.0, code: int | str | None = 400, text: str = "refused"
) -> AckRefused:
    """The provider answered the ACK of `key` with an error."""
    return AckRefused(received, key, code, text)


def malformed(raw: str | bytes = "{", *, received: float = 0.0, reason: str = "input data was truncated") -> Malformed:
    """A message that could not be decoded."""
    return Malformed(received, raw, reason)


def unrecognized(raw: str | bytes | None = None, *, received: float = 0.0, type: str = "news") -> Unrecognized:
    """A well-formed message of an unknown type."""
    return Unrecognized(received, json.dumps({"type": type}) if raw is None else raw, type)
