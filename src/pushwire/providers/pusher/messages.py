"""What a Pusher server sends, and what a stream makes of it (providers/pusher.md, 1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import attrs
import msgspec

from ...core.events import Control
from ...core.values import Value
from .values import Json

__all__ = [
    "CacheMiss",
    "ChannelEvent",
    "Event",
    "Member",
    "MemberAdded",
    "MemberRemoved",
    "Members",
    "Own",
    "PeerError",
    "SignedIn",
    "Subscribed",
    "SubscriptionCount",
    "Undecipherable",
    "Watchlist",
]


def _size(raw: str | bytes) -> str:
    return f"<{len(raw)} {'characters' if isinstance(raw, str) else 'bytes'}>"


class ChannelEvent(Value):
    """An event on a channel. `data` is decoded where it is JSON, else the text as it came; of an encrypted channel, deciphered.

    `user_id` is the sender of a client event on a presence channel. `raw` is the whole message.
    """

    received: float
    channel: str
    event: str
    data: Json
    raw: str | bytes
    user_id: str | None = None


@attrs.frozen
class Member:
    """One user of a presence channel. `id` is a text, also where the server sent a number."""

    id: str
    info: Json = None


@attrs.frozen
class Members:
    """Who is on a presence channel, as the server said when it was subscribed to: also after each reconnect."""

    received: float
    channel: str
    members: Mapping[str, Member]


@attrs.frozen
class MemberAdded:
    """A user came to a presence channel."""

    received: float
    channel: str
    member: Member


@attrs.frozen
class MemberRemoved:
    """A user left a presence channel."""

    received: float
    channel: str
    user_id: str


@attrs.frozen
class SubscriptionCount:
    """How many connections are subscribed to a channel; an app's option, not for presence channels."""

    received: float
    channel: str
    count: int


@attrs.frozen
class CacheMiss:
    """A cache channel had nothing to begin with: load the present state by other means."""

    received: float
    channel: str


@attrs.frozen
class Watchlist:
    """Users on the signed-in user's watchlist went online or offline."""

    received: float
    name: str
    """`online` or `offline`."""
    user_ids: tuple[str, ...]


@attrs.frozen
class PeerError:
    """An error that the server reported on a connection that is up, and that refused nothing we had asked for.

    It closes nothing by itself. `code` may be None; 4301 says that client events came too fast (then `channel` may be named),
    4302 that a watchlist is longer than 100.
    """

    received: float
    code: int | None
    text: str
    channel: str | None
    raw: str | bytes = attrs.field(repr=_size)


@attrs.frozen
class Undecipherable:
    """An event of an encrypted channel that the key, asked for once more, does not open."""

    received: float
    channel: str
    event: str
    reason: str
    raw: str | bytes = attrs.field(repr=_size)


Own: TypeAlias = (
    Members | MemberAdded | MemberRemoved | SubscriptionCount | CacheMiss | Watchlist | PeerError | Undecipherable | Control[str]
)
"""What a stream delivers besides the events of channels."""

Event: TypeAlias = ChannelEvent | Own
"""Everything a Pusher stream delivers."""


@attrs.frozen
class Subscribed:
    """The reply to `Subscribe`. `members`, by their ids, of a presence channel; `me` is the own id there, where it is known."""

    channel: str
    members: Mapping[str, Member] | None = None
    me: str | None = None


@attrs.frozen
class SignedIn:
    """The reply to `SignIn`. `user_data` is the JSON text that the server accepted, `user_id` its `id`."""

    user_id: str | None
    user_data: str


# The wire

UserId: TypeAlias = str | int
NOTHING: Final = msgspec.Raw()
"""Where a message has no such field."""


class Message(msgspec.Struct):
    """The envelope of everything."""

    event: str
    channel: str | None = None
    data: msgspec.Raw = NOTHING
    user_id: UserId | None = None


class Greeting(msgspec.Struct):
    """The data of `pusher:connection_established`. `activity_timeout` is seconds."""

    socket_id: str
    activity_timeout: float | None = None


class Failure(msgspec.Struct):
    """The data of `pusher:error`."""

    code: int | None = None
    message: str | None = None
    channel: str | None = None


class Rejection(msgspec.Struct):
    """The data of a subscription error."""

    type: str | None = None
    error: str | None = None
    status: int | None = None


class Presence(msgspec.Struct):
    """Who is there. `hash` maps ids to user infos."""

    ids: list[UserId] | None = None
    hash: dict[str, msgspec.Raw] | None = None
    count: int | None = None


class Success(msgspec.Struct):
    """The data of `pusher_internal:subscription_succeeded`."""

    presence: Presence | None = None


class MemberData(msgspec.Struct):
    """The data of a member's coming or going, and of `channel_data`."""

    user_id: UserId
    user_info: msgspec.Raw = NOTHING


class Count(msgspec.Struct):
    """The data of `pusher_internal:subscription_count`."""

    subscription_count: int


class Sighting(msgspec.Struct):
    """One entry of the watchlist events."""

    name: str
    user_ids: list[UserId]


class Sightings(msgspec.Struct):
    """The data of `pusher_internal:watchlist_events`."""

    events: list[Sighting]


class SignInData(msgspec.Struct):
    """The data of `pusher:signin_success`."""

    user_data: str


class User(msgspec.Struct):
    """The part of a user's data that matters here."""

    id: UserId


RESERVED: Final = ("pusher:", "pusher_internal:")
"""How the names of the protocol's own events begin."""

decode: Final = msgspec.json.Decoder(Message).decode
GREETING_DATA: Final = msgspec.json.Decoder(Greeting)
FAILURE: Final = msgspec.json.Decoder(Failure)
REJECTION: Final = msgspec.json.Decoder(Rejection)
SUCCESS: Final = msgspec.json.Decoder(Success)
MEMBER: Final = msgspec.json.Decoder(MemberData)
COUNT: Final = msgspec.json.Decoder(Count)
SIGHTINGS: Final = msgspec.json.Decoder(Sightings)
SIGN_IN_DATA: Final = msgspec.json.Decoder(SignInData)
USER: Final = msgspec.json.Decoder(User)
