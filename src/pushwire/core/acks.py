"""A session whose provider wants every message ACKed, and sends again what was not.

It joins three things that are separate below: the ledger (what is owed), the store (what is durable) and the wire (what the
provider was told). An ACK leaves only after the `Persist` of every version of its key was fulfilled; it is owed until the
provider has confirmed it, through any number of reconnects.

The low-water mark
------------------
After a reconnect the provider is asked for everything since the mark: the last moment up to which nothing can be missing, or
that moment as it stood when the oldest delivery still unfinished came. It moves on when a heartbeat is answered, to when its ping
was sent, but only once the connection has been up, and read, for `settle_after` seconds: before that, the resend of an earlier
silence may still be under way.
"""

from __future__ import annotations

import abc
import math
import random
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

import attrs

from ..errors import LocalProtocolError, StoreError
from .commands import AnyCommand, Finish, Park
from .config import ConnectionConfig, checked, count, seconds
from .dialect import Dialect
from .effects import Committed, Done, Identity, Outcome, Persist, Record, Resends, Restored, Ticket, Token, Write
from .events import AckRefused, Delivery, Gap
from .ledger import Entry, Key, Ledger
from .machine import Status
from .owed import Ack, Owed
from .session import Session

__all__ = ["AckConfig", "AckSession", "judge"]

EventT = TypeVar("EventT")
TopicT = TypeVar("TopicT", bound=Hashable)

ACK_TRIES: Final = 2
"""ACK frames sent on one connection for one key before the provider's silence is reported."""


@attrs.frozen(kw_only=True)
class AckConfig(ConnectionConfig):
    """Settings of a ledgered connection. Times are seconds."""

    resend_min: float = attrs.field(default=180.0, metadata=checked(seconds))
    """The shortest resend window asked for."""
    resend_cap: float = attrs.field(default=86_400.0, metadata=checked(seconds))
    """The longest; what an outage exceeds it by is announced as a `Gap`."""
    resend_margin: float = attrs.field(default=30.0, metadata=checked(seconds))
    """Added to the window, for clocks that differ and messages under way."""
    settle_after: float = attrs.field(default=60.0, metadata=checked(seconds))
    """How long a resend may take at most."""
    mark_every: float = attrs.field(default=300.0, metadata=checked(seconds))
    """How old the durable low-water mark may grow while there is nothing to commit."""
    remember: int = attrs.field(default=1_000_000, metadata=checked(count))
    """Finished deliveries kept in memory to recognise resends."""

    def resends(self) -> Resends:
        """What a store must keep, since the provider may send it again."""
        return Resends(self.resend_min + self.resend_margin, self.resend_cap + self.resend_margin)

    def _mismatches(self) -> Iterable[str]:
        return ("resend_cap: must not be below resend_min",) if self.resend_cap < self.resend_min else ()


class AckSession(Session[EventT, TopicT], abc.ABC):
    """A session with a ledger. The abstract methods are what a provider adds beside those of `Session`."""

    replays = True

    def __init__(
        self,
        config: AckConfig,
        dialect: Dialect[TopicT],
        *,
        rng: random.Random,
        ids: Callable[[], str],
        restored: Restored,
    ) -> None:
        super().__init__(config, dialect, rng=rng, ids=ids)
        self._ack_settings = config
        self._ledger = Ledger(restored, horizon=config.resend_cap + config.resend_margin, capacity=config.remember)
        self._base = self._saved_mark = -math.inf if restored.mark is None else restored.mark
        self._persists: dict[Token, tuple[Write, ...]] = {}
        self._owed = Owed(config.reply_timeout)
        self._settles_at = math.inf
        self._acks_sent = 0
        self._acks_confirmed = 0

    @abc.abstractmethod
    def _acks_of(self, keys: Sequence[Key]) -> Sequence[Ack]:
        """The ACKs of these keys, with what each names beside its key: None where the key says all. A key with nothing left to
        ACK has none."""

    @abc.abstractmethod
    def _ack_frames(self, ids: Sequence[str], acks: Sequence[Ack]) -> Iterable[str]:
        """The frames of these ACKs, each with its id, whose answers are handed to `_acks_answered`."""

    @abc.abstractmethod
    def _acks_done(self, acks: Sequence[Ack]) -> None:
        """The provider has answered these."""

    # Inputs

    def submit(self, command: AnyCommand, now: float) -> Ticket:
        if not isinstance(command, Finish | Park):
            return super().submit(command, now)
        if self._failure is not None or self.finished:
            raise self._failure or LocalProtocolError("the stream has ended")
        return self._finish(command, now) if isinstance(command, Finish) else self._park(command, now)

    def fulfil(self, token: Token, outcome: Outcome, now: float) -> None:
        writes = self._persists.pop(token, None)
        if writes is None:
            super().fulfil(token, outcome, now)
            return
        failure, failed = judge(outcome)
        if failure is not None:
            # What was to be stored beside the tickets rides in the next commit, which the next answered heartbeat asks for.
            self._saved_mark = -math.inf
        for write in writes:
            if write.ticket is not None:
                self._settle_write(write.ticket, write, failed.get(write.ticket) if failure is None else failure)
            elif failure is not None:
                self._ledger.not_saved(write.records)
        self._send_owed(now)
        self._check_flushed(now)

    @property
    def finished(self) -> bool:
        return super().finished and not self._persists

    def next_deadline(self) -> float:
        due = super().next_deadline()
        return min(due, self._owed.due()) if self._paused_at is None and self._up() else due

    def reading(self, on: bool, now: float) -> None:
        paused_at = self._paused_at
        super().reading(on, now)
        if on and paused_at is not None:
            paused = now - paused_at
            self._owed.resumed(now, paused)
            if self._settles_at > paused_at:
                # What began in between has not waited all of the pause.
                self._settles_at = min(self._settles_at + paused, now + self._ack_settings.settle_after)

    def status(self) -> Status:
        return attrs.evolve(
            super().status(),
            unacked=self._ledger.unfinished,
            withheld=self._ledger.withheld,
            acks_sent=self._acks_sent,
            acks_confirmed=self._acks_confirmed,
        )

    # For providers

    def _received(self, identity: Identity, now: float, *, reorg: bool = False) -> Delivery | None:
        """A message arrived: how it is to be delivered, None: not again."""
        # A resend has its message's old time for the provider, however late it comes; only what is older than the mark is certain
        # to have come before.
        delivery = self._ledger.receive(identity, self._base, reorg=reorg)
        if delivery == "withheld":
            return None
        if delivery == "ack again":
            self._ack_again((identity.key,), now)
            return None
        return delivery

    def _ack_again(self, keys: Iterable[Key], now: float) -> None:
        """Resends came of these keys, which are finished: their ACKs have not reached the provider."""
        self._owed.add(keys)
        self._send_owed(now)

    def _resend_window(self, wall: float) -> int:
        """Seconds to ask the provider to resend, rounded up."""
        settings = self._ack_settings
        wanted = wall - self._mark() + settings.resend_margin
        return math.ceil(max(settings.resend_min, min(wanted, settings.resend_cap)))

    def _acks_answered(self, ids: Sequence[str], now: float, error: tuple[int | str | None, str] | None = None) -> list[bool]:
        """Replies to ACKs came, all the same; `error` is the provider's code and text. False for an id that no ACK has."""
        answered = self._owed.answered(ids)
        acks = list(filter(None, answered))
        if acks:
            self._answered = True
            self._acks_done(acks)
        if error is None:
            self._acks_confirmed += len(acks)
        else:
            code, text = error
            self._out.events += [AckRefused(now, key, code, self._redacted(text)) for key, _ in acks]
        return list(map(bool, answered))

    # The lifecycle

    def _on_start(self, now: float) -> None:
        wall = self._wall(now)
        if self._base == -math.inf:
            # A store never used before: nothing was promised for the time before now, and from now on everything is, also to
            # the run that follows a crash before the first commit.
            self._base = wall
            self._persist(())
        # A mark from a clock that ran ahead would hide all that happens until the true time catches up with it.
        self._base = self._saved_mark = min(self._base, wall)

    def _pong(self) -> float | None:
        sent = super()._pong()
        if sent is not None and sent >= self._settles_at:
            self._base = max(self._base, self._wall(sent))
            if self._mark() - self._saved_mark > self._ack_settings.mark_every:
                self._persist(())
        return sent

    def _on_ready(self, now: float) -> None:
        wall = self._wall(now)
        reach = wall - self._ack_settings.resend_cap
        if self._base < reach:
            self._out.events.append(Gap(now, self._base, reach))
            self._base = reach
        self._settles_at = now + self._ack_settings.settle_after
        self._send_owed(now)

    def _on_lost(self) -> None:
        self._owed.lost()
        self._settles_at = math.inf

    def _on_timer(self, now: float) -> None:
        for acks, tries in self._owed.overdue(now, ACK_TRIES):
            if tries < ACK_TRIES:
                self._send_acks(acks, tries + 1, now)
            else:
                self._out.events += [AckRefused(now, key, None, "no reply") for key, _ in acks]

    def _flushed(self) -> bool:
        return not self._persists and not self._owed.under_way

    # Within

    def _mark(self) -> float:
        oldest = self._ledger.oldest_unfinished()
        return self._base if oldest is None else min(self._base, oldest)

    def _finish(self, command: Finish, now: float) -> Ticket:
        held = self._ledger.finish(command.identities)
        ticket = self._ticket()
        if held:
            at = self._wall(now)
            self._commit(ticket, tuple([Record("finished", identity, at) for identity in held]))
        else:
            self._out.settle(ticket)
        return ticket

    def _park(self, command: Park, now: float) -> Ticket:
        if not self._ledger.finish((command.identity,)):
            raise LocalProtocolError(f"cannot park {command.identity.key}: it is {Entry.FINISHED.value}")
        ticket = self._ticket()
        record = Record("parked", command.identity, self._wall(now), command.reason, command.raw)
        self._commit(ticket, (record,))
        return ticket

    def _commit(self, ticket: Ticket, records: tuple[Record, ...]) -> None:
        self._persist((Write(ticket, records),))

    def _persist(self, writes: tuple[Write, ...]) -> None:
        unsaved = tuple([Record("delivered", identity, at) for identity, at in self._ledger.take_unsaved()])
        if unsaved:
            writes = (Write(None, unsaved), *writes)
        token = self._token()
        self._persists[token] = writes
        self._saved_mark = self._mark()
        self._out.effects.append(Persist(token, writes, self._saved_mark))

    def _settle_write(self, ticket: Ticket, write: Write, error: BaseException | None) -> None:
        identities = [record.identity for record in write.records]
        if error is not None:
            self._ledger.failed(identities)
        else:
            self._owed.add(self._ledger.committed(identities, write.records[-1].at))
        self._out.settle(ticket, error=error)

    def _send_owed(self, now: float) -> None:
        if self._up():
            keys = self._owed.take()
            if keys:
                acks = self._acks_of(keys)
                named = [key for key, _ in acks]
                if named != keys:
                    self._owed.drop({*keys}.difference(named))
                self._send_acks(acks, 1, now)

    def _send_acks(self, acks: Sequence[Ack], tries: int, now: float) -> None:
        unsettled = self._ledger.unsettled(key for key, _ in acks)
        if unsettled:
            # Another version came meanwhile, and the ACK might speak for it too. It is owed again when that one is finished.
            self._owed.drop(unsettled)
            acks = [ack for ack in acks if ack[0] not in unsettled]
        if acks:
            ids = [self._ids() for _ in acks]
            self._owed.sent(acks, ids, tries, now)
            self._exchange.urgent(now, len(acks))
            self._acks_sent += len(acks)
            self._out.effects += self._ack_frames(ids, acks)


def judge(outcome: Outcome) -> tuple[Exception | None, Mapping[Ticket, BaseException]]:
    """Why nothing was stored, None where it was; and the tickets that were left out."""
    if not isinstance(outcome, Done):
        return outcome.error, {}
    if not isinstance(outcome.value, Committed):
        return StoreError("the store gave no answer"), {}
    return None, outcome.value.failed
