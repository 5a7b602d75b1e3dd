"""When the sandbox's gelabs produces which transaction: a schedule of slots at a steady rate, filled from a seed.

A slot holds what is due of the earlier transactions (a pending one gets its block, a confirmed one is reorganised), else a new
transaction. Slots follow from the rate alone, never from when the timer happened to be handled, so a seed gives the same feed on
a slow machine. Who gets the messages is not decided here.
"""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING, Final, NamedTuple

import attrs

from .gelabs_transactions import Data, as_pending, new_transaction, reorganised

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

    from .gelabs_transactions import Watched

__all__ = ["Feed", "Mix", "Produced"]

QUANTUM: Final = 0.01
"""Seconds between two runs at least: at high rates a timer for each message would cost more than the message."""

BATCH: Final = 500
"""Slots filled in one run, so that a feed that fell behind does not keep its driver from sending."""


@attrs.frozen(kw_only=True)
class Mix:
    """What the feed is made of. Shares are of new transactions, between 0 and 1.

    `pending`: pushed as pending first, confirmed about `confirm_after` seconds later. `failed`: ends as failed. `reorg`: sent
    again with another height, as long after. `sparse`: of the ERC-20 transfers, those with few fields (they come in one version
    only, since they do not say which).
    """

    pending: float = 0.3
    failed: float = 0.02
    reorg: float = 0.05
    sparse: float = 0.2
    confirm_after: float = 2.0


class Produced(NamedTuple):
    """One message to push: whose it is (an account's index), its data, and how many seconds ago its slot was."""

    account: int
    data: Data
    age: float


class _Due(NamedTuple):
    at: float
    serial: int
    account: int
    data: Data


class Feed:
    """A schedule of messages. `rate` is messages a second, all versions counted; 0 is off."""

    def __init__(self, rate: float, mix: Mix, rng: Random) -> None:
        self._interval = 1 / rate if rate > 0 else math.inf
        self._mix = mix
        self._rng = rng
        self._first = math.inf
        self._slot = 0
        self._quiet_until = -math.inf
        self._later: list[_Due] = []
        self._serial = 0

    def start(self, now: float) -> None:
        """The first slot is one interval from `now`. Harmless when started already."""
        if self._first == math.inf and self._interval < math.inf:
            self._first = now + self._interval

    def stop(self) -> None:
        """No more slots, for good."""
        self._first = math.inf
        self._interval = math.inf

    def next_deadline(self) -> float:
        return max(self._slot_time(), self._quiet_until)

    def take(self, now: float, watched: Sequence[tuple[int, Watched]], wall: float) -> Iterator[Produced]:
        """What is due at `now`, for the addresses in `watched` (with the index of the account each belongs to)."""
        if now < self.next_deadline():
            return
        self._quiet_until = now + QUANTUM
        for _ in range(BATCH):
            slot = self._slot_time()
            if slot > now:
                return
            self._slot += 1
            produced = self._fill(slot, watched, wall - (now - slot))
            if produced is not None:
                yield Produced(*produced, now - slot)

    def _slot_time(self) -> float:
        # Counted from the first one: adding up intervals would drift.
        return self._first if self._first == math.inf else self._first + self._slot * self._interval

    def _fill(self, slot: float, watched: Sequence[tuple[int, Watched]], wall: float) -> tuple[int, Data] | None:
        if self._later and self._later[0].at <= slot:
            due = heapq.heappop(self._later)
            return due.account, due.data
        if not watched:
            return None
        rng, mix = self._rng, self._mix
        account, address = watched[rng.randrange(len(watched))]
        data = new_transaction(address, wall, rng, sparse_share=mix.sparse)
        is_pending, fails, moves = rng.random() < mix.pending, rng.random() < mix.failed, rng.random() < mix.reorg
        if "txStatus" not in data:
            return account, data
        if fails:
            data["txStatus"] = "failed"
        final_at = self._soon(slot) if is_pending else slot
        if is_pending:
            self._plan(final_at, account, data)
        if moves:
            self._plan(self._soon(final_at), account, reorganised(data, rng.randint(1, 3)))
        return account, as_pending(data) if is_pending else data

    def _soon(self, at: float) -> float:
        return at + self._mix.confirm_after * self._rng.uniform(0.5, 1.5)

    def _plan(self, at: float, account: int, data: Data) -> None:
        self._serial += 1
        heapq.heappush(self._later, _Due(at, self._serial, account, data))
