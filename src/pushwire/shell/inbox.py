"""An inbox: events between the machine and the consumers, handed over a read at a time.

Its policies say what a full inbox means: "block" stops the reading; "conflate" keeps the latest event of each key; "drop_oldest"
lets the oldest go. The last two count what went and touch only events whose key says they may go: never a ledgered or a control
event. Where that does not make enough room, they block as well.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Final, Generic, Literal, TypeAlias, TypeVar, get_args
from weakref import ref

import trio

from .lead import Lead

__all__ = ["OVERFLOWS", "Inbox", "Overflow"]

EventT = TypeVar("EventT")

Overflow: TypeAlias = Literal["block", "conflate", "drop_oldest"]
OVERFLOWS: Final = get_args(Overflow)


def _never(event: object) -> None:
    return None


class Inbox(Generic[EventT]):
    """A queue of events, bounded by their number and, where it blocks, by the bytes of the messages that they came in. One task
    puts, any number take. `readers`: where a reader waits for room in any of several."""

    def __init__(
        self,
        capacity: int,
        overflow: Overflow = "block",
        expendable: Callable[[EventT], Hashable | None] = _never,
        readers: trio.lowlevel.ParkingLot | None = None,
        capacity_bytes: float = math.inf,
    ) -> None:
        self._capacity = capacity
        self.capacity_bytes: Final = capacity_bytes
        self._overflow = overflow
        self._expendable = expendable
        self._events: deque[EventT] | None = None
        """None while there are none: an empty one would take most of an inbox's memory."""
        self._came = 0
        """Events put so far."""
        self._sizes: list[tuple[int, int]] = []
        """Of each read of which something is left: how many events had come with it, and its bytes."""
        self._bytes = 0
        self._takers = trio.lowlevel.ParkingLot()
        # By hand: a `WeakSet` takes more memory than all the rest here.
        self._consumers: list[ref[object]] = []
        self.readers: trio.lowlevel.ParkingLot = trio.lowlevel.ParkingLot() if readers is None else readers
        self._end: Exception | None = None
        self.lead: Lead | None = None
        """Where the reader may lend its waiting to the consumer."""
        self.closed: bool = False
        self.discarded: int = 0
        """Events that went by "conflate", "drop_oldest" or `shed`."""

    def __len__(self) -> int:
        return len(self._events or ())

    @property
    def full(self) -> bool:
        """Whether reading must stop. The policies that make room leave more than the capacity only where they could not."""
        return len(self._events or ()) >= self._capacity + (self._overflow != "block") or self._holds(self.capacity_bytes)

    @property
    def attended(self) -> bool:
        """Whether anybody still holds a consumer of it."""
        return bool(self._consumers)

    @property
    def sole(self) -> bool:
        """Whether there is one consumer, and no more."""
        return len(self._consumers) == 1

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for an event."""
        return bool(self._takers)

    def attend(self, consumer: object) -> None:
        """This consumer takes from here, until it is let go or `leave`s."""
        self._consumers.append(ref(consumer, self._consumers.remove))
        self.take_back()

    def leave(self, consumer: object) -> None:
        """This consumer takes no more."""
        if ref(consumer) in self._consumers:
            self._consumers.remove(ref(consumer))

    def put(self, events: Sequence[EventT], size: int = 0) -> None:
        """Take over what one read of `size` bytes brought. After `close` it is let go: not delivered, so never ACKed."""
        if self.closed or not events:
            return
        if self._events:
            self._events.extend(events)
        else:
            self._events = deque(events)
            # Of what came before nothing is left; perhaps nobody has asked since.
            self._sizes.clear()
            self._bytes = 0
        self._came += len(events)
        if self._overflow == "block":
            if size:
                self._sizes.append((self._came, size))
                self._bytes += size
        elif len(self._events) > self._capacity:
            self._make_room()
        self._wake(len(events))

    def put_back(self, event: EventT) -> None:
        """One event comes back to the front, to be delivered again."""
        if not self.closed:
            self._events = self._events or deque()
            self._events.appendleft(event)
            self._wake(1)

    def shed(self, stays: Callable[[EventT], bool]) -> None:
        """Of a full one: let the oldest go, but for those that stay, until it is half empty. The rest counts by number alone."""
        self._sizes.clear()
        self._bytes = 0
        excess = len(self) - min(self._capacity, len(self)) // 2
        self._keep(self._without_oldest(excess, lambda event: not stays(event)))
        self._tell_readers()

    def close(self, failure: Exception | None = None, *, discard: bool) -> None:
        """No more will come. What is left is delivered first, unless `discard`; then takers get `failure`, or the end."""
        if not self.closed:
            self.closed = True
            self._end = failure
        if discard:
            self._events = None
        self.readers.unpark_all()
        self.wake_takers()

    async def wait_room(self) -> None:
        """Wait until there is room again, or `wake_reader` is called: look at `full` afterwards."""
        await self.readers.park()

    def wake_reader(self) -> None:
        """Let a reader that waits for room, or has lent its waiting, look again."""
        self.readers.unpark_all()
        self.take_back()

    def take_back(self) -> None:
        """Let a reader that has lent its waiting read itself."""
        if self.lead is not None:
            self.lead.end()

    def take_nowait(self) -> EventT | None:
        """The next event, None when there is none yet. Raises what ended the stream, or `StopAsyncIteration`."""
        if self._events:
            event = self._events.popleft()
            if self.readers:
                self._tell_readers()
            return event
        self._events = None
        if self.closed:
            raise self._end or StopAsyncIteration
        return None

    def take_many_nowait(self, most: int) -> list[EventT] | None:
        """Up to `most` events, as many as there are, None when there are none yet. Raises as `take_nowait` does."""
        events = self._events
        if events:
            if len(events) <= most:
                # So it is with most: their caller takes what a read has brought.
                batch, self._events = list(events), None
            else:
                batch = list(map(deque[EventT].popleft, itertools.repeat(events, most)))
            if self.readers:
                self._tell_readers()
            return batch
        self._events = None
        if self.closed:
            raise self._end or StopAsyncIteration
        return None

    def read_on(self) -> bool:
        """Read what is there already, where the reader has lent its waiting. False: it must be waited for."""
        return self.lead is not None and self.lead.read_on()

    async def wait(self) -> None:
        """Return when there may be something to take. Take it before anything else is awaited: nobody else was woken for it."""
        if not self._events and not self.closed:
            if self.lead is not None and self.lead.lent:
                await self.lead.wait()
            else:
                await self._takers.park()

    def wake_takers(self) -> None:
        """Let those who wait for an event look again."""
        self._wake(len(self._takers))

    def _wake(self, takers: int) -> None:
        """Wake so many, and whoever waits for bytes: that is the only one."""
        if self._takers:
            self._takers.unpark(count=takers)
        if self.lead is not None:
            self.lead.call_off()

    def _tell_readers(self) -> None:
        """Half empty: the reading may go on. One stop and one start for many events."""
        if len(self) <= self._capacity // 2 and not self._holds(self.capacity_bytes / 2):
            self.readers.unpark_all()

    def _holds(self, size: float) -> bool:
        """Whether what waits came in that many bytes. That is looked after here alone: who takes pays nothing for it."""
        sizes = self._sizes
        taken = self._came - len(self)
        gone = 0
        while gone < len(sizes) and sizes[gone][0] <= taken:
            self._bytes -= sizes[gone][1]
            gone += 1
        del sizes[:gone]
        return self._bytes >= size

    def _make_room(self) -> None:
        if self._overflow == "conflate":
            self._keep(self._latest(self._events or ()))
        else:
            excess = len(self) - self._capacity
            self._keep(self._without_oldest(excess, lambda event: self._expendable(event) is not None))

    def _keep(self, events: list[EventT]) -> None:
        self.discarded += len(self) - len(events)
        self._events = deque(events)

    def _without_oldest(self, excess: int, may_go: Callable[[EventT], bool]) -> list[EventT]:
        """The events without the `excess` oldest of those that may go."""
        kept: list[EventT] = []
        for event in self._events or ():
            if excess > 0 and may_go(event):
                excess -= 1
            else:
                kept.append(event)
        return kept

    def _latest(self, events: Iterable[EventT]) -> list[EventT]:
        """The events without those that a later one of the same key makes superfluous, in order."""
        kept: list[EventT] = []
        seen: set[Hashable] = set()
        for event in reversed(list(events)):
            key = self._expendable(event)
            if key is None or key not in seen:
                kept.append(event)
                if key is not None:
                    seen.add(key)
        kept.reverse()
        return kept
