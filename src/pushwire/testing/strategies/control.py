"""The events that every provider has, and those of a snapshot."""

from __future__ import annotations

import json
from typing import Final, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ...core.effects import Close, Scalar
from ...core.events import (
    AckRefused,
    Control,
    Down,
    Gap,
    Hydrated,
    Malformed,
    SnapshotFailed,
    Stale,
    SubscriptionRefused,
    Unrecognized,
    Up,
)
from . import parts

__all__ = [
    "ack_refusals",
    "closes",
    "control",
    "downs",
    "gaps",
    "hydrations",
    "malformed",
    "snapshot_failures",
    "stale",
    "subscription_refusals",
    "unrecognized",
    "ups",
]

TopicT = TypeVar("TopicT")
SnapshotT = TypeVar("SnapshotT")

CODES: Final[SearchStrategy[int | str | None]] = st.none() | st.integers(400, 599) | parts.TEXTS
SCALARS: Final[SearchStrategy[Scalar]] = st.none() | st.booleans() | st.integers(-parts.MAX_INT64, parts.MAX_INT64) | parts.TEXTS
KEYS: Final[SearchStrategy[tuple[Scalar, ...]]] = st.lists(SCALARS, min_size=1, max_size=3).map(tuple)


def ups(*, received: float | None = None) -> SearchStrategy[Up]:
    """The stream became ready."""
    return st.builds(Up, parts.received(received), st.integers(1, 1000))


def closes() -> SearchStrategy[Close]:
    """How a connection, or an attempt at one, ended."""
    codes = st.sampled_from([1000, 1001, 1002, 1006, 1008, 1009, 1011, 1012, 1013]) | st.integers(4000, 4999)
    framed = st.builds(Close, codes, parts.TEXTS, by=st.sampled_from(["peer", "us"]))
    refused = st.builds(Close, reason=parts.TEXTS, status=st.integers(400, 599), retry_after=st.none() | st.floats(0, 3600))
    return framed | refused | st.builds(Close, reason=parts.TEXTS, by=st.just("transport"))


def downs(*, received: float | None = None) -> SearchStrategy[Down]:
    """The stream is no longer ready: the connection has ended, or is being ended."""
    at = parts.received(received)

    def ended(at: float, close: Close) -> Down:
        return Down(at, str(close), close)

    return st.builds(ended, at, closes()) | st.builds(Down, at, parts.TEXTS, st.none())


def gaps(*, received: float | None = None) -> SearchStrategy[Gap]:
    """Messages of a span may be missing."""

    def gap(at: float, since: int, seconds: float) -> Gap:
        return Gap(at, float(since), since + seconds)

    return st.builds(gap, parts.received(received), parts.moments(), st.floats(0, 10.0**6))


def stale(topics: SearchStrategy[TopicT], *, received: float | None = None) -> SearchStrategy[Stale[TopicT]]:
    """Nothing arrived on a topic."""

    def silent(at: float, topic: TopicT, seconds: float) -> Stale[TopicT]:
        return Stale(at, topic, at - seconds)

    return st.builds(silent, parts.received(received), topics, st.floats(0, 10.0**5))


def subscription_refusals(
    topics: SearchStrategy[TopicT], *, received: float | None = None
) -> SearchStrategy[SubscriptionRefused[TopicT]]:
    """A topic could not be restored."""

    def refused(at: float, topic: TopicT, code: int | str | None, text: str) -> SubscriptionRefused[TopicT]:
        return SubscriptionRefused(at, topic, code, text)

    return st.builds(refused, parts.received(received), topics, CODES, parts.TEXTS)


def ack_refusals(*, received: float | None = None) -> SearchStrategy[AckRefused]:
    """An ACK was answered with an error."""
    return st.builds(AckRefused, parts.received(received), KEYS, CODES, parts.TEXTS)


def malformed(*, received: float | None = None) -> SearchStrategy[Malformed]:
    """A message that could not be decoded: cut short, or no JSON at all."""
    texts: SearchStrategy[str | bytes] = parts.json_objects().map(lambda value: json.dumps(value, default=str)[:-1])
    return st.builds(Malformed, parts.received(received), texts | st.binary(max_size=20).map(b"\xff".__add__), parts.TEXTS)


def unrecognized(*, received: float | None = None) -> SearchStrategy[Unrecognized]:
    """A well-formed message of a type that no provider has."""

    def unknown(at: float, name: str) -> Unrecognized:
        name = f"unknown {name}"
        return Unrecognized(at, json.dumps({"type": name, "event": name, "CH": name}), name)

    return st.builds(unknown, parts.received(received), parts.TEXTS)


def control(topics: SearchStrategy[TopicT], *, received: float | None = None) -> SearchStrategy[Control[TopicT]]:
    """Whatever a stream delivers that is no message."""
    return (
        ups(received=received)
        | downs(received=received)
        | gaps(received=received)
        | stale(topics, received=received)
        | subscription_refusals(topics, received=received)
        | ack_refusals(received=received)
        | malformed(received=received)
        | unrecognized(received=received)
    )


def hydrations(snapshots: SearchStrategy[SnapshotT], *, received: float | None = None) -> SearchStrategy[Hydrated[SnapshotT]]:
    """A snapshot was loaded, where `connect` has one."""

    def hydrated(at: float, snapshot: SnapshotT) -> Hydrated[SnapshotT]:
        return Hydrated(at, snapshot)

    return st.builds(hydrated, parts.received(received), snapshots)


def snapshot_failures(*, received: float | None = None) -> SearchStrategy[SnapshotFailed]:
    """A snapshot could not be loaded."""

    def failed(at: float, error: Exception, pause: float) -> SnapshotFailed:
        return SnapshotFailed(at, error, at + pause)

    errors: SearchStrategy[Exception] = st.builds(OSError, parts.TEXTS) | st.builds(ValueError, parts.TEXTS)
    return st.builds(failed, parts.received(received), errors, st.floats(0, 60))
