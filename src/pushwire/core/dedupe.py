"""What was seen lately, for feeds that send the same again without saying so. What the same is, its caller decides.

Nothing durable lives here: what must be known after a restart is the ledger's.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["Recent"]

KeyT = TypeVar("KeyT", bound=Hashable)


class Recent(Generic[KeyT]):
    """The last `limit` different keys. Of more, the one seen longest ago is forgotten; what comes again and again stays known."""

    __slots__ = ("_keys", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._keys: dict[KeyT, None] = {}

    def add(self, key: KeyT) -> bool:
        """Remember `key` as the latest. Returns whether it was not known."""
        new = key not in self._keys
        if not new:
            del self._keys[key]
        elif len(self._keys) == self._limit:
            del self._keys[next(iter(self._keys))]
        self._keys[key] = None
        return new

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __len__(self) -> int:
        return len(self._keys)
