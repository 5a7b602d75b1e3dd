"""The contract between a machine and whoever drives it: the trio shell, the simulator, a replay, or your own loop.

A machine decides; its driver obeys. It has no socket, clock, thread or randomness of its own, so the same inputs always give the
same outputs. All methods are synchronous and cheap.

How to drive one
----------------
1. `start`. Then, after every input, take `take_effects`, `take_events` and `take_settled` until they are empty, and call
   `handle_timer` no later than `next_deadline` (early is allowed, late never).
2. `Dial`: open a connection; answer with `opened`, or with `closed` when that failed. From `opened` on, hand in what arrives:
   `receive` (the whole messages of one read; very many come in parts), `heard` (bytes, but no whole message), `pong`. Answer
   exactly one `closed` a connection, after which nothing of it may be handed in.
3. `Hangup`: end the connection, or the attempt, and answer with `closed`.
4. `Persist` and `Fetch`: answer each token once with `fulfil`, in any order, also after the connection it was asked on has gone.
5. Tell `reading(False)` when you stop reading, for your own back-pressure or where `Pause` asks, and `reading(True)` before you
   read again: the deadlines of what the peer owes us stand still in between. Each connection begins as one that is read.
6. `finished` is true when nothing more will come: stop driving.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import attrs

from .commands import Command
from .effects import Close, Effect, Handshake, Outcome, Settled, Ticket, Token
from .states import HashedByIdentity

__all__ = ["Machine", "Phase", "Status"]

EventT_co = TypeVar("EventT_co", covariant=True)


class Phase(HashedByIdentity):
    """Where a session stands. `transitions.SESSION` says how it gets from one to the next."""

    IDLE = "idle"
    PREPARING = "preparing"
    DIALLING = "dialling"
    AUTHENTICATING = "authenticating"
    READY = "ready"
    HANGING_UP = "hanging up"
    BACKING_OFF = "backing off"
    FLUSHING = "flushing"
    ENDING = "ending"
    CLOSED = "closed"


@attrs.frozen
class Status:
    """A look at a session. Times are on the driver's clock, in seconds.

    `attempt` counts dials since the last stable time, `generation` all of them. `unacked` counts deliveries not yet settled,
    `withheld` the resends that were not delivered, `acks_sent` and `acks_confirmed` the ACK frames and the provider's replies.
    `store_error` is why the store takes nothing of what arrives, or gives nothing back, at the moment (`core.holding`).
    `ping_answered` is when the ping left that was answered last.
    """

    phase: Phase
    since: float
    attempt: int
    generation: int
    last_error: str | None
    next_dial: float | None
    unacked: int = 0
    withheld: int = 0
    acks_sent: int = 0
    acks_confirmed: int = 0
    store_error: str | None = None
    ping_answered: float | None = None


class Machine(Protocol[EventT_co]):
    """A provider's protocol as a pure state machine; `EventT_co` is the union of its events. See the module for the contract."""

    @property
    def finished(self) -> bool:
        """Whether the session has ended and owes its driver nothing more."""
        ...

    @property
    def failure(self) -> Exception | None:
        """The error that ended the session, or None: still going, or stopped by the caller."""
        ...

    def start(self, now: float, wall: float) -> None:
        """Begin. `now` is monotonic seconds, `wall` POSIX seconds, here and everywhere."""
        ...

    def opened(self, handshake: Handshake, now: float, wall: float) -> None:
        """The connection asked for by the last `Dial` stands."""
        ...

    def receive(self, messages: Sequence[str | bytes], now: float) -> None:
        """The whole messages of one read, or the next part of them. Total: never raises, whatever the peer sent."""
        ...

    def heard(self, now: float) -> None:
        """Bytes came, but no whole message yet."""
        ...

    def pong(self, payload: bytes, now: float) -> None:
        """The answer to a `Ping`."""
        ...

    def closed(self, close: Close, now: float, wall: float) -> None:
        """The connection, or the attempt at it, ended."""
        ...

    def reading(self, on: bool, now: float) -> None:
        """The driver stopped or resumed reading (back-pressure)."""
        ...

    def submit(self, command: Command[Any, Any], now: float) -> Ticket:
        """Ask for something; the answer comes through `take_settled`. Raises `LocalProtocolError` before any change."""
        ...

    def abandon(self, ticket: Ticket, now: float) -> None:
        """The caller no longer waits. A reply still due keeps its slot, so that it never reaches another caller."""
        ...

    def fulfil(self, token: Token, outcome: Outcome, now: float) -> None:
        """The answer to a `Fetch` or `Persist`."""
        ...

    def stop(self, now: float) -> None:
        """End in good order: flush persists, send the ACKs they free, hang up by a deadline."""
        ...

    def handle_timer(self, now: float, wall: float) -> None:
        """Do what is due at `now`; harmless when nothing is."""
        ...

    def next_deadline(self) -> float:
        """When `handle_timer` must be called at the latest; `math.inf`: never. Changes nothing."""
        ...

    def take_effects(self) -> Sequence[Effect]:
        """The effects since the last call, in order."""
        ...

    def take_events(self) -> Sequence[EventT_co]:
        """The events since the last call, in order."""
        ...

    def take_settled(self) -> Sequence[Settled]:
        """The tickets answered since the last call."""
        ...

    def status(self) -> Status:
        """Where the session stands."""
        ...
