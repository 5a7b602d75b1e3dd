"""What must be true, after every step and at the end. It looks from outside: at what was sent, stored, ACKed and delivered."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Collection, Hashable, Iterator
from typing import Final

import attrs

from ..core.effects import Done, Identity, Outcome, Persist, Settled, Ticket
from ..core.events import Gap, SubscriptionRefused, Up
from ..sandbox.simulated import Simulated
from .agenda import WALL
from .store import SimulatedStore

__all__ = ["Judge", "Violation"]

STORM: Final = (60.0, 15)
"""No more than so many dials in so many seconds."""
SPIN: Final = 2000
"""Steps in one moment, in which a story that goes on has long let time pass."""


class Violation(AssertionError):
    """Something that must be true is not."""


@attrs.define(eq=False)
class Judge:
    """`distinct`: a message sent twice can be told from two; `ledger`: the provider wants ACKs, and events are booked."""

    simulated: Simulated
    ledger: bool
    secrets: Collection[str]
    arrived: Counter[Hashable] = attrs.Factory(Counter[Hashable])
    """In all processes."""
    booked: Counter[Hashable] = attrs.Factory(Counter[Hashable])
    gaps: list[tuple[float, float]] = attrs.Factory(list[tuple[float, float]])
    overtaken: set[Hashable] = attrs.Factory(set[Hashable])
    """What came while the ACK of an earlier one of its key was on its way, which cleared it."""
    counts: Counter[str] = attrs.Factory(Counter[str])
    _here: Counter[Hashable] = attrs.Factory(Counter[Hashable])
    _steps: int = 0
    _refused_at: float = math.inf
    _up_since: bool = False
    _known_since: dict[Hashable, int] = attrs.Factory(dict[Hashable, int])
    _said_at: dict[str, int] = attrs.Factory(dict[str, int])
    _finished: dict[Hashable, int] = attrs.Factory(dict[Hashable, int])
    """By the step of the commit."""
    _dials: deque[float] = attrs.Factory(deque[float])
    _open: set[Ticket] = attrs.Factory(set[Ticket])
    _answered: set[Ticket] = attrs.Factory(set[Ticket])

    # Step by step

    def event(self, event: object) -> None:
        self._steps += 1
        self._shows_no_secret(event)
        if isinstance(event, Gap):
            self._gap(event)
            return
        if isinstance(event, SubscriptionRefused):
            self._refused_at, self._up_since = min(self._refused_at, event.received + WALL), False
            return
        if isinstance(event, Up):
            self._up_since = True
        key = self.simulated.key(event)
        if key is None:
            return
        self.counts["delivered"] += 1
        self.arrived[key] += 1
        self._here[key] += 1
        self._known_since.setdefault(key, self._steps)
        if self._here[key] > 1 and (self.ledger or self.simulated.distinct):
            raise Violation(f"delivered twice: {key}")
        if key in self._finished:
            raise Violation(f"delivered although it is durable that it is done with: {key}")

    def asked(self, ticket: Ticket) -> None:
        """A command of the caller's."""
        self._open.add(ticket)

    def forgotten(self, ticket: Ticket) -> None:
        """The caller no longer waits."""
        self._open.discard(ticket)
        self._answered.add(ticket)

    def settled(self, settled: Settled) -> None:
        self._steps += 1
        self._shows_no_secret(settled)
        if settled.ticket in self._answered:
            raise Violation(f"answered twice, or though nobody waits: {settled.ticket}")
        self._answered.add(settled.ticket)
        self._open.discard(settled.ticket)

    def frame(self, text: str) -> None:
        """The client sends."""
        self._steps += 1
        self._said_at[text] = self._steps

    def heard(self, message: str | bytes, cleared: Collection[Hashable], store: SimulatedStore) -> None:
        """The server hears a message, which cleared these: nothing may be ACKed that is not durable."""
        if not cleared:
            return
        self.counts["ACKed"] += len(cleared)
        said = self._said_at.get(message if isinstance(message, str) else "", 0)
        for key in cleared:
            if self._finished.get(key, said) < said:
                continue
            if self._known_since.get(key, said) < said:
                raise Violation(f"ACKed before it was durable: {key}")
            if key not in self._finished:
                self.overtaken.add(key)

    def stored(self, persist: Persist, outcome: Outcome) -> None:
        """A commit was carried out, or failed."""
        self._steps += 1
        done = isinstance(outcome, Done)
        self.counts["commits" if done else "failed commits"] += 1
        if done:
            self._note_finished(persist)

    def dialled(self, now: float) -> None:
        seconds, most = STORM
        self.counts["dials"] += 1
        self._dials.append(now)
        while self._dials[0] < now - seconds:
            self._dials.popleft()
        if len(self._dials) > most:
            raise Violation(f"{len(self._dials)} dials within {seconds:g} s")

    def unnoticed(self) -> None:
        """The client is on a connection that has long been broken."""
        raise Violation("a silent stall: the connection is broken, and the client has not noticed in time")

    def not_spinning(self, steps: int) -> None:
        """So many steps since time last passed."""
        if steps > SPIN:
            raise Violation("time stands still: a deadline is never met")

    def crashing(self) -> None:
        """The client's process dies."""
        self.counts["crashes"] += 1
        self._here.clear()
        self._known_since.clear()
        self._answered.clear()
        self._open.clear()

    # At the end

    def verdict(self, store: SimulatedStore, *, subscribed: float, well_from: float, hold: float) -> None:
        """All is over. `subscribed` is POSIX seconds of when all subscriptions were first made; from `well_from` on nothing may
        be missing, announced or not; a gap may begin `hold` seconds too late."""
        if self._open:
            raise Violation(f"never answered: {sorted(self._open)}")
        sent = self.simulated.sent()
        self.counts["sent"] += len(sent)
        finished = {key for key in sent if isinstance(key, Identity) and store.is_finished(key)} if self.ledger else set[object]()
        for key, at in sent.items():
            if at < subscribed:
                continue
            there = key in finished or key in self.overtaken if self.ledger else self.arrived[key] > 0
            if there:
                continue
            if at >= well_from:
                raise Violation(f"never came, though nothing went wrong any more: {key}")
            if not any(since - hold <= at <= until for since, until in self.gaps):
                raise Violation(f"lost, and nothing was said of it: {key}")
            self.counts["missed in gaps"] += 1
        for key in finished:
            if self.booked[key] != 1:
                raise Violation(f"booked {self.booked[key]} times: {key}")

    def _gap(self, gap: Gap) -> None:
        """What was told as not restored is missing until the next connection has all again, which is told as a gap as well."""
        since = gap.since
        if self._up_since:
            since, self._refused_at = min(since, self._refused_at), math.inf
        self.gaps.append((since, gap.until))

    def _note_finished(self, persist: Persist) -> None:
        for write in persist.writes:
            for record in write.records:
                if record.kind in ("finished", "parked"):
                    self._finished.setdefault(record.identity, self._steps)

    def _shows_no_secret(self, said: object) -> None:
        shown = "".join(_texts(said))
        for secret in self.secrets:
            if secret in shown:
                raise Violation(f"a secret is shown by {type(said).__name__}")


def _texts(said: object) -> Iterator[str]:
    """What a log would show."""
    if isinstance(said, Settled):
        if said.error is not None:
            yield f"{said.error!r}"
    else:
        yield repr(said)
