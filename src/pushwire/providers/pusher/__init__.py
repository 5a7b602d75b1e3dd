"""Pusher Channels, protocol 7: events on channels, from Pusher itself and from any server that speaks its protocol."""

from ...core.events import AckRefused, Down, Gap, Malformed, Stale, SubscriptionRefused, Unrecognized, Up
from .auth import AuthEndpoint, Authoriser, Grant
from .commands import SignIn, Subscribe, Trigger, Unsubscribe
from .config import Config, ProtocolConfig, app_url
from .dialect import Limits, PusherDialect
from .machine import PusherMachine, PusherSession
from .messages import (
    CacheMiss,
    ChannelEvent,
    Event,
    Member,
    MemberAdded,
    MemberRemoved,
    Members,
    Own,
    PeerError,
    SignedIn,
    Subscribed,
    SubscriptionCount,
    Undecipherable,
    Watchlist,
)
from .tables import CLOSES, HANDSHAKE
from .values import Json

__all__ = [
    "CLOSES",
    "HANDSHAKE",
    "AckRefused",
    "AuthEndpoint",
    "Authoriser",
    "CacheMiss",
    "ChannelEvent",
    "Config",
    "Down",
    "Event",
    "Gap",
    "Grant",
    "Json",
    "Limits",
    "Malformed",
    "Member",
    "MemberAdded",
    "MemberRemoved",
    "Members",
    "Own",
    "PeerError",
    "ProtocolConfig",
    "PusherDialect",
    "PusherMachine",
    "PusherSession",
    "SignIn",
    "SignedIn",
    "Stale",
    "Subscribe",
    "Subscribed",
    "SubscriptionCount",
    "SubscriptionRefused",
    "Trigger",
    "Undecipherable",
    "Unrecognized",
    "Unsubscribe",
    "Up",
    "Watchlist",
    "app_url",
]
