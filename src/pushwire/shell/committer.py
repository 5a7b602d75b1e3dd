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

    def __init__(self, store: Store[ConnectionT], namespace: str, fulfil: Callable[[Persist, Outcome], None]) -> None:
        self.books: dict[Ticket, Callable[[ConnectionT], object]] = {}
        """The bookings of the tickets not yet settled."""
        self._store = store
        # `isinstance` cannot see the type of the connection.
        self._immediate = cast("ImmediateStore[ConnectionT]", store) if isinstance(store, ImmediateStore) else None
        self._namespace = namespace
        self._fulfil = fulfil
        self._waiting: list[Persist] = []
        self._changed = trio.lowlevel.ParkingLot()

    def persist(self, effect: Persist) -> None:
        """Store it: at once where the store can, else as soon as `run` gets to it."""
        if self._immediate is None:
            self._waiting.append(effect)
            self._changed.unpark()
            return
        try:
            outcome: Outcome = Done(self._immediate.commit_now(self._namespace, effect.writes, effect.mark, self.books))
        except StoreError as error:
            outcome = Failed(error)
        self._fulfil(effect, outcome)

    @trio.lowlevel.enable_ki_protection
    async def run(self, pump: Callable[[], None]) -> None:
        """Commit until cancelled, and then what was asked for before. A commit that has begun is never given up."""
        with trio.CancelScope(shield=True) as shield:
            try:
                while True:
                    await self._commit_all(pump)
                    shield.shield = False
                    await self._changed.park()
                    shield.shield = True
            except trio.Cancelled:
                shield.shield = True
                await self._commit_all(pump)
                raise

    async def _commit_all(self, pump: Callable[[], None]) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            outcome = await self._commit(batch)
            for effect in batch:
                self._fulfil(effect, outcome)
            pump()

    async def _commit(self, batch: Sequence[Persist]) -> Outcome:
        writes = [write for effect in batch for write in effect.writes]
        try:
            return Done(await self._store.commit(self._namespace, writes, batch[-1].mark, self.books))
        except StoreError as error:
            return Failed(error)
