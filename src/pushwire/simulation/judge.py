"""What must be true, after every step and at the end. It looks from outside: at what was sent, stored, ACKed and delivered."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Collection, Hashable, Iterator
from typing import Final

import attrs

from ..core.effects import Done, Effect, Identity, Outcome, Persist, Settled, Ticket
from ..core.events import Gap, SubscriptionRefused, Up
from ..core.machine import Status
from ..sandbox.simulated import Simulated
from .agenda import WALL

__all__ = ["Judge", "Violation"]

STORM: Final = (60.0, 15)
"""No more than so many dials in so many seconds."""
SPIN: Final = 2000
"""Steps in one moment, in which a story that goes on has long let time pass."""
GRACE: Final = 5.0
"""Seconds beyond the longest back-off within which there must be another dial."""
WEIGHT: Final = 40
"""Items by which a client that is at rest may weigh more than a new one, beside what it is meant to remember. Less than a story
has messages, so that one item kept of each is noticed."""


class Violation(AssertionError):
    """Something that must be true is not."""


@attrs.define(eq=False)
class Judge:
    """`ledger`: the provider wants ACKs, and events are booked; `receipts`: it gets them before the caller gets the events, of
    which no more than `held` may be stored and `out` be with it at a time; `longest` is the longest back-off in seconds."""

    simulated: Simulated
    ledger: bool
    secrets: set[str]
    longest: float
    receipts: bool = False
    held: float = math.inf
    out: float = math.inf
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
    _durable: dict[Hashable, int] = attrs.Factory(dict[Hashable, int])
    """By the step of the commit: what may be ACKed."""
    _finished: set[Hashable] = attrs.Factory(set[Hashable])
    _parked: set[Hashable] = attrs.Factory(set[Hashable])
    _subscribed: set[Hashable] = attrs.Factory(set[Hashable])
    """What the server has ever been asked for."""
    _longest_read: int = 0
    """Messages in one read, which may exceed a limit."""
    _dial_by: float = math.inf
    _not_before: float = -math.inf
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
        if self.receipts:
            if key not in self._durable:
                raise Violation(f"delivered on a receipt for what is not durable: {key}")
            out = len(self._here) - len(self._finished.intersection(self._here))
            if out > self.out:
                raise Violation(f"{out} events are with the caller, of {self.out:g}")

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

    def read(self, messages: int) -> None:
        """The client is handed so many at once."""
        self._longest_read = max(self._longest_read, messages)

    def asks(self, effect: Effect) -> None:
        """The client asks for something to be done."""
        if not isinstance(effect, Persist):
            self._shows_no_secret(effect)

    def frame(self, text: str) -> None:
        """The client sends."""
        self._steps += 1
        self._said_at[text] = self._steps

    def heard(self, message: str | bytes, cleared: Collection[Hashable]) -> None:
        """The server hears a message, which cleared these: nothing may be ACKed that is not durable."""
        if not cleared:
            self._subscribed.update(self.simulated.subscribed())
            return
        self.counts["ACKed"] += len(cleared)
        said = self._said_at.get(message if isinstance(message, str) else "", 0)
        for key in cleared:
            if self._durable.get(key, math.inf) <= said:
                continue
            if self.simulated.exact or self._known_since.get(key, said) < said:
                raise Violation(f"ACKed before it was durable: {key}")
            if key not in self._durable:
                self.overtaken.add(key)

    def stored(self, persist: Persist, outcome: Outcome, *, durable: bool) -> None:
        """A commit was carried out, or failed, or failed and was carried out."""
        self._steps += 1
        self.counts["commits" if isinstance(outcome, Done) else "failed commits"] += 1
        if durable:
            self._note_durable(persist)

    def ended(self, now: float, retry_after: float | None = None) -> None:
        """A connection, or an attempt at one, has ended: there must be another one soon."""
        self._dial_by = now + max(self.longest, retry_after or 0.0) + GRACE
        self._not_before = now + (retry_after or 0.0)

    def dialled(self, now: float, status: Status) -> None:
        self._shows_no_secret(status)
        if now > self._dial_by:
            raise Violation("dials too late")
        if now < self._not_before:
            raise Violation("dials before the time that the server named")
        self._dial_by = math.inf
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
        self._dial_by, self._not_before = math.inf, -math.inf
        # Whatever starts it again has a back-off of its own.
        self._dials.clear()
        self._here.clear()
        self._known_since.clear()
        self._answered.clear()
        self._open.clear()

    # At the end

    def healed(self) -> None:
        """Nothing has gone wrong for so long that all must be well again."""
        missing = self._subscribed.difference(self.simulated.subscribed())
        if missing:
            raise Violation(f"not subscribed to again: {sorted(map(repr, missing))}")

    def left(self) -> None:
        """Nothing is wanted any more."""
        kept = self.simulated.subscribed() if self.simulated.leaves else ()
        if kept:
            raise Violation(f"still subscribed to, though nobody wants it: {sorted(map(repr, kept))}")

    def at_rest(self, weight: int) -> None:
        """Nothing is under way any more, and the client weighs so many items more than a new one."""
        if weight > WEIGHT:
            raise Violation(f"keeps {weight} items that it has no use for")

    def verdict(self, finished: Collection[Identity], *, subscribed: float, well_from: float, hold: float) -> None:
        """All is over, and it is durable that these are done with. `subscribed` is POSIX seconds of when all subscriptions were
        first made; from `well_from` on nothing may be missing, announced or not; a gap may begin `hold` seconds too late."""
        if self._open:
            raise Violation(f"never answered: {sorted(self._open)}")
        sent = self.simulated.sent()
        self.counts["sent"] += len(sent)
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
            if self.booked[key] != (key not in self._parked):
                raise Violation(f"booked {self.booked[key]} times: {key}")
        unacked = () if self.counts["crashes"] else self.simulated.unacked()
        if unacked:
            raise Violation(f"never ACKed, though it is done with: {next(iter(unacked))}")

    def _gap(self, gap: Gap) -> None:
        """What was told as not restored is missing until the next connection has all again, which is told as a gap as well."""
        since = gap.since
        if self._up_since:
            since, self._refused_at = min(since, self._refused_at), math.inf
        self.gaps.append((since, gap.until))

    def _note_durable(self, persist: Persist) -> None:
        for write in persist.writes:
            for record in write.records:
                if record.kind == "delivered":
                    continue
                self._durable.setdefault(record.identity, self._steps)
                if record.kind != "held":
                    self._finished.add(record.identity)
                if record.kind == "parked":
                    self._parked.add(record.identity)
        held = len(self._durable) - len(self._finished)
        if held > self.held + self._longest_read:
            raise Violation(f"{held} events are held, of {self.held:g}")

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
