"""The hydration gate: another machine, whose messages are held back while the caller's snapshot is loaded.

After each `Up` the gate asks for the snapshot and holds message events; control events pass at once. Then come `Hydrated`, the
held events in order, and live ones. It knows no provider, and no machine knows of it.

What is loaded when
-------------------
A snapshot covers what was subscribed to when its load began. So a load begins anew, and the answer to the one before is ignored,
when a `Gap` says that something was missed (a session says so when it has subscribed again to all that it had), when more is held
than may be, and when the caller asks (`Hydrate`). A load that fails is tried again after a back-off.

What becomes of held events
---------------------------
- A connection that is lost while loading changes nothing for them: they stay held, in order, for the next `Hydrated`.
- More than `hold` of them: they are let go, a `Gap` says so, and the snapshot is loaded again. Ledgered events are never let go,
  and do not count: their provider waits for ACKs, and sends no more than it owes.
- The session ends: they are delivered, without a `Hydrated`.
"""

from __future__ import annotations

import enum
import math
import random
from collections.abc import Sequence
from typing import Final, Generic, Protocol, TypeVar, runtime_checkable

import attrs

from ..errors import LocalProtocolError
from .around import Around
from .backoff import Backoff, BackoffPolicy
from .commands import AnyCommand, Hydrate
from .config import ConnectionConfig
from .effects import Done, Effect, Fetch, Outcome, Settled, Snapshot, Ticket, Token
from .events import CONTROL, Down, Gap, Hydrated, SnapshotFailed, Up
from .machine import Machine
from .transitions import Table

__all__ = ["GATE", "Gate", "GateTrigger", "Gated", "gated"]

EventT = TypeVar("EventT")


class Gate(enum.Enum):
    """Where a gate stands."""

    DOWN = "down"
    LOADING = "loading"
    BACKING_OFF = "backing off"
    OPEN = "open"
    ENDED = "ended"


class GateTrigger(enum.Enum):
    """What moves a gate on."""

    UP = "ready"
    DOWN = "lost"
    GAP = "something was missed"
    ASKED = "asked for again"
    OVERFLOW = "too much is held"
    LOADED = "loaded"
    FAILED = "the load failed"
    DUE = "back-off over"
    END = "session ended"


def _rows() -> dict[tuple[Gate, GateTrigger], Gate]:
    s, t = Gate, GateTrigger
    rows = {
        (s.LOADING, t.LOADED): s.OPEN,
        (s.LOADING, t.FAILED): s.BACKING_OFF,
        (s.LOADING, t.OVERFLOW): s.LOADING,
        (s.BACKING_OFF, t.DUE): s.LOADING,
        # The load that is still to begin will cover it.
        (s.BACKING_OFF, t.OVERFLOW): s.BACKING_OFF,
        (s.BACKING_OFF, t.GAP): s.BACKING_OFF,
        (s.BACKING_OFF, t.ASKED): s.LOADING,
        (s.DOWN, t.OVERFLOW): s.DOWN,
        (s.DOWN, t.GAP): s.DOWN,
        (s.DOWN, t.ASKED): s.DOWN,
    }
    for state in (s.OPEN, s.LOADING):
        rows[state, t.GAP] = rows[state, t.ASKED] = s.LOADING
    for state in (s.DOWN, s.LOADING, s.BACKING_OFF, s.OPEN):
        rows[state, t.UP] = s.LOADING
        rows[state, t.DOWN] = s.DOWN
        rows[state, t.END] = s.ENDED
    return rows


GATE: Final = Table(
    "gate",
    Gate.DOWN,
    _rows(),
    {
        Gate.DOWN: "no snapshot is being loaded",
        Gate.LOADING: "the snapshot is being loaded",
        Gate.BACKING_OFF: "no snapshot is being loaded",
        Gate.OPEN: "nothing is held",
        Gate.ENDED: "the session has ended",
    },
)
"""The way of one gate. Each transition to `LOADING` begins a load, also where it was `LOADING` before."""

_MOVES: Final[dict[type, GateTrigger]] = {Up: GateTrigger.UP, Down: GateTrigger.DOWN, Gap: GateTrigger.GAP}


@attrs.frozen
class _Held(Generic[EventT]):
    event: EventT
    ledgered: bool


class Gated(Around[EventT], Generic[EventT]):
    """`machine` behind a gate, by the contract of `core.machine`; answer its `Fetch(_, Snapshot())` as any other.

    `hold` is how many events are held at most, those of the type `ledgered` not counted. Of two snapshots asked for, the answer
    to the earlier is ignored: a driver may give its load up.
    """

    def __init__(
        self,
        machine: Machine[EventT],
        *,
        rng: random.Random,
        hold: int,
        ledgered: type | None = None,
        backoff: BackoffPolicy | None = None,
    ) -> None:
        super().__init__(machine)
        self._rng = rng
        self._hold = hold
        self._ledgered = ledgered
        self._policy = backoff or BackoffPolicy()
        self._backoff = Backoff(self._policy, rng)
        self._state = Gate.DOWN
        self._generation = 0
        # Below 0, where no machine's own tokens and tickets are.
        self._serial = 0
        self._token: Token | None = None
        self._retry_at = math.inf
        self._held: list[_Held[EventT]] = []
        self._loose = 0
        self._loose_since = 0.0
        self._effects: list[Effect] = []
        self._events: list[EventT | Hydrated[object] | SnapshotFailed | Gap] = []
        self._settled: list[Settled] = []

    # Inputs

    def submit(self, command: AnyCommand, now: float) -> Ticket:
        return self._hydrate(now) if isinstance(command, Hydrate) else super().submit(command, now)

    def fulfil(self, token: Token, outcome: Outcome, now: float) -> None:
        if token.serial >= 0:
            super().fulfil(token, outcome, now)
            return
        if token == self._token:
            self._token = None
            self._answered(outcome, now)
        self._after(now)

    def handle_timer(self, now: float, wall: float) -> None:
        super().handle_timer(now, wall)
        if self._state is Gate.BACKING_OFF and self._retry_at <= now:
            self._to(GateTrigger.DUE)
            self._load()

    # Outputs

    def next_deadline(self) -> float:
        due = self._machine.next_deadline()
        return min(due, self._retry_at) if self._state is Gate.BACKING_OFF else due

    def take_effects(self) -> Sequence[Effect]:
        effects = self._machine.take_effects()
        if not self._effects:
            return effects
        own, self._effects = self._effects, []
        return [*effects, *own]

    def take_events(self) -> Sequence[EventT | Hydrated[object] | SnapshotFailed | Gap]:
        events, self._events = self._events, []
        return events

    def take_settled(self) -> Sequence[Settled]:
        settled = self._machine.take_settled()
        if not self._settled:
            return settled
        own, self._settled = self._settled, []
        return [*settled, *own]

    # Within

    def _after(self, now: float) -> None:
        """Take what the machine has to say: pass it on, or hold it."""
        events = self._machine.take_events()
        if self._state is Gate.OPEN and CONTROL.isdisjoint(map(type, events)):
            self._events += events
        else:
            for event in events:
                self._sort(event, now)
        if self._machine.finished and self._state is not Gate.ENDED:
            self._to(GateTrigger.END)
            self._release()
        self._load()

    def _sort(self, event: EventT, now: float) -> None:
        kind = type(event)
        if kind in CONTROL:
            self._events.append(event)
            if isinstance(event, Up):
                self._generation = event.generation
            move = _MOVES.get(kind)
            if move is not None:
                self._to(move)
        elif self._state is Gate.OPEN:
            self._events.append(event)
        else:
            self._keep(event, now)

    def _keep(self, event: EventT, now: float) -> None:
        ledgered = self._ledgered is not None and isinstance(event, self._ledgered)
        self._held.append(_Held(event, ledgered))
        if ledgered:
            return
        if not self._loose:
            self._loose_since = self._wall(now)
        self._loose += 1
        if self._loose > self._hold:
            self._held = [held for held in self._held if held.ledgered]
            self._loose = 0
            # The wall clock may have been set back meanwhile.
            until = self._wall(now)
            self._events.append(Gap(now, min(self._loose_since, until), until))
            self._to(GateTrigger.OVERFLOW)

    def _release(self) -> None:
        self._events += (held.event for held in self._held)
        self._held.clear()
        self._loose = 0

    def _answered(self, outcome: Outcome, now: float) -> None:
        if isinstance(outcome, Done):
            self._to(GateTrigger.LOADED)
            self._backoff = Backoff(self._policy, self._rng)
            self._events.append(Hydrated(now, outcome.value))
            self._release()
        else:
            self._to(GateTrigger.FAILED)
            self._retry_at = now + self._backoff.delay()
            self._events.append(SnapshotFailed(now, outcome.error, self._retry_at))

    def _hydrate(self, now: float) -> Ticket:
        if self._state is Gate.ENDED:
            raise self.failure or LocalProtocolError("the stream has ended")
        self._to(GateTrigger.ASKED)
        self._load()
        self._serial -= 1
        ticket = Ticket(self._serial)
        self._settled.append(Settled(ticket))
        return ticket

    def _to(self, trigger: GateTrigger) -> None:
        self._state = GATE.next(self._state, trigger)
        # Whatever is being loaded is from before; where a snapshot is wanted now, `_load` asks for it.
        self._token = None

    def _load(self) -> None:
        """Ask for the snapshot, where it is wanted and has not been asked for."""
        if self._state is Gate.LOADING and self._token is None:
            self._serial -= 1
            self._token = Token(self._generation, self._serial)
            self._effects.append(Fetch(self._token, Snapshot()))


@runtime_checkable
class _Acked(Protocol):
    """The config of a provider that wants ACKs."""

    def acked(self) -> type:
        """The type of the events that are ACKed."""
        ...


def gated(machine: Machine[EventT], config: object, *, rng: random.Random, hold: int) -> Gated[EventT]:
    """`machine`, built from `config` and with the same `rng`, behind a gate."""
    ledgered = config.acked() if isinstance(config, _Acked) else None
    backoff = config.backoff if isinstance(config, ConnectionConfig) else None
    return Gated(machine, rng=rng, hold=hold, ledgered=ledgered, backoff=backoff)
