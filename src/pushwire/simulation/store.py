"""A store in virtual time: durable, slow, and failing now and then, also after it has stored."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping

from ..core.effects import Committed, Done, Failed, Identity, Loaded, Outcome, Payloads, Persist, Restored, Ticket
from ..errors import StoreError
from ..stores.memory import MemoryStore

__all__ = ["Books", "SimulatedStore"]

_NAMESPACE = "simulation"

Books = Mapping[Ticket, Callable[[None], object]]


class SimulatedStore:
    """`delay` is seconds for a commit and for its answer each; while `failing`, commits and loads fail."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._rows = MemoryStore()
        self.delay: float = 0.001
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

    def commit(self, persist: Persist, books: Books) -> tuple[Outcome, bool]:
        """Carry it out: what is said of it, and whether it is durable. What fails may be stored all the same: then its outcome
        is unknown."""
        if self.failing and self._rng.random() < 0.7:
            return Failed(StoreError("the disk is full")), False
        committed: Committed = self._rows.commit_now(_NAMESPACE, persist.writes, persist.mark, books)
        if self.failing and self._rng.random() < 0.5:
            return Failed(StoreError("the answer was lost", outcome="unknown")), True
        return Done(committed), True

    def payloads(self, wanted: Payloads) -> Outcome:
        """What is held of these."""
        if self.failing and self._rng.random() < 0.7:
            return Failed(StoreError("the disk cannot be read"))
        loading = self._rows.payloads(_NAMESPACE, wanted.identities)
        try:
            loading.send(None)
        except StopIteration as done:
            loaded: Loaded = done.value
            return Done(loaded)
        raise AssertionError("a memory store waits for nothing")

    def finished(self) -> Collection[Identity]:
        """What it is durable of that it is done with."""
        return self.restored().finished
