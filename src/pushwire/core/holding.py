"""Receipts: a machine around a session with ACKs, for callers who are to be given time (`ack="on_receipt"`).

What arrives is made durable first, whole, as it came; then the provider gets its ACK; then it is delivered, until the caller
finishes it, in this run or a later one. The session inside knows nothing of that: to it, a message is finished as soon as it is
held, so its ledger, its low-water mark and its ACKs go on as ever. What it asks the store to remember as finished is written down
as held, with the message; the caller's `Finish` and `Park` come here, and send no frame.

What is in memory
-----------------
Of each held delivery its identity and state, and of no more than `HoldLimits.out` the event itself. What comes while that many
are with the caller waits in the store alone, and is loaded in the order it was received, a page at a time, as the caller finishes
others. When as much is held as may be, the session is not read (`Pause`): what is not read is not ACKed, and stays with the
provider. Before the connection is ready it is read all the same: it would never be.

What fails
----------
- A commit of what arrived: no ACK. It is tried again after a back-off, with all that has come meanwhile; nothing that came later
  is stored, ACKed or delivered before it.
- A load: tried again in the same way.
- A message that no longer decodes (another version of this library, a damaged file): it is parked, with the reason, and told as
  `Malformed`.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Generic, TypeVar

import attrs

from ..errors import LocalProtocolError, StoreError
from .acks import judge
from .around import Around
from .backoff import Backoff, BackoffPolicy
from .commands import AnyCommand, Finish, Park
from .effects import (
    Done,
    Effect,
    Fetch,
    Identity,
    Loaded,
    Outcome,
    Pause,
    Payloads,
    Persist,
    Record,
    Restored,
    Settled,
    Ticket,
    Token,
    Write,
)
from .events import Delivery, Down, Malformed, Up
from .holds import Hold, HoldLimits, HoldTrigger, Receivable, Row, Rows
from .machine import Machine, Status

__all__ = ["Holding"]

EventT = TypeVar("EventT")

FIRST: Final = 2**62
"""Of this machine's tokens and tickets: beyond those of any session, which count from 1, and of a gate, which count down."""
RESUME_AT: Final = 7 / 8
"""Of the limits: one stop and one start for many messages."""
RETRY: Final = BackoffPolicy(first=0.5, cap=10.0)


@attrs.frozen
class _Received(Generic[EventT]):
    event: EventT
    raw: str


class Holding(Around[EventT], Generic[EventT]):
    """`machine`, built from `holds.acked_already(restored)`, with receipts, by the contract of `core.machine`.

    Its events of the type `ledgered` must come out of the message that they are made of. `revive` makes such an event of the
    message once more; it raises `ValueError` where it cannot.
    """

    def __init__(
        self,
        machine: Machine[EventT],
        *,
        rng: random.Random,
        ledgered: type[Receivable],
        revive: Callable[[str, Identity, Delivery, float], EventT],
        restored: Restored,
        limits: HoldLimits | None = None,
    ) -> None:
        super().__init__(machine)
        self._ledgered = ledgered
        self._revive = revive
        self._rows = Rows(limits or HoldLimits())
        # In the order they were received: what is not durable yet (what a commit under way is to make so, first, and what comes
        # after it), and what waits in the store.
        self._received: dict[Identity, _Received[EventT]] = {}
        self._storing: tuple[Identity, ...] = ()
        self._fresh: list[Identity] = []
        self._waiting: deque[Identity] = deque()
        self._ticket: Ticket | None = None
        self._loading: tuple[Identity, ...] = ()
        self._unreadable: list[Record] = []
        self._persists: dict[Token, Write] = {}
        self._backoff = Backoff(RETRY, rng)
        self._retry_at = math.inf
        self._trouble: str | None = None
        self._mark = -math.inf if restored.mark is None else restored.mark
        self._serial = FIRST
        self._up = False
        self._paused = False
        self._stopping = False
        self._effects: list[Effect] = []
        self._events: list[EventT | Malformed] = []
        self._settled: list[Settled] = []
        for identity, held in restored.held.items():
            self._rows.add(identity, Row(held.size, "redelivery"), HoldTrigger.RESTORED)
            self._waiting.append(identity)

    # Inputs

    def start(self, now: float, wall: float) -> None:
        # As the session does with its own: a mark from a clock that ran ahead would hide what is still to come.
        self._mark = min(self._mark, wall)
        super().start(now, wall)

    def receive(self, messages: Sequence[str | bytes], now: float) -> None:
        machine = self._machine
        for message in messages:
            # One by one: only so is it known which message an event is made of.
            machine.receive((message,), now)
            self._sort(machine.take_events(), message)
        self._after(now)

    def submit(self, command: AnyCommand, now: float) -> Ticket:
        if not isinstance(command, Finish | Park):
            return super().submit(command, now)
        if self._over():
            raise self.failure or LocalProtocolError("the stream has ended")
        ticket = self._finish(command, now) if isinstance(command, Finish) else self._park(command, now)
        self._after(now)
        return ticket

    def fulfil(self, token: Token, outcome: Outcome, now: float) -> None:
        if token.serial < FIRST:
            super().fulfil(token, outcome, now)
            return
        write = self._persists.pop(token, None)
        if write is not None:
            self._settle(write, outcome, now)
        else:
            self._loaded(outcome, now)
        self._after(now)

    def stop(self, now: float) -> None:
        # What comes from now on is let go, un-ACKed; what is with the caller can still be finished.
        self._stopping = True
        super().stop(now)

    def handle_timer(self, now: float, wall: float) -> None:
        if self._retry_at <= now:
            self._retry_at = math.inf
        super().handle_timer(now, wall)

    # Outputs

    @property
    def finished(self) -> bool:
        return super().finished and not self._persists

    def next_deadline(self) -> float:
        return min(super().next_deadline(), self._retry_at)

    def take_effects(self) -> Sequence[Effect]:
        effects, self._effects = self._effects, []
        return effects

    def take_events(self) -> Sequence[EventT | Malformed]:
        events, self._events = self._events, []
        return events

    def take_settled(self) -> Sequence[Settled]:
        settled, self._settled = self._settled, []
        return settled

    def status(self) -> Status:
        return attrs.evolve(super().status(), unacked=len(self._rows), store_error=self._trouble)

    # What arrives

    def _sort(self, events: Iterable[EventT], raw: str | bytes | None) -> None:
        for event in events:
            if isinstance(event, Up | Down):
                self._up = isinstance(event, Up)
            if raw is None or not isinstance(event, self._ledgered):
                self._events.append(event)
            elif not self._stopping:
                text = raw if isinstance(raw, str) else raw.decode("utf-8", "surrogateescape")
                self._arrive(event, event.identity, event.delivery, text)

    def _arrive(self, event: EventT, identity: Identity, delivery: Delivery, raw: str) -> None:
        self._received[identity] = _Received(event, raw)
        self._fresh.append(identity)
        if identity not in self._rows:
            # Else the session has forgotten it, of too many: it is ACKed again, and delivered as before.
            self._rows.add(identity, Row(len(raw), delivery), HoldTrigger.ARRIVED)

    def _store(self, now: float) -> None:
        """All that has come since the last commit began, in the next one."""
        self._storing, self._fresh = tuple(self._fresh), []
        self._ticket = self._machine.submit(Finish(self._storing), now)

    def _as_held(self, persist: Persist) -> Persist:
        """What the session asks for, with what it takes for finished as held."""
        writes = tuple(self._held(write) if write.ticket == self._ticket else write for write in persist.writes)
        return attrs.evolve(persist, writes=writes)

    def _held(self, write: Write) -> Write:
        received = self._received
        return Write(None, tuple(Record("held", r.identity, r.at, raw=received[r.identity].raw) for r in write.records))

    def _stored(self, error: BaseException | None, now: float) -> None:
        storing, self._storing, self._ticket = self._storing, (), None
        if error is not None:
            self._fresh = [*storing, *self._fresh]
            self._fail(error, now)
            return
        self._recovered()
        for identity in storing:
            received = self._received.pop(identity)
            if self._rows.state(identity) is not Hold.RECEIVED:
                continue
            if self._rows.room(identity) and not (self._waiting or self._loading or self._stopping):
                self._rows.move(identity, HoldTrigger.HANDED)
                self._events.append(received.event)
            else:
                self._rows.move(identity, HoldTrigger.QUEUED)
                self._waiting.append(identity)

    # What waits in the store

    def _load(self) -> None:
        """Ask for as much as may go out."""
        page: list[Identity] = []
        while self._waiting and self._rows.room(self._waiting[0]):
            identity = self._waiting.popleft()
            self._rows.move(identity, HoldTrigger.LOAD)
            page.append(identity)
        if page:
            self._loading = tuple(page)
            self._effects.append(Fetch(self._token(), Payloads(self._loading)))

    def _loaded(self, outcome: Outcome, now: float) -> None:
        identities, self._loading = self._loading, ()
        loaded = outcome.value if isinstance(outcome, Done) else outcome.error
        if isinstance(loaded, Loaded) and not self._stopping:
            self._recovered()
            for identity in identities:
                self._deliver(identity, loaded.raws.get(identity), now)
            return
        for identity in identities:
            self._rows.move(identity, HoldTrigger.QUEUED)
        self._waiting.extendleft(reversed(identities))
        if not isinstance(loaded, Loaded):
            self._fail(loaded if isinstance(loaded, Exception) else StoreError("the store gave no answer"), now)

    def _deliver(self, identity: Identity, raw: str | None, now: float) -> None:
        try:
            if raw is None:
                raise ValueError("its payload is not in the store")
            event = self._revive(raw, identity, self._rows[identity].delivery, now)
        except ValueError as error:
            reason = str(error)
            self._rows.move(identity, HoldTrigger.UNREADABLE)
            self._unreadable.append(Record("parked", identity, self._wall(now), reason, raw or ""))
            self._events.append(Malformed(now, raw or "", reason))
        else:
            self._rows.move(identity, HoldTrigger.HANDED)
            self._events.append(event)

    # What the caller settles

    def _finish(self, command: Finish, now: float) -> Ticket:
        held: list[Identity] = []
        others: list[Identity] = []
        for identity in dict.fromkeys(command.identities):
            if identity in self._rows:
                self._check(identity, "settle")
                held.append(identity)
            else:
                others.append(identity)
        if others or not held:
            # What is held no longer is finished, or unknown: the session's ledger knows, and refuses what is.
            ticket = self._machine.submit(Finish(tuple(others)), now)
            if not held:
                return ticket
            self._absorb(now)
            self._settled = [settled for settled in self._settled if settled.ticket != ticket]
        at = self._wall(now)
        return self._commit(tuple(Record("finished", identity, at) for identity in held))

    def _park(self, command: Park, now: float) -> Ticket:
        self._check(command.identity, "park")
        return self._commit((Record("parked", command.identity, self._wall(now), command.reason, command.raw),))

    def _check(self, identity: Identity, what: str) -> None:
        state = self._rows.state(identity)
        if state is not Hold.HANDED:
            raise LocalProtocolError(f"cannot {what} {identity.key}: it is {state.value}")

    def _commit(self, records: tuple[Record, ...]) -> Ticket:
        for record in records:
            self._rows.move(record.identity, HoldTrigger.FINISH)
        self._serial += 1
        ticket = Ticket(self._serial)
        self._persist(Write(ticket, records))
        return ticket

    def _persist(self, write: Write) -> None:
        token = self._token()
        self._persists[token] = write
        self._effects.append(Persist(token, (write,), self._mark))

    def _settle(self, write: Write, outcome: Outcome, now: float) -> None:
        failure, failed = judge(outcome)
        error = failure if failure is not None or write.ticket is None else failed.get(write.ticket)
        if write.ticket is not None:
            self._settled.append(Settled(write.ticket, error=error))
        elif error is not None:
            self._unreadable = [*write.records, *self._unreadable]
            self._fail(error, now)
            return
        for record in write.records:
            self._rows.move(record.identity, HoldTrigger.COMMITTED if error is None else HoldTrigger.FAILED)

    # Within

    def _after(self, now: float) -> None:
        """After every input: take what the session has to say, and see what can be done next."""
        self._absorb(now)
        if self._over():
            self._let_go()
        elif self._retry_at == math.inf:
            if self._fresh and not self._storing:
                self._store(now)
                self._absorb(now)
            if self._unreadable:
                records, self._unreadable = self._unreadable, []
                self._persist(Write(None, tuple(records)))
            if self._waiting and not self._loading and not self._stopping and self._rows.half_out:
                self._load()
        full = self._up and not self._stopping and self._rows.full(RESUME_AT if self._paused else 1.0)
        if full is not self._paused:
            self._paused = full
            self._effects.append(Pause(full))

    def _absorb(self, now: float) -> None:
        machine = self._machine
        self._sort(machine.take_events(), None)
        for effect in machine.take_effects():
            if isinstance(effect, Persist):
                self._mark = effect.mark
                self._effects.append(effect if self._ticket is None else self._as_held(effect))
            else:
                self._effects.append(effect)
        for settled in machine.take_settled():
            if settled.ticket == self._ticket:
                self._stored(settled.error, now)
            else:
                self._settled.append(settled)

    def _let_go(self) -> None:
        """The session has ended: what is not on its way to the store stays with the provider."""
        for identity in self._fresh:
            del self._received[identity]
            if self._rows.state(identity) is Hold.RECEIVED:
                self._rows.forget(identity)
        self._fresh.clear()
        self._retry_at = math.inf

    def _over(self) -> bool:
        return self._machine.failure is not None or self._machine.finished

    def _fail(self, error: BaseException, now: float) -> None:
        self._trouble = str(error)
        self._retry_at = now + self._backoff.delay()

    def _recovered(self) -> None:
        """The store works."""
        self._backoff.attempt = 0
        self._trouble = None

    def _token(self) -> Token:
        self._serial += 1
        return Token(0, self._serial)
