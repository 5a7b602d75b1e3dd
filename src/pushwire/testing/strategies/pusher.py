"""Events of Pusher."""

from __future__ import annotations

from typing import Final, Literal

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ...providers.pusher import (
    CacheMiss,
    ChannelEvent,
    Event,
    Json,
    Member,
    MemberAdded,
    MemberRemoved,
    Members,
    PeerError,
    SubscriptionCount,
    Undecipherable,
    Watchlist,
)
from ...providers.pusher.messages import Own
from .. import pusher as build
from . import parts
from .control import control

__all__ = [
    "cache_misses",
    "channel_events",
    "channels",
    "events",
    "member_additions",
    "member_lists",
    "member_removals",
    "members",
    "own",
    "peer_errors",
    "subscription_counts",
    "undecipherable",
    "watchlists",
]

NAMES: Final[SearchStrategy[str]] = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_=@,.;", min_size=1, max_size=20)
EVENTS: Final[SearchStrategy[str]] = parts.TEXTS.filter(lambda name: not name.startswith(("pusher:", "pusher_internal:")))

Kind = Literal["", "private-", "presence-", "cache-", "private-encrypted-"]


def channels(kind: Kind | None = None) -> SearchStrategy[str]:
    """Names of channels: of one kind, by its prefix, or of any."""
    kinds: list[Kind] = ["", "private-", "presence-", "cache-", "private-encrypted-"]
    prefixes = st.sampled_from(kinds) if kind is None else st.just(kind)
    return st.builds("{}x{}".format, prefixes, NAMES)


def _on(channel: str | None, kind: Kind | None = None) -> SearchStrategy[str]:
    return channels(kind) if channel is None else st.just(channel)


def channel_events(*, channel: str | None = None, received: float | None = None) -> SearchStrategy[ChannelEvent]:
    """Events on channels, with any data; of client events on presence channels the sender is told."""

    def made(at: float, channel: str, name: str, data: Json, user_id: str | None) -> ChannelEvent:
        sender = user_id if channel.startswith("presence-") else None
        return build.channel_event(channel, name, data, received=at, user_id=sender)

    users = parts.maybe(parts.TEXTS)
    return st.builds(made, parts.received(received), _on(channel), EVENTS, parts.json_values(), users)


def members() -> SearchStrategy[Member]:
    """Users of a presence channel, and what they say of themselves."""
    return st.builds(Member, parts.TEXTS, parts.json_values())


def member_lists(*, channel: str | None = None, received: float | None = None) -> SearchStrategy[Members]:
    """Who is on a presence channel."""
    there = st.lists(members(), max_size=3).map(lambda several: {member.id: member for member in several})
    return st.builds(Members, parts.received(received), _on(channel, "presence-"), there)


def member_additions(*, channel: str | None = None, received: float | None = None) -> SearchStrategy[MemberAdded]:
    """A user came to a presence channel."""
    return st.builds(MemberAdded, parts.received(received), _on(channel, "presence-"), members())


def member_removals(*, channel: str | None = None, received: float | None = None) -> SearchStrategy[MemberRemoved]:
    """A user left a presence channel."""
    return st.builds(MemberRemoved, parts.received(received), _on(channel, "presence-"), parts.TEXTS)


def subscription_counts(*, channel: str | None = None, received: float | None = None) -> SearchStrategy[SubscriptionCount]:
    """How many connections are subscribed to a channel."""
    return st.builds(SubscriptionCount, parts.received(received), _on(channel, "private-"), st.integers(0, 10**6))


def cache_misses(*, channel: str | None = None, received: float | None = None) -> SearchStrategy[CacheMiss]:
    """A cache channel had nothing to begin with."""
    return st.builds(CacheMiss, parts.received(received), _on(channel, "cache-"))


def watchlists(*, received: float | None = None) -> SearchStrategy[Watchlist]:
    """Users on the watchlist came or went."""
    users = st.lists(parts.TEXTS, min_size=1, max_size=3).map(tuple)
    return st.builds(Watchlist, parts.received(received), st.sampled_from(["online", "offline"]), users)


def peer_errors(*, received: float | None = None) -> SearchStrategy[PeerError]:
    """Errors that refuse nothing."""

    def made(at: float, code: int | None, text: str, channel: str | None) -> PeerError:
        return PeerError(at, code, text, channel, build.error(code, text, channel))

    codes = st.sampled_from([None, 4301, 4302])
    return st.builds(made, parts.received(received), codes, parts.TEXTS, st.none() | channels("private-"))


def undecipherable(*, channel: str | None = None, received: float | None = None) -> SearchStrategy[Undecipherable]:
    """Events that no key opens."""

    def made(at: float, channel: str, name: str, reason: str) -> Undecipherable:
        return Undecipherable(at, channel, name, reason, build.event(channel, name, {"nonce": "", "ciphertext": ""}))

    return st.builds(made, parts.received(received), _on(channel, "private-encrypted-"), EVENTS, parts.TEXTS)


def own() -> SearchStrategy[Own]:
    """Whatever a stream delivers besides the events of channels."""
    return (
        member_lists()
        | member_additions()
        | member_removals()
        | subscription_counts()
        | cache_misses()
        | watchlists()
        | peer_errors()
        | undecipherable()
        | control(channels())
    )


def events() -> SearchStrategy[Event]:
    """Whatever a Pusher stream delivers."""
    return parts.either(channel_events(), own())
