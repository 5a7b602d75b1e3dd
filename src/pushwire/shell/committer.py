"""The committer: the way of a machine's `Persist` effects to the store and back. The callers' bookings go no further."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar, cast

import trio

from ..core.effects import Done, Failed, Outcome, Persist, Ticket
from ..errors import StoreError
from ..stores.base import ImmediateStore, Store

__all__ = ["Committer"]

ConnectionT = TypeVar("ConnectionT")


class Committer(Generic[ConnectionT]):
    """Stores what it is given, in order, all that has gathered at a time. `fulfil` hands an outcome to the machine."""

    __slots__ = ("_fulfil", "_immediate", "_namespace", "_running", "_store", "_waiting", "books")

    def __init__(self, store: Store[ConnectionT], namespace: str, fulfil: Callable[[Persist, Outcome], None]) -> None:
        self.books: dict[Ticket, Callable[[ConnectionT], object]] = {}
        """The bookings of the tickets not yet settled."""
        self._store = store
        # `isinstance` cannot see the type of the connection.
        self._immediate = cast("ImmediateStore[ConnectionT]", store) if isinstance(store, ImmediateStore) else None
        self._namespace = namespace
        self._fulfil = fulfil
        self._waiting: list[Persist] = []
        self._running = False

    def persist(self, effect: Persist) -> bool:
        """Store it: at once where the store can. True: a task must `run` for it."""
        if self._immediate is None:
            self._waiting.append(effect)
            idle, self._running = not self._running, True
            return idle
        try:
            outcome: Outcome = Done(self._immediate.commit_now(self._namespace, effect.writes, effect.mark, self.books))
        except StoreError as error:
            outcome = Failed(error)
        self._fulfil(effect, outcome)
        return False

    @trio.lowlevel.enable_ki_protection
    async def run(self, pump: Callable[[], None]) -> None:
        """Commit until there is nothing more to commit, also when cancelled."""
        with trio.CancelScope(shield=True):
            while self._waiting:
                batch, self._waiting = self._waiting, []
                outcome = await self._commit(batch)
                for effect in batch:
                    self._fulfil(effect, outcome)
                pump()
            self._running = False

    async def _commit(self, batch: Sequence[Persist]) -> Outcome:
        writes = [write for effect in batch for write in effect.writes]
        try:
            return Done(await self._store.commit(self._namespace, writes, batch[-1].mark, self.books))
        except StoreError as error:
            return Failed(error)
