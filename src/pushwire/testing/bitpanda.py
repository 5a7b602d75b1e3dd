"""Builders for Bitpanda: the updates a stream delivers, and the messages the provider sends.

Defaults are the samples of the document (seeds/001…, "Price Updates", "Price Changes").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, TypedDict, TypeVar, Unpack

import msgspec

from ..core.events import Stale, SubscriptionRefused
from ..providers.bitpanda import PRICES, Pair, Price, PriceChange, Topic
from ..providers.bitpanda.prices import RECEIVED
from . import events

__all__ = [
    "AAPL",
    "BTC",
    "ChangeFields",
    "PriceFields",
    "price",
    "price_change",
    "push",
    "refused",
    "stale",
    "subscription_refused",
    "success",
]

UpdateT = TypeVar("UpdateT", Price, PriceChange)

Action: TypeAlias = Literal["subscribe", "unsubscribe"]

BTC: Final = Pair("cr", "BTC", "EUR")
AAPL: Final = Pair("s", "AAPL", "EUR")
TOPIC: Final = Topic.of(PRICES, BTC)


class PriceFields(TypedDict, total=False):
    """Every field of a `Price`, by its Python name."""

    type: str
    asset: str
    fiat: str
    raw_ask: str
    raw_bid: str
    updated: int
    received: float


class ChangeFields(TypedDict, total=False):
    """Every field of a `PriceChange`, by its Python name."""

    type: str
    asset: str
    fiat: str
    raw_daily_percent: str | None
    raw_intraday_percent: str | None
    raw_weekly_percent: str | None
    raw_monthly_percent: str | None
    raw_six_month_percent: str | None
    raw_yearly_percent: str | None
    raw_five_year_percent: str | None
    raw_daily_value: str | None
    raw_intraday_value: str | None
    raw_weekly_value: str | None
    raw_monthly_value: str | None
    raw_six_month_value: str | None
    raw_yearly_value: str | None
    raw_five_year_value: str | None
    raw_monthly_volatility: str | None
    received: float


def price(**overrides: Unpack[PriceFields]) -> Price:
    """A price as a stream delivers it.

    >>> price(raw_ask="2.50").ask
    Decimal('2.50')
    """
    made = Price(type="cr", asset="BTC", fiat="EUR", raw_ask="65544.85350", raw_bid="65217.84675", updated=1_706_521_791)
    return _changed(made, dict(overrides))


def price_change(**overrides: Unpack[ChangeFields]) -> PriceChange:
    """A price change as a stream delivers it."""
    made = PriceChange(
        type="cr",
        asset="BTC",
        fiat="EUR",
        raw_daily_percent="-1.5133276010318143",
        raw_intraday_percent="1.273209549071618",
        raw_weekly_percent="-1.8677176148046607",
        raw_monthly_percent="0.297723292469352",
        raw_six_month_percent="-7.9408455232277769",
        raw_yearly_percent="-24.3261099365750529",
        raw_five_year_percent="-26.7534660050135571",
        raw_daily_value="-0.88",
        raw_intraday_value="0.72",
        raw_weekly_value="-1.09",
        raw_monthly_value="0.17",
        raw_six_month_value="-4.94",
        raw_yearly_value="-18.41",
        raw_five_year_value="-20.918",
        raw_monthly_volatility="0.1185439986130654",
    )
    return _changed(made, dict(overrides))


def _changed(made: UpdateT, overrides: Mapping[str, object]) -> UpdateT:
    for name, value in overrides.items():
        # Read-only to the type checkers alone, as for the machine that stamps it.
        setattr(made, name, value)
    return made


def push(update: Price | PriceChange | None = None) -> str:
    """The wire message that is delivered as `update`, the price of the sample where none is given."""
    fields: dict[str, object] = msgspec.to_builtins(price() if update is None else update)
    del fields[RECEIVED]
    return msgspec.json.encode(fields).decode()


def success(action: Action = "subscribe", channel: str = PRICES) -> str:
    """The reply to a command.

    >>> success("unsubscribe")
    '{"action":"unsubscribe","channel":"prices-v1","status":"success"}'
    """
    return msgspec.json.encode({"action": action, "channel": channel, "status": "success"}).decode()


def refused(text: str, action: Action = "subscribe", channel: str = PRICES) -> str:
    """The reply to a command that is refused, for `text`."""
    return msgspec.json.encode({"action": action, "channel": channel, "error": text}).decode()


def stale(topic: Topic = TOPIC, *, received: float = 0.0, since: float | None = None) -> Stale[Topic]:
    """Nothing arrived for `topic`, for a minute unless `since` is given."""
    return events.stale(topic, received=received, since=since)


def subscription_refused(
    topic: Topic = TOPIC, *, received: float = 0.0, text: str = "asset not found for domain: BTC"
) -> SubscriptionRefused[Topic]:
    """After a reconnect Bitpanda refused to restore `topic`."""
    return events.subscription_refused(topic, received=received, code=None, text=text)
