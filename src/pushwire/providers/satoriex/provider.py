"""SatoriEx, as those see it who serve any provider."""

from __future__ import annotations

from typing import Final

from ...core.provider import Provider
from ...errors import LocalProtocolError
from .commands import SubscribeMarket, SubscribeMarketData, UnsubscribeMarket, UnsubscribeMarketData
from .config import Config
from .machine import CLOSES

__all__ = ["PROVIDER"]

_SPEC: Final = "market:ID or marketdata:ID"


def parse_spec(text: str) -> SubscribeMarket | SubscribeMarketData:
    """`market:mkt_abc123` names one channel of one market. Raises `LocalProtocolError` where it is neither kind, or has no id."""
    channel, _, market_id = text.partition(":")
    match channel:
        case "market" if market_id:
            return SubscribeMarket(market_id)
        case "marketdata" if market_id:
            return SubscribeMarketData(market_id)
        case _:
            raise LocalProtocolError(f"subscription {text!r}: must be {_SPEC}")


PROVIDER: Final = Provider(
    name="satoriex",
    config=Config,
    commands={kind.__name__: kind for kind in (SubscribeMarket, SubscribeMarketData, UnsubscribeMarket, UnsubscribeMarketData)},
    secrets={"token": "PUSHWIRE_SATORIEX_TOKEN"},
    spec=_SPEC,
    parse_spec=parse_spec,
    # An open connection is an accepted one: there is nothing between.
    tables={},
    closes=CLOSES,
)
