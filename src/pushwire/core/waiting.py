"""Calls that wait to be sent, in order. One that may not be sent yet is passed over, so that others need not wait for it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from .effects import Ticket
from .pending import Call

__all__ = ["Waiting"]

TopicT = TypeVar("TopicT", bound=Hashable)


class Waiting(Generic[TopicT]):
    """A queue that is looked through: `next` until there is none, or no more may leave; then `rewind`.

    Ten thousand calls may wait for one lane, and each reply lets one of them leave: what is known not to may is not looked at.
    """

    __slots__ = ("_busy", "_calls", "_kept", "_lanes", "_passed")

    def __init__(self) -> None:
        # None while there are none: an empty one would take most of this one's memory.
        self._calls: deque[Call[TopicT]] | None = None
        self._passed: list[Call[TopicT]] = []
        # How many of the calls still to be looked at have each lane; which lanes are busy, and how many that keeps.
        self._lanes: Counter[str] = Counter()
        self._busy: dict[str, None] = {}
        self._kept = 0

    def append(self, call: Call[TopicT]) -> None:
        self._queue().append(call)
        self._count(call)

    def extend(self, calls: Iterable[Call[TopicT]]) -> None:
        for call in calls:
            self.append(call)

    def first(self, calls: Sequence[Call[TopicT]]) -> None:
        """These are next, in their order."""
        for call in reversed(calls):
            self._queue().appendleft(call)
            self._count(call)

    def next(self) -> Call[TopicT] | None:
        """Take the next one, None where there is none, or where the lanes of all are busy."""
        if self._calls is None or len(self._calls) == self._kept:
            return None
        call = self._calls.popleft()
        self._count(call, -1)
        return call

    def pass_over(self, call: Call[TopicT], *, busy: bool = False) -> None:
        """What `next` gave keeps its place, while those behind it are looked at. `busy`: its lane is, until `rewind`."""
        self._passed.append(call)
        if busy and call.lane is not None and call.lane not in self._busy:
            self._busy[call.lane] = None
            self._kept += self._lanes[call.lane]

    def rewind(self) -> None:
        """What was passed over is in front again."""
        self._busy.clear()
        self._kept = 0
        self.first(self._passed)
        self._passed.clear()
        self._calls = self._calls or None

    def find(self, ticket: Ticket) -> Call[TopicT] | None:
        """The call of a caller, left where it is."""
        return next((call for call in self if call.ticket == ticket), None)

    def remove(self, call: Call[TopicT]) -> int:
        """Take a call out that was not passed over. Returns its place."""
        calls = self._queue()
        place = calls.index(call)
        del calls[place]
        self._count(call, -1)
        return place

    def insert(self, place: int, calls: Sequence[Call[TopicT]]) -> None:
        """Put these into a place, in their order."""
        for call in reversed(calls):
            self._queue().insert(place, call)
            self._count(call)

    def rewrite(self, rewritten: Callable[[Call[TopicT]], Sequence[Call[TopicT]]]) -> None:
        """Put what `rewritten` gives into the place of each call."""
        self._passed = [new for call in self._passed for new in rewritten(call)]
        calls = [new for call in self._calls or () for new in rewritten(call)]
        self._drop()
        self.extend(calls)

    def take_all(self) -> list[Call[TopicT]]:
        calls = list(self)
        self._passed.clear()
        self._drop()
        return calls

    def _drop(self) -> None:
        self._calls = None
        self._lanes.clear()
        self._kept = 0

    def _queue(self) -> deque[Call[TopicT]]:
        if self._calls is None:
            self._calls = deque()
        return self._calls

    def _count(self, call: Call[TopicT], one: int = 1) -> None:
        lane = call.lane
        if lane is None:
            return
        self._lanes[lane] += one
        if not self._lanes[lane]:
            del self._lanes[lane]
        if lane in self._busy:
            self._kept += one

    def __bool__(self) -> bool:
        return bool(self._calls or self._passed)

    def __iter__(self) -> Iterator[Call[TopicT]]:
        yield from self._passed
        yield from self._calls or ()
