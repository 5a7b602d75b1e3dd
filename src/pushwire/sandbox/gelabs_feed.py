"""What the slots of the sandbox's gelabs are filled with, from a seed.

A slot holds what is due of the earlier transactions (a pending one gets its block, a confirmed one is reorganised), else a new
transaction. Who gets the messages is not decided here.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, NamedTuple

import attrs

from .gelabs_transactions import Data, as_pending, new_transaction, reorganised

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

    from .gelabs_transactions import Watched
    from .slots import Slots

__all__ = ["Feed", "Mix", "Produced"]


@attrs.frozen(kw_only=True)
class Mix:
    """What the feed is made of. Shares are of new transactions, between 0 and 1."""

    pending: float = 0.3
    """Share that is pushed as pending first, and confirmed later."""
    failed: float = 0.02
    """Share that ends as failed."""
    reorg: float = 0.05
    """Share that is sent again with another height, as after a reorganisation."""
    sparse: float = 0.2
    """Of the ERC-20 transfers, those with few fields (they come in one version only, since they do not say which)."""
    confirm_after: float = 2.0
    """Seconds, about, from pending to confirmed, and from there to the reorganisation."""


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
    """Fills slots: each with one message, whichever version of its transaction it is."""

    def __init__(self, slots: Slots, mix: Mix, rng: Random) -> None:
        self.slots: Slots = slots
        self._mix = mix
        self._rng = rng
        self._later: list[_Due] = []
        self._serial = 0

    def take(self, now: float, watched: Sequence[tuple[int, Watched]], wall: float) -> Iterator[Produced]:
        """What is due at `now`, for the addresses in `watched` (with the index of the account each belongs to)."""
        for slot in self.slots.take(now):
            produced = self._fill(slot, watched, wall - (now - slot))
            if produced is not None:
                yield Produced(*produced, now - slot)

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
