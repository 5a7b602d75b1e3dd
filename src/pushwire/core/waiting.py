"""Calls that wait to be sent, in order. One that may not be sent yet is passed over, so that others need not wait for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from .effects import Ticket
from .pending import Call

__all__ = ["Waiting"]

TopicT = TypeVar("TopicT", bound=Hashable)


class Waiting(Generic[TopicT]):
    """A queue that is looked through: `next` until there is none, or no more may leave; then `rewind`."""

    __slots__ = ("_calls", "_passed")

    def __init__(self) -> None:
        self._calls: deque[Call[TopicT]] = deque()
        self._passed: deque[Call[TopicT]] = deque()

    def append(self, call: Call[TopicT]) -> None:
        self._calls.append(call)

    def extend(self, calls: Iterable[Call[TopicT]]) -> None:
        self._calls.extend(calls)

    def first(self, calls: Sequence[Call[TopicT]]) -> None:
        """These are next, in their order."""
        self._calls.extendleft(reversed(calls))

    def next(self) -> Call[TopicT] | None:
        """Take the next one."""
        return self._calls.popleft() if self._calls else None

    def pass_over(self, call: Call[TopicT]) -> None:
        """What `next` gave keeps its place, while those behind it are looked at."""
        self._passed.append(call)

    def rewind(self) -> None:
        """What was passed over is in front again."""
        self._calls.extendleft(reversed(self._passed))
        self._passed.clear()

    def find(self, ticket: Ticket) -> Call[TopicT] | None:
        """The call of a caller, left where it is."""
        return next((call for call in self if call.ticket == ticket), None)

    def remove(self, call: Call[TopicT]) -> int:
        """Take a call out that was not passed over. Returns its place."""
        place = self._calls.index(call)
        del self._calls[place]
        return place

    def insert(self, place: int, calls: Sequence[Call[TopicT]]) -> None:
        """Put these into a place, in their order."""
        for call in reversed(calls):
            self._calls.insert(place, call)

    def rewrite(self, rewritten: Callable[[Call[TopicT]], Sequence[Call[TopicT]]]) -> None:
        """Put what `rewritten` gives into the place of each call."""
        for calls in (self._passed, self._calls):
            before = list(calls)
            calls.clear()
            for call in before:
                calls.extend(rewritten(call))

    def take_all(self) -> list[Call[TopicT]]:
        calls = list(self)
        self._passed.clear()
        self._calls.clear()
        return calls

    def __bool__(self) -> bool:
        return bool(self._calls or self._passed)

    def __iter__(self) -> Iterator[Call[TopicT]]:
        yield from self._passed
        yield from self._calls
