"""What a caller may ask of a stream. A provider's commands derive from `Command` and say what they answer with.

`Command[E, R]` ties a command to the streams that deliver events `E`, perhaps among others, and to its reply type `R`, so that
`stream.call` is typed and a command of another provider is a type error.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar, Generic, Literal, Protocol, TypeAlias, TypeVar

import attrs

from .effects import Identity, Ticket

__all__ = ["AnyCommand", "Command", "Finish", "Hydrate", "Leave", "Ledgered", "Park"]

EventT_co = TypeVar("EventT_co", covariant=True)
ReplyT_co = TypeVar("ReplyT_co", covariant=True)


class Command(Generic[EventT_co, ReplyT_co]):
    """The base of all commands. Subclasses are frozen attrs classes.

    `while_down` says what happens when it is submitted before the stream is ready: "queue" until it is, or "fail" with
    `NotReady`. `on_drop` says what happens when the connection ends before the reply: "resend" on the next one (safe to
    repeat), or "unknown", which ends the call with `OutcomeUnknown`.
    """

    while_down: ClassVar[Literal["queue", "fail"]] = "queue"
    on_drop: ClassVar[Literal["resend", "unknown"]] = "resend"

    @property
    def topics(self) -> tuple[Hashable, ...]:
        """What it subscribes to; empty for a command that subscribes to nothing."""
        return ()


AnyCommand: TypeAlias = Command[object, object]
"""A command of whichever provider: its own event and reply types bind the caller alone."""


class Ledgered(Protocol):
    """An event that can be ACKed."""

    @property
    def identity(self) -> Identity:
        """What the ledger knows this delivery by."""
        ...

    def dump(self) -> str:
        """Its payload as JSON, to be set aside with it."""
        ...


@attrs.frozen
class Leave(Command[object, None]):
    """Give back what `command` subscribed to. Others may want the same: the last one to leave unsubscribes.

    `ticket` is that of `command` where its answer is still due: nobody waits for it any more.
    """

    command: AnyCommand
    ticket: Ticket | None = None


@attrs.frozen
class Hydrate(Command[object, None]):
    """Load the snapshot again: it covers what was subscribed to when its load began (`core.gate`)."""


@attrs.frozen
class Finish(Command[object, None]):
    """Settle these deliveries: made durable first, ACKed to the provider after."""

    identities: tuple[Identity, ...]


@attrs.frozen
class Park(Command[object, None]):
    """Set one poison delivery aside, durably, with the reason and its payload; the provider gets its ACK."""

    identity: Identity
    reason: str
    raw: str = attrs.field(repr=lambda raw: f"<{len(raw)} characters>")
