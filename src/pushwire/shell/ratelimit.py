"""Waiting for a place in rate-limited buckets. Whose turn it is, `core.ratelimit` decides."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager

import trio

from ..core.ratelimit import Buckets, Place, RateLimit
from .http import Passage

__all__ = ["RateBuckets"]


class RateBuckets:
    """Rate limits that calls wait for, in order. Several `Api`s of one provider may share them."""

    def __init__(self, limits: Mapping[str, RateLimit]) -> None:
        self._buckets = Buckets(limits)
        self._waiting: dict[Place, trio.CancelScope] = {}

    @property
    def names(self) -> frozenset[str]:
        """The limits there are."""
        return self._buckets.names

    @asynccontextmanager
    async def turn(self, names: Sequence[str], passage: Passage) -> AsyncGenerator[None]:
        """Wait for a place in all these buckets, and hold it for the block. It counts where `passage` says that bytes left.

        Raises `LocalProtocolError` for a name without a limit. Cancelled while waiting, the place is given back.
        """
        place = self._buckets.join(names)
        try:
            await self._wait(place)
            yield
        finally:
            self._buckets.leave(place, trio.current_time(), counts=passage.left)
            self._advance()

    def close(self, names: Sequence[str], seconds: float) -> None:
        """The provider wants no calls of this kind for so long."""
        self._buckets.close(names, trio.current_time() + seconds)
        self._advance()

    async def _wait(self, place: Place) -> None:
        while True:
            with trio.CancelScope() as scope:
                self._waiting[place] = scope
                try:
                    self._advance()
                    if place.granted:
                        return
                    await trio.sleep_forever()
                finally:
                    del self._waiting[place]

    def _advance(self) -> None:
        """Wake those whose turn has come, and set the alarm of who has waited longest for all others."""
        now = trio.current_time()
        for place in self._buckets.grant(now):
            self._waiting[place].cancel()
        first = self._buckets.first
        if first is not None:
            self._waiting[first].deadline = self._buckets.next_grant(now)
