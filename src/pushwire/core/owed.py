"""The ACKs that a provider has yet to confirm: those to be sent next, and those on their way.

They are kept by key, through any number of connections. When one may leave is the ledger's to say, what it names the provider's.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from .ledger import Key
from .speedups import put_new

__all__ = ["Ack", "Owed"]

Ack: TypeAlias = tuple[Key, str | None]
"""An ACK of a key, by one of its subjects. A plain tuple, which the garbage collector soon leaves alone: there is one for each
message."""


class Owed:
    """By key. `timeout`: the seconds of reading in which an ACK is to be answered."""

    __slots__ = ("_acks", "_deadlines", "_next", "_pauses", "_sent", "_timeout")

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._next: dict[Key, None] = {}
        # How many ACKs of a key went out on this connection and were not answered.
        self._sent: dict[Key, int] = {}
        self._acks: dict[str, Ack] = {}
        # Of ACKs that left together: until when, their ids, and which try it was. In order; on a clock that stands still while
        # nothing is read, by so many seconds up to now.
        self._deadlines: deque[tuple[float, Sequence[str], int]] | None = None
        self._pauses = 0.0

    def __len__(self) -> int:
        """How many keys are owed an ACK."""
        return len(self._next.keys() | self._sent.keys())

    @property
    def under_way(self) -> bool:
        """Whether an answer is waited for."""
        return bool(self._acks)

    def add(self, keys: Iterable[Key]) -> None:
        """These are to be ACKed."""
        self._next = dict.fromkeys((*self._next, *keys))

    def take(self) -> list[Key]:
        """The keys to ACK now."""
        keys = list(self._next)
        self._next.clear()
        return keys

    def drop(self, keys: Iterable[Key]) -> None:
        """Nothing is owed to these for now."""
        for key in keys:
            self._sent.pop(key, None)

    def sent(self, acks: Sequence[Ack], ids: Sequence[str], tries: int, now: float) -> None:
        """These ACKs leave together, under these ids, for the first or a later time."""
        self._acks.update(zip(ids, acks, strict=True))
        if self._deadlines is None:
            self._deadlines = deque()
        self._deadlines.append((now + self._timeout - self._pauses, ids, tries))
        sent = self._sent
        keys = tuple([key for key, _ in acks])
        # Nearly all are new, and then there is nothing left to count.
        for key in keys[put_new(sent, keys, (1,) * len(keys)) :]:
            sent[key] = sent.get(key, 0) + 1

    def answered(self, ids: Iterable[str]) -> list[Ack | None]:
        """Answers came to the ACKs of these ids; None for an id that no ACK has."""
        acks = list(map(self._acks.pop, ids, itertools.repeat(None)))
        self._over(filter(None, acks))
        return acks

    def overdue(self, now: float, tries: int) -> Iterator[tuple[list[Ack], int]]:
        """ACKs whose answer is late, with the try it was. Those of the try `tries`, the last, stay owed, but not on this
        connection; of the others this one is over."""
        while self._deadlines and self.due() <= now:
            _, ids, tried = self._deadlines.popleft()
            late = [ack for ack_id in ids if (ack := self._acks.pop(ack_id, None)) is not None]
            if tried < tries:
                self._over(late)
            yield late, tried

    def due(self) -> float:
        """When `overdue` is worth asking."""
        return self._deadlines[0][0] + self._pauses if self._deadlines else math.inf

    def resumed(self, now: float, paused: float) -> None:
        """Reading goes on after so many seconds. What left in between has not waited all of them."""
        self._pauses += paused
        latest = now + self._timeout - self._pauses
        fresh: list[tuple[Sequence[str], int]] = []
        while self._deadlines and self._deadlines[-1][0] > latest:
            fresh.append(self._deadlines.pop()[1:])
        if self._deadlines is not None:
            self._deadlines.extend((latest, ids, tries) for ids, tries in reversed(fresh))

    def lost(self) -> None:
        """The connection has gone: what it was not answered is to be sent on the next."""
        self._next = dict.fromkeys((*self._sent, *self._next))
        self._sent.clear()
        self._acks.clear()
        self._deadlines = None

    def _over(self, acks: Iterable[Ack]) -> None:
        sent = self._sent
        keys = [key for key, _ in acks]
        for key, times in zip(keys, map(sent.pop, keys, itertools.repeat(1)), strict=True):
            if times > 1:
                # Other messages of the key have an ACK of their own under way, which this one says nothing of.
                sent[key] = times - 1
