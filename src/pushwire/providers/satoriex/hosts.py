"""Where SatoriEx is, and how often it may be asked (providers/satoriex.md, 1 and 6)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from ...core.config import as_websocket_url
from ...core.ratelimit import RateLimit

__all__ = ["RATE_LIMITS", "STAGING", "STAGING_API", "api_beside"]

STAGING: Final = "wss://staging.satoriex.io/ws"
"""The socket of the *staging* system: the only one that SatoriEx's pages print. For production, ask them for theirs."""

STAGING_API: Final = "https://staging.satoriex.io/api/v1"
"""REST of the staging system."""

PATHS: Final = (
    "markets",
    "market",
    "market trades",
    "market order book",
    "outcome order book",
    "feed",
    "place order",
    "cancel order",
    "orders",
    "order",
    "positions",
    "balance",
    "wallet transactions",
)

RATE_LIMITS: Final[Mapping[str, RateLimit]] = MappingProxyType(
    {
        **dict.fromkeys(PATHS, RateLimit(100, 60.0)),
        "orders by IP": RateLimit(60, 60.0),
        "orders by user": RateLimit(30, 60.0),
        # Of logins; refreshing is allowed twice as often.
        "tokens": RateLimit(10, 60.0),
    }
)
"""Each path by itself, and placing and cancelling orders together."""


def api_beside(url: str) -> str:
    """Where REST is, when a socket is at `url`: the same host, `/api/v1`."""
    parts = urlsplit(as_websocket_url(url))
    return parts._replace(scheme=parts.scheme.replace("ws", "http"), path="/api/v1", query="", fragment="").geturl()
