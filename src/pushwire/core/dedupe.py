"""What was seen lately, for feeds that send the same again without saying so. What the same is, its caller decides.

Nothing durable lives here: what must be known after a restart is the ledger's.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from itertools import islice
from typing import Final, Generic, TypeVar

__all__ = ["Recent"]

KeyT = TypeVar("KeyT", bound=Hashable)

_LOOKED_UP: Final = 256
"""In one of so many parts of all keys the oldest are looked up together."""


class Recent(Generic[KeyT]):
    """The last `limit` different keys. Of more, the one seen longest ago is forgotten; what comes again and again stays known."""

    __slots__ = ("_keys", "_limit", "_oldest", "_round")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # In the order they were last seen, each with the round it was seen in.
        self._keys: dict[KeyT, int] = {}
        # A dict's first item is slow to find once its left end is holes: hence many at a time, a round for each such look. Those
        # that were seen again since are no longer among the oldest.
        self._oldest: Iterator[KeyT] = iter(())
        self._round = 0

    def add(self, key: KeyT) -> bool:
        """Remember `key` as the latest. Returns whether it was not known."""
        new = key not in self._keys
        if not new:
            del self._keys[key]
        elif len(self._keys) == self._limit:
            self._forget_one()
        self._keys[key] = self._round
        return new

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def _forget_one(self) -> None:
        keys = self._keys
        while True:
            for key in self._oldest:
                if keys[key] < self._round:
                    del keys[key]
                    return
            self._round += 1
            self._oldest = iter(list(islice(keys, 1 + self._limit // _LOOKED_UP)))
