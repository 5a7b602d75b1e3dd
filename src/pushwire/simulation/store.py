"""A store in virtual time: durable, slow, and failing now and then, also after it has stored."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from ..core.effects import Committed, Done, Failed, Identity, Outcome, Persist, Restored, Ticket
from ..errors import StoreError
from ..stores.memory import MemoryStore

__all__ = ["SimulatedStore"]

_NAMESPACE = "simulation"


class SimulatedStore:
    """`delay` is seconds for a commit and for its answer each; while `failing`, commits fail."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._rows = MemoryStore()
        self.delay = 0.001
        self.failing = False

    def restored(self) -> Restored:
        """What a new process finds."""
        opening = self._rows.open(_NAMESPACE)
        try:
            opening.send(None)
        except StopIteration as done:
            restored: Restored = done.value
            return restored
        raise AssertionError("a memory store waits for nothing")

    def commit(self, persist: Persist, books: Mapping[Ticket, Callable[[None], object]]) -> Outcome:
        """Carry it out. What fails may have been stored all the same: then its outcome is unknown."""
        if self.failing and self._rng.random() < 0.7:
            return Failed(StoreError("the disk is full"))
        committed: Committed = self._rows.commit_now(_NAMESPACE, persist.writes, persist.mark, books)
        if self.failing and self._rng.random() < 0.5:
            return Failed(StoreError("the answer was lost", outcome="unknown"))
        return Done(committed)

    def is_finished(self, identity: Identity) -> bool:
        """Whether it is durable that this is done with."""
        return identity in self.restored().finished
