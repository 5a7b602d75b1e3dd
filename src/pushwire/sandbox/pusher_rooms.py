"""What the sandbox's Pusher knows of its connections and channels. No message is written here."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

import attrs
import msgspec

from ..core.runs import MISFITS

__all__ = ["MOST_MEMBERS", "Connection", "Member", "Room", "Sent", "is_cache", "member_of"]

CLIENT_EVENT_WINDOW: Final = 1.0
"""Seconds."""
MOST_MEMBERS: Final = 100
"""On a presence channel."""
CACHES: Final = ("cache-", "private-cache-", "private-encrypted-cache-", "presence-cache-")


def is_cache(channel: str) -> bool:
    """Whether a channel keeps its last event."""
    return channel.startswith(CACHES)


class Sent(NamedTuple):
    """One event that was published: its number from 1, and POSIX seconds."""

    serial: int
    channel: str
    event: str
    at: float


class Member(NamedTuple):
    """Who is on a presence channel, as `channel_data` says it."""

    user_id: str | int
    user_info: msgspec.Raw


@attrs.define(eq=False)
class Connection:
    """One client."""

    conn: int
    socket_id: str
    heard: float
    """When its last message came."""
    pinged: bool = False
    user_id: str | None = None
    watchlist: tuple[str, ...] = ()
    client_events: deque[float] = attrs.Factory(deque[float])

    def too_fast(self, now: float, rate: int) -> bool:
        """Count one client event. Returns whether there are more than `rate` in this second."""
        while self.client_events and self.client_events[0] <= now - CLIENT_EVENT_WINDOW:
            self.client_events.popleft()
        if len(self.client_events) >= rate:
            return True
        self.client_events.append(now)
        return False


@attrs.define(eq=False)
class Room:
    """One channel: who listens, who is there, and what was said last."""

    channel: str
    listeners: dict[int, Member | None] = attrs.Factory(dict[int, "Member | None"])
    """By connection."""
    cached: tuple[str, float] | None = None
    """The last event, and when it was published."""

    def members(self) -> dict[str | int, msgspec.Raw]:
        """Each user once, by id."""
        return {member.user_id: member.user_info for member in self.listeners.values() if member is not None}

    def has_user(self, user_id: str | int) -> bool:
        return any(member is not None and member.user_id == user_id for member in self.listeners.values())

    def presence(self) -> dict[str, object]:
        """Who is there, as a new member is told."""
        members = self.members()
        return {"ids": list(members), "hash": {str(user_id): info for user_id, info in members.items()}, "count": len(members)}


class _ChannelData(msgspec.Struct):
    user_id: str | int
    user_info: msgspec.Raw = msgspec.Raw(b"null")


def member_of(connection: Connection, channel_data: object) -> Member | None:
    """Who joins with these data, or by having signed in; None where the data say nobody."""
    if not isinstance(channel_data, str):
        return Member(connection.user_id or "", msgspec.Raw(b"null"))
    try:
        data = msgspec.json.decode(channel_data, type=_ChannelData)
    except MISFITS:
        return None
    return Member(data.user_id, msgspec.Raw(bytes(data.user_info)))
