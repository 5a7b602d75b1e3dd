"""Bitpanda Enterprise prices: ask and bid of the assets of a partner's domain, and how they have changed."""

from ...core.events import AckRefused, Down, Gap, Malformed, Stale, SubscriptionRefused, Unrecognized, Up
from .commands import Drop, Subscribe, Unsubscribe
from .config import Config
from .machine import CLOSES, BitpandaMachine
from .messages import Event
from .oauth import ClientCredentials
from .prices import Price, PriceChange
from .topics import FORMS, PRICE_CHANGES, PRICES, Form, Pair, Topic

__all__ = [
    "CLOSES",
    "FORMS",
    "PRICES",
    "PRICE_CHANGES",
    "AckRefused",
    "BitpandaMachine",
    "ClientCredentials",
    "Config",
    "Down",
    "Drop",
    "Event",
    "Form",
    "Gap",
    "Malformed",
    "Pair",
    "Price",
    "PriceChange",
    "Stale",
    "Subscribe",
    "SubscriptionRefused",
    "Topic",
    "Unrecognized",
    "Unsubscribe",
    "Up",
]
