"""What the relay hands on, and what a sink says of it. Values only."""

from __future__ import annotations

import enum
from typing import Final, TypeAlias

import attrs
import msgspec

from ..core.effects import Identity

__all__ = ["Answer", "Entry", "Outcome", "Refused", "is_durable"]

OVERHEAD: Final = 1_200
"""Bytes that an entry takes in memory beside its payload, about: its key, its digest, and what the ACK ledger keeps of it."""


class Entry(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One event on its way to the sink.

    `stream` is the stream's name in the relay's config, `partition` what order is kept within, `key` the event's idempotency key
    (None: the provider documents no ids), `digest` that of `payload`, which is JSON. `at` is POSIX seconds of its arrival; it is
    part of neither key nor digest. `identity` is what the ACK ledger knows it by; None: its provider wants no ACK.

    The event itself is let go: decoded, it may take many times the memory that the payload does.
    """

    stream: str
    provider: str
    kind: str
    partition: str
    key: str | None
    digest: str
    payload: str
    at: float
    identity: Identity | None = None

    def __repr__(self) -> str:
        return f"<Entry {self.key or self.kind} of {self.stream}, {len(self.payload)} characters>"

    @property
    def size(self) -> int:
        """Bytes in memory, about, and not more: one character that is not ASCII makes all of a text wider."""
        payload = self.payload
        return (len(payload) if payload.isascii() else 4 * len(payload)) + OVERHEAD


class Outcome(enum.Enum):
    """What became of one entry in a sink."""

    STORED = "stored"
    DUPLICATE = "held already"
    """The same key with the same payload is there: nothing was to be done."""
    QUARANTINED = "quarantined"
    """The same key with another payload is there: this one was set aside, durably, where it can be listed."""
    UNKNOWN = "unknown"
    """A timeout, a cancellation, an error half way: it may be there or not, and is sent again."""


@attrs.frozen
class Refused:
    """The sink will never take this entry: sending it again would not help."""

    reason: str


Answer: TypeAlias = Outcome | Refused


def is_durable(answer: Answer) -> bool:
    """Whether the sink holds the entry durably."""
    return answer is not Outcome.UNKNOWN and not isinstance(answer, Refused)
