"""What is known of one connection: its socket id, and what became of the channels on it. Gone with the connection."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import attrs

from .messages import Member, SignedIn, Subscribed

__all__ = ["Connection", "Joined"]


@attrs.define(eq=False)
class Joined:
    """A channel whose subscription succeeded. `members` is None where it is no presence channel."""

    members: dict[str, Member] | None = None

    def seen(self) -> Mapping[str, Member] | None:
        """The members as they are now, which do not change any more."""
        return None if self.members is None else MappingProxyType(dict(self.members))


@attrs.define(eq=False)
class Connection:
    """From the handshake to the end of one connection. `socket_id` is empty until the server has named it."""

    socket_id: str = ""
    asked: dict[str, str | None] = attrs.Factory(dict[str, "str | None"])
    """What was asked for, the latest last, each with our own id there, where it is a presence channel and we know it. It stays
    when it is refused, since a late success is possible."""
    joined: dict[str, Joined] = attrs.Factory(dict[str, Joined])
    keys: dict[str, bytes] = attrs.field(factory=dict[str, bytes], repr=False)
    """Of encrypted channels."""
    user: SignedIn | None = None
    user_channel: str | None = None

    def ask(self, topic: str, me: str | None = None) -> None:
        """Something is asked for on this connection."""
        self.asked.pop(topic, None)
        self.asked[topic] = me

    def subscribed(self, channel: str) -> Subscribed | None:
        """What a subscription to a joined channel is answered with."""
        joined = self.joined.get(channel)
        return None if joined is None else Subscribed(channel, joined.seen(), self.asked.get(channel))

    def left(self, channel: str) -> bool:
        """Forget a channel. Returns whether the server may know of it."""
        self.joined.pop(channel, None)
        self.keys.pop(channel, None)
        known = channel in self.asked
        self.asked.pop(channel, None)
        return known
