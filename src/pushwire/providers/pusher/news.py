"""What a server tells of channels and users besides their events: coming and going, counts, empty caches, watchlists."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

from .connection import Connection
from .messages import COUNT, SIGHTINGS, CacheMiss, MemberAdded, MemberRemoved, Message, Own, SubscriptionCount, Watchlist
from .presence import someone
from .values import read

__all__ = ["NEWS", "named"]

News: TypeAlias = Callable[[Message, Connection, float], Sequence[Own]]
"""The events in a message. Raises one of `values.FAULTS`."""


def named(message: Message) -> str:
    """The channel of a message that must name one. Raises one of `values.FAULTS`."""
    if message.channel is None:
        raise ValueError("no channel")
    return message.channel


def _added(message: Message, connection: Connection, now: float) -> Sequence[Own]:
    member = someone(message.data)
    joined = connection.joined.get(named(message))
    if joined is not None and joined.members is not None:
        joined.members[member.id] = member
    return [MemberAdded(now, named(message), member)]


def _removed(message: Message, connection: Connection, now: float) -> Sequence[Own]:
    member = someone(message.data)
    joined = connection.joined.get(named(message))
    if joined is not None and joined.members is not None:
        joined.members.pop(member.id, None)
    return [MemberRemoved(now, named(message), member.id)]


def _count(message: Message, connection: Connection, now: float) -> Sequence[Own]:
    return [SubscriptionCount(now, named(message), read(message.data, COUNT).subscription_count)]


def _miss(message: Message, connection: Connection, now: float) -> Sequence[Own]:
    return [CacheMiss(now, named(message))]


def _sightings(message: Message, connection: Connection, now: float) -> Sequence[Own]:
    found = read(message.data, SIGHTINGS).events
    return [Watchlist(now, sighting.name, tuple(map(str, sighting.user_ids))) for sighting in found]


NEWS: Final[Mapping[str, News]] = MappingProxyType(
    {
        "pusher_internal:member_added": _added,
        "pusher_internal:member_removed": _removed,
        "pusher_internal:subscription_count": _count,
        "pusher:cache_miss": _miss,
        "pusher_internal:watchlist_events": _sightings,
    }
)
"""By the names of the events."""
