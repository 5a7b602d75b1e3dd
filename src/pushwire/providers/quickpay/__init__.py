"""QuickPay: a merchant's payments, rates, verifications and notifications, by the Pusher protocol; and its webhooks."""

from typing import TYPE_CHECKING

from ...core.events import AckRefused, Down, Gap, Malformed, Stale, SubscriptionRefused, Unrecognized, Up
from ...lazy import lazily
from ..pusher.commands import Subscribe, Unsubscribe
from ..pusher.messages import (
    CacheMiss,
    ChannelEvent,
    MemberAdded,
    MemberRemoved,
    Members,
    PeerError,
    Subscribed,
    SubscriptionCount,
    Undecipherable,
    Watchlist,
)
from ..pusher.tables import CLOSES, HANDSHAKE
from .channels import TEST_CHANNEL, merchant, notifications, payments
from .config import APP_KEY, Config
from .machine import QuickPayMachine
from .messages import Customer, Event, ExchangeRate, Kyc, KycData, Notification, OtherEvent, Payment, PaymentData, RateData
from .signing import RequestSigner, read_private_key

if TYPE_CHECKING:
    from .webhook import Webhook, WebhookVerifier

__all__ = [
    "APP_KEY",
    "CLOSES",
    "HANDSHAKE",
    "TEST_CHANNEL",
    "AckRefused",
    "CacheMiss",
    "ChannelEvent",
    "Config",
    "Customer",
    "Down",
    "Event",
    "ExchangeRate",
    "Gap",
    "Kyc",
    "KycData",
    "Malformed",
    "MemberAdded",
    "MemberRemoved",
    "Members",
    "Notification",
    "OtherEvent",
    "Payment",
    "PaymentData",
    "PeerError",
    "QuickPayMachine",
    "RateData",
    "RequestSigner",
    "Stale",
    "Subscribe",
    "Subscribed",
    "SubscriptionCount",
    "SubscriptionRefused",
    "Undecipherable",
    "Unrecognized",
    "Unsubscribe",
    "Up",
    "Watchlist",
    "Webhook",
    "WebhookVerifier",
    "merchant",
    "notifications",
    "payments",
    "read_private_key",
]

if not TYPE_CHECKING:  # to a type checker, a package with a `__getattr__` has every name
    __getattr__, __dir__ = lazily(__name__, __all__, "webhook")
