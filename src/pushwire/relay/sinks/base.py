"""What a sink must do: take a batch, and say of each entry what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import attrs

from ...errors import PushwireError
from ..entries import Answer, Entry

__all__ = ["ClaimingSink", "ListedSink", "Quarantined", "Sink", "SinkError"]


class SinkError(PushwireError):
    """A sink cannot be opened or used, or does not hold what it promises."""


@attrs.frozen
class Quarantined:
    """What came under the key of an entry that the sink holds, with another payload. `at` is POSIX seconds of its arrival."""

    stream: str
    kind: str
    key: str
    digest: str
    payload: str
    at: float


class Sink(Protocol):
    """Holds events durably. It is opened, used and closed by one relay, and again after trouble.

    Whatever a method raises is trouble: the relay closes the sink, waits, opens it again and repeats what was not answered for.
    Every method may be cancelled.
    """

    async def open(self) -> None:
        """Make ready. Raises `SinkError`, or what else went wrong; then nothing is left open."""
        ...

    async def write(self, batch: Sequence[Entry]) -> Sequence[Answer]:
        """One answer for each entry, in order. `STORED` is said of what a crash or a power cut no longer takes away, and of
        nothing else. Several batches may be under way at a time, of one partition no more than the relay is set to."""
        ...

    async def close(self) -> None:
        """Let go of everything. Also called when `write` was cancelled, and harmless when nothing is open."""
        ...

    async def check(self) -> Sequence[str]:
        """Of an open sink: what it promises, a line each. Raises `SinkError` where it cannot keep the promise."""
        ...


@runtime_checkable
class ClaimingSink(Sink, Protocol):
    """A sink that several relays may write to, and that can tell whether they do."""

    def claim(self, streams: Sequence[str], *, shared: bool) -> None:
        """Of a sink that is not open: whose events it will get. Unless all who bring one of these streams have said `shared`, it
        is open for one of them at a time: opening it raises `SinkError` for the others."""
        ...


class ListedSink(Sink, Protocol):
    """A sink that keeps its quarantine itself."""

    async def quarantine(self) -> Sequence[Quarantined]:
        """Of an open sink: what was set aside, oldest first. Raises `SinkError`."""
        ...
