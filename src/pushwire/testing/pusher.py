"""Builders for Pusher: the events a stream delivers, and the messages a server sends.

Defaults are those of the documents' examples: app key 278d425bdf160c739803, socket 1234.1234.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from ..providers.pusher import ChannelEvent, Json

__all__ = [
    "APP_KEY",
    "SOCKET_ID",
    "cache_miss",
    "channel_event",
    "error",
    "established",
    "event",
    "member_added",
    "member_removed",
    "message",
    "ping",
    "pong",
    "signed_in",
    "subscribed",
    "subscription_count",
    "subscription_error",
    "watchlist",
]

APP_KEY: Final = "278d425bdf160c739803"
SOCKET_ID: Final = "1234.1234"

DataAs: TypeAlias = Literal["text", "object"]
"""Whether the data is JSON inside a JSON string, as is usual, or the value itself."""


def message(name: str, data: object = None, channel: str | None = None, *, data_as: DataAs = "text", **more: object) -> str:
    """Any message of a server; without data where it is None.

    >>> message("pusher:pong", {})
    '{"event":"pusher:pong","data":"{}"}'
    """
    fields: dict[str, object] = {"event": name}
    if channel is not None:
        fields["channel"] = channel
    if data is not None:
        fields["data"] = _encode(data).decode() if data_as == "text" else data
    return _encode({**fields, **more}).decode()


_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


def established(socket_id: str = SOCKET_ID, activity_timeout: float | None = 120, *, data_as: DataAs = "text") -> str:
    """The greeting of an accepted connection; `activity_timeout` is seconds."""
    timeout = {} if activity_timeout is None else {"activity_timeout": activity_timeout}
    return message("pusher:connection_established", {"socket_id": socket_id, **timeout}, data_as=data_as)


def ping() -> str:
    return message("pusher:ping", {})


def pong() -> str:
    return message("pusher:pong", {})


def error(code: int | None, text: str | None = None, channel: str | None = None, *, data_as: DataAs = "object") -> str:
    """An error of the server."""
    more = {} if channel is None else {"channel": channel}
    return message("pusher:error", {"code": code, "message": text, **more}, data_as=data_as)


def subscribed(channel: str, members: Mapping[str, object] | None = None) -> str:
    """A subscription that succeeded, with the members of a presence channel and what they say of themselves."""
    if members is None:
        return message("pusher_internal:subscription_succeeded", {}, channel)
    presence = {"ids": [*members], "hash": dict(members), "count": len(members)}
    return message("pusher_internal:subscription_succeeded", {"presence": presence}, channel)


def subscription_error(
    channel: str, status: int | None = 401, text: str | None = "refused", *, name: str = "pusher:subscription_error"
) -> str:
    """A subscription that was refused."""
    data = {"type": "AuthError", "error": text, "status": status}
    return message(name, {field: value for field, value in data.items() if value is not None}, channel, data_as="object")


def event(channel: str, name: str = "ev", data: object = None, *, data_as: DataAs = "text", user_id: str | None = None) -> str:
    """An event on a channel."""
    more = {} if user_id is None else {"user_id": user_id}
    return message(name, data, channel, data_as=data_as, **more)


def member_added(channel: str, user_id: str | int, info: object = None) -> str:
    """A user came to a presence channel."""
    return message("pusher_internal:member_added", {"user_id": user_id, "user_info": info}, channel)


def member_removed(channel: str, user_id: str | int) -> str:
    """A user left a presence channel."""
    return message("pusher_internal:member_removed", {"user_id": user_id}, channel)


def subscription_count(channel: str, count: int) -> str:
    """How many connections are subscribed to a channel."""
    return message("pusher_internal:subscription_count", {"subscription_count": count}, channel)


def cache_miss(channel: str) -> str:
    """A cache channel has nothing to begin with."""
    return message("pusher:cache_miss", channel=channel)


def signed_in(user_data: str) -> str:
    """A sign-in that succeeded, with the user's data as it was signed."""
    return message("pusher:signin_success", {"user_data": user_data}, data_as="object")


def watchlist(name: Literal["online", "offline"], user_ids: Sequence[str | int]) -> str:
    """Users on the watchlist came or went."""
    return message("pusher_internal:watchlist_events", {"events": [{"name": name, "user_ids": [*user_ids]}]})


def channel_event(
    channel: str = "my-channel", name: str = "ev", data: Json = None, *, received: float = 0.0, user_id: str | None = None
) -> ChannelEvent:
    """An event as a stream delivers it."""
    raw = event(channel, name, data, user_id=user_id)
    return ChannelEvent(received=received, channel=channel, event=name, data=data, raw=raw, user_id=user_id)
