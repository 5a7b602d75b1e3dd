"""What is held: received, ACKed to the provider, and not yet finished by the caller. How one such row moves, and how many may be.

`core.holding` is the machine that moves them.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Final, Protocol

import attrs

from .effects import Identity, Restored
from .events import Delivery
from .states import HashedByIdentity
from .transitions import Table

__all__ = ["HOLD", "Hold", "HoldLimits", "HoldTrigger", "Receivable", "Row", "Rows", "acked_already"]


class Hold(HashedByIdentity):
    """Where one held delivery stands."""

    UNSEEN = "unseen"
    RECEIVED = "received"  # not durable yet, and therefore neither ACKed nor delivered
    WAITING = "waiting"  # in the store alone
    LOADING = "loading"
    HANDED = "handed over"  # in the inbox, or in the caller's hands
    COMMITTING = "committing"
    FINISHED = "finished"


class HoldTrigger(HashedByIdentity):
    """What moves one held delivery on."""

    ARRIVED = "arrived"
    RESTORED = "restored"
    QUEUED = "queued"
    LOAD = "load"
    HANDED = "delivered"
    UNREADABLE = "no longer decodes"
    FINISH = "finish"
    COMMITTED = "committed"
    FAILED = "commit failed"


HOLD: Final = Table(
    "held",
    Hold.UNSEEN,
    {
        (Hold.UNSEEN, HoldTrigger.ARRIVED): Hold.RECEIVED,
        (Hold.UNSEEN, HoldTrigger.RESTORED): Hold.WAITING,
        (Hold.RECEIVED, HoldTrigger.HANDED): Hold.HANDED,
        (Hold.RECEIVED, HoldTrigger.QUEUED): Hold.WAITING,
        (Hold.WAITING, HoldTrigger.LOAD): Hold.LOADING,
        (Hold.LOADING, HoldTrigger.HANDED): Hold.HANDED,
        (Hold.LOADING, HoldTrigger.QUEUED): Hold.WAITING,
        (Hold.LOADING, HoldTrigger.UNREADABLE): Hold.COMMITTING,
        (Hold.HANDED, HoldTrigger.FINISH): Hold.COMMITTING,
        (Hold.COMMITTING, HoldTrigger.COMMITTED): Hold.FINISHED,
        (Hold.COMMITTING, HoldTrigger.FAILED): Hold.HANDED,
    },
    {
        Hold.UNSEEN: "this delivery is unknown",
        Hold.RECEIVED: "it is not durable yet",
        Hold.WAITING: "it was not delivered yet",
        Hold.LOADING: "it is being loaded",
        Hold.HANDED: "its commit was not asked for",
        Hold.COMMITTING: "it is being settled already",
        Hold.FINISHED: "it is settled already",
    },
)
"""The life of one held delivery."""

_OUT: Final = frozenset({Hold.LOADING, Hold.HANDED, Hold.COMMITTING})


class Receivable(Protocol):
    """An event that can be held."""

    @property
    def identity(self) -> Identity:
        """What the ledger knows it by."""
        ...

    @property
    def delivery(self) -> Delivery:
        """Why it is delivered."""
        ...


def acked_already(restored: Restored) -> Restored:
    """What a session is told of an earlier run: what was held then has its ACK, and a resend of it is not delivered."""
    held = {identity: row.at for identity, row in restored.held.items()}
    finished = dict(sorted([*held.items(), *restored.finished.items()], key=itemgetter(1))) if held else restored.finished
    return Restored(finished, restored.delivered, restored.mark)


@attrs.frozen
class HoldLimits:
    """`rows` and `bytes` are how much may be held in all, beyond which nothing more is read; `out` and `out_bytes` how much of it
    may be with the caller, and how much may wait for its commit, at a time. Each may be exceeded by what one read brings."""

    rows: int = 100_000
    bytes: int = 256 * 2**20
    out: int = 512
    out_bytes: int = 16 * 2**20


@attrs.define
class Row:
    """One held delivery: its size (about so many bytes), and how it is delivered."""

    size: int
    delivery: Delivery
    state: Hold = HOLD.initial


class Rows:
    """All that is held, and how much that is."""

    __slots__ = ("_bytes", "_limits", "_out", "_out_bytes", "_received", "_received_bytes", "_rows")

    def __init__(self, limits: HoldLimits) -> None:
        self._limits = limits
        self._rows: dict[Identity, Row] = {}
        self._bytes = 0
        self._out = self._out_bytes = 0
        self._received = self._received_bytes = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, identity: Identity) -> bool:
        return identity in self._rows

    def __getitem__(self, identity: Identity) -> Row:
        return self._rows[identity]

    def state(self, identity: Identity) -> Hold:
        row = self._rows.get(identity)
        return Hold.UNSEEN if row is None else row.state

    def add(self, identity: Identity, row: Row, trigger: HoldTrigger) -> None:
        """One more."""
        self._rows[identity] = row
        self._bytes += row.size
        self._count(row, 1)
        self.move(identity, trigger)

    def move(self, identity: Identity, trigger: HoldTrigger) -> Row:
        """Raises `LocalProtocolError` where the table refuses it. What is finished is held no longer."""
        row = self._rows[identity]
        after = HOLD.next(row.state, trigger)
        self._count(row, -1)
        row.state = after
        self._count(row, 1)
        if after is Hold.FINISHED:
            self.forget(identity)
        return row

    def forget(self, identity: Identity) -> None:
        """It is held no longer."""
        row = self._rows.pop(identity)
        self._count(row, -1)
        self._bytes -= row.size

    def room(self, identity: Identity) -> bool:
        """Whether this one may go out beside what is; one may always be out."""
        limits = self._limits
        return not self._out or (self._out < limits.out and self._out_bytes + self._rows[identity].size <= limits.out_bytes)

    @property
    def half_out(self) -> bool:
        """Whether so little is out that it is worth while to load more."""
        return self._out <= self._limits.out // 2

    def full(self, part: float) -> bool:
        """Whether this part of what may be held is, or waits for its commit."""
        limits = self._limits
        return (
            len(self._rows) >= part * limits.rows
            or self._bytes >= part * limits.bytes
            or self._received >= part * limits.out
            or self._received_bytes >= part * limits.out_bytes
        )

    def _count(self, row: Row, by: int) -> None:
        if row.state in _OUT:
            self._out += by
            self._out_bytes += by * row.size
        elif row.state is Hold.RECEIVED:
            self._received += by
            self._received_bytes += by * row.size
