"""Where events go: to the feeds they belong to, else to the stream itself.

A message event goes to each open feed that subscribed to one of its topics; one that belongs to no feed goes to the stream's own
inbox. Control events go there and to all feeds; those about one topic, to the feeds of that topic.

While feeds or queries are open, perhaps nobody reads the stream itself: where no consumer of it exists, its inbox, when full,
lets the oldest events go (they are counted as discarded) and never stops the reading. Ledgered events are not let go: on a stream
with ACKs, what belongs to no feed needs a consumer.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Final, Generic, Protocol, TypeVar, cast
from weakref import WeakSet

from ..core.events import CONTROL, Stale, SubscriptionRefused
from .inbox import Inbox, Overflow

__all__ = ["Router", "Watcher"]

EventT = TypeVar("EventT")
EventT_contra = TypeVar("EventT_contra", contravariant=True)

_OF_A_TOPIC: Final[frozenset[type]] = frozenset({Stale, SubscriptionRefused})


class Watcher(Protocol[EventT_contra]):
    """Sees all events before anybody takes one."""

    def see(self, events: Sequence[EventT_contra]) -> None:
        """What one read brought. Must not raise."""
        ...

    def end(self, failure: Exception | None) -> None:
        """No more will come, because of `failure` where there is one."""
        ...


class Router(Generic[EventT]):
    """The inboxes of one stream: its own, and those of its open feeds.

    `topics` says what an event may belong to, `kept` are the types of events that are never let go, `expendable` is as for an
    `Inbox`. `observe` is shown all of them first.
    """

    __slots__ = (
        "_by_topic",
        "_discarded",
        "_expendable",
        "_failure",
        "_feeds",
        "_kept",
        "_observe",
        "_topics",
        "_watchers",
        "inbox",
    )

    def __init__(
        self,
        inbox: Inbox[EventT],
        topics: Callable[[EventT], tuple[Hashable, ...]],
        expendable: Callable[[EventT], Hashable | None],
        kept: tuple[type, ...] = (),
        observe: Callable[[Sequence[EventT]], None] | None = None,
    ) -> None:
        self.inbox: Inbox[EventT] = inbox
        self._topics = topics
        self._expendable = expendable
        self._kept = kept
        self._observe = observe
        self._feeds: list[Inbox[EventT]] = []
        self._by_topic: dict[Hashable, list[Inbox[EventT]]] = {}
        # A query is over when nobody holds it any more.
        self._watchers: WeakSet[Watcher[EventT]] | None = None
        self._failure: Exception | None = None
        self._discarded = 0

    # For the driver

    def put(self, events: Sequence[EventT], size: int = 0) -> None:
        """Hand over what one read of `size` bytes brought; also nothing, since a consumer may have gone meanwhile."""
        if events and self._observe is not None:
            self._observe(events)
        if self._feeds or self._watchers:
            if events:
                self._share(events, size)
            if self.inbox.full and not self.inbox.attended:
                self.inbox.shed(lambda event: isinstance(event, self._kept))
        else:
            self.inbox.put(events, size)

    @property
    def full(self) -> bool:
        """Whether the reading must stop."""
        return self.inbox.full or (bool(self._feeds) and any(feed.full for feed in self._feeds))

    @property
    def sole(self) -> bool:
        """Whether all that comes is for one consumer."""
        return not self._feeds and not self._watchers and self.inbox.sole

    def close(self, failure: Exception | None = None, *, discard: bool) -> None:
        """No more will come: see `Inbox.close`."""
        if not self.inbox.closed:
            self._failure = failure
        for inbox in (self.inbox, *self._feeds):
            inbox.close(failure, discard=discard)
        for watcher in list(self._watchers or ()):
            watcher.end(self._failure)

    # For the stream

    def open(self, topics: Iterable[Hashable], capacity: int, overflow: Overflow) -> Inbox[EventT]:
        """The inbox of a new feed."""
        feed = Inbox(capacity, overflow, self._expendable, self.inbox.readers, self.inbox.capacity_bytes)
        self._feeds.append(feed)
        self.inbox.take_back()
        for topic in dict.fromkeys(topics):
            self._by_topic.setdefault(topic, []).append(feed)
        return feed

    def forget(self, feed: Inbox[EventT]) -> None:
        """A feed is over; what it holds is let go."""
        self._feeds.remove(feed)
        for topic, feeds in list(self._by_topic.items()):
            self._by_topic[topic] = left = [other for other in feeds if other is not feed]
            if not left:
                del self._by_topic[topic]
        self._discarded += feed.discarded
        feed.close(discard=True)

    def watch(self, watcher: Watcher[EventT]) -> None:
        """Show it all events, until `unwatch` or until nobody holds it."""
        if self._watchers is None:
            self._watchers = WeakSet()
        self._watchers.add(watcher)
        self.inbox.take_back()
        if self.inbox.closed:
            watcher.end(self._failure)

    def unwatch(self, watcher: Watcher[EventT]) -> None:
        """Show it no more."""
        if self._watchers is not None:
            self._watchers.discard(watcher)

    def put_back(self, event: EventT) -> None:
        """One event comes back, to be delivered again: to the feeds it belongs to now, else to the stream."""
        for inbox in self._of(event) or (self.inbox,):
            inbox.put_back(event)

    def __len__(self) -> int:
        """Events that wait for a consumer."""
        return len(self.inbox) + sum(map(len, self._feeds))

    @property
    def discarded(self) -> int:
        """Events that were let go, those of feeds that are over included."""
        return self._discarded + self.inbox.discarded + sum(feed.discarded for feed in self._feeds)

    # Within

    def _share(self, events: Sequence[EventT], size: int) -> None:
        for watcher in list(self._watchers or ()):
            watcher.see(events)
        own: list[EventT] = []
        parts: dict[Inbox[EventT], list[EventT]] = {feed: [] for feed in self._feeds}
        for event in events:
            control = type(event) in CONTROL
            feeds = self._told(event) if control else self._of(event)
            for feed in feeds:
                parts[feed].append(event)
            if control or not feeds:
                own.append(event)
        for feed, part in parts.items():
            feed.put(part, size * len(part) // len(events))
        self.inbox.put(own, size * len(own) // len(events))

    def _of(self, event: EventT) -> Sequence[Inbox[EventT]]:
        """The feeds a message belongs to, each once."""
        if not self._by_topic:
            return ()
        return list(dict.fromkeys(feed for topic in self._topics(event) for feed in self._by_topic.get(topic, ())))

    def _told(self, event: EventT) -> Sequence[Inbox[EventT]]:
        """The feeds that are told of a control event."""
        if type(event) not in _OF_A_TOPIC:
            return self._feeds
        # Both have a topic, which may be a part of what a feed has subscribed to.
        topics = (cast("Stale[Hashable]", event).topic, *self._topics(event))
        return list(dict.fromkeys(feed for topic in topics for feed in self._by_topic.get(topic, ())))
