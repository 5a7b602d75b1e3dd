"""Prices and how they have changed (seeds/001…, "Price Updates", "Price Changes").

Names are Python's; the wire's spelling stands in each struct's `rename`. Numbers come as text and stay so in a `raw_…` field; by
property they are exact `Decimal`s: the decoder has checked them before anyone sees them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, TypeAlias

import msgspec

from ...core.effects import Identity
from ...core.speedups import all_decimals, set_each
from ...core.values import DecimalText, Value
from .topics import PRICE_CHANGES, PRICES, Pair, Topic

__all__ = ["Price", "PriceChange", "Update", "are_sound", "stamp"]

LAST_SECOND: Final = 253_402_300_799
"""The last one that a datetime can hold."""
Seconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=LAST_SECOND)]

if TYPE_CHECKING:

    class Tagged(Value):
        """What is told apart by its channel."""

        def __init_subclass__(cls, *, tag: str | None = None, rename: dict[str, str] | None = None) -> None: ...

else:

    class Tagged(Value, tag_field="CH"):
        """What is told apart by its channel."""


class Update(Tagged, rename={"type": "T", "asset": "A", "fiat": "F"}):
    """What the messages of both channels share."""

    channel: ClassVar[str]

    type: str
    asset: str
    fiat: str

    @property
    def pair(self) -> Pair:
        """Which asset against which fiat."""
        return Pair(self.type, self.asset, self.fiat)

    @property
    def topics(self) -> tuple[Topic, Topic, Topic]:
        """What it may have been subscribed to by: the pair, the fiat, the whole channel."""
        return Topic(self.channel, self.fiat, self.asset, self.type), Topic(self.channel, self.fiat), Topic(self.channel)


RECEIVED: Final = "(set by pushwire) received"
"""How our own field is spelled; `stamp` sets it, also where a peer has guessed the name."""


class Price(Update, tag=PRICES, rename={"raw_ask": "AP", "raw_bid": "BP", "updated": "U", "received": RECEIVED}):
    """The price of an asset in a fiat. Each pair gets one about every 15 seconds.

    There are many: what is text here, `are_sound` checks for all of a read at once.
    """

    channel: ClassVar[str] = PRICES

    raw_ask: str
    raw_bid: str
    updated: Seconds
    """POSIX seconds."""
    received: float = 0.0
    """Seconds on the clock the stream runs by (trio's)."""

    @property
    def ask(self) -> Decimal:
        return Decimal(self.raw_ask)

    @property
    def bid(self) -> Decimal:
        return Decimal(self.raw_bid)

    @property
    def time(self) -> datetime:
        """`updated` as an aware datetime in UTC."""
        return datetime.fromtimestamp(self.updated, UTC)

    @property
    def identity(self) -> Identity:
        """What tells it from every other: whose price, and what it was when. The provider numbers nothing."""
        return Identity((self.channel, *self.pair), (self.updated, self.raw_ask, self.raw_bid))


def _change(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


class PriceChange(Update, tag=PRICE_CHANGES, rename={
    "raw_daily_percent": "D",
    "raw_intraday_percent": "I",
    "raw_weekly_percent": "W",
    "raw_monthly_percent": "M",
    "raw_six_month_percent": "6M",
    "raw_yearly_percent": "Y",
    "raw_five_year_percent": "5Y",
    "raw_daily_value": "DV",
    "raw_intraday_value": "IV",
    "raw_weekly_value": "WV",
    "raw_monthly_value": "MV",
    "raw_six_month_value": "6MV",
    "raw_yearly_value": "YV",
    "raw_five_year_value": "5YV",
    "raw_monthly_volatility": "MVOL",
    "received": RECEIVED,
}):  # fmt: skip
    """How the price of an asset has changed, as per cent (5 is 5 %) and as a value in the fiat. It names no time.

    A period that the message leaves out, or sends as null, is None: the document does not say what a new asset has there.
    """

    channel: ClassVar[str] = PRICE_CHANGES

    raw_daily_percent: DecimalText | None = None
    raw_intraday_percent: DecimalText | None = None
    raw_weekly_percent: DecimalText | None = None
    raw_monthly_percent: DecimalText | None = None
    raw_six_month_percent: DecimalText | None = None
    raw_yearly_percent: DecimalText | None = None
    raw_five_year_percent: DecimalText | None = None
    raw_daily_value: DecimalText | None = None
    raw_intraday_value: DecimalText | None = None
    raw_weekly_value: DecimalText | None = None
    raw_monthly_value: DecimalText | None = None
    raw_six_month_value: DecimalText | None = None
    raw_yearly_value: DecimalText | None = None
    raw_five_year_value: DecimalText | None = None
    raw_monthly_volatility: DecimalText | None = None
    received: float = 0.0
    """Seconds on the clock the stream runs by (trio's)."""

    @property
    def daily_percent(self) -> Decimal | None:
        return _change(self.raw_daily_percent)

    @property
    def intraday_percent(self) -> Decimal | None:
        return _change(self.raw_intraday_percent)

    @property
    def weekly_percent(self) -> Decimal | None:
        return _change(self.raw_weekly_percent)

    @property
    def monthly_percent(self) -> Decimal | None:
        return _change(self.raw_monthly_percent)

    @property
    def six_month_percent(self) -> Decimal | None:
        return _change(self.raw_six_month_percent)

    @property
    def yearly_percent(self) -> Decimal | None:
        return _change(self.raw_yearly_percent)

    @property
    def five_year_percent(self) -> Decimal | None:
        return _change(self.raw_five_year_percent)

    @property
    def daily_value(self) -> Decimal | None:
        return _change(self.raw_daily_value)

    @property
    def intraday_value(self) -> Decimal | None:
        return _change(self.raw_intraday_value)

    @property
    def weekly_value(self) -> Decimal | None:
        return _change(self.raw_weekly_value)

    @property
    def monthly_value(self) -> Decimal | None:
        return _change(self.raw_monthly_value)

    @property
    def six_month_value(self) -> Decimal | None:
        return _change(self.raw_six_month_value)

    @property
    def yearly_value(self) -> Decimal | None:
        return _change(self.raw_yearly_value)

    @property
    def five_year_value(self) -> Decimal | None:
        return _change(self.raw_five_year_value)

    @property
    def monthly_volatility(self) -> Decimal | None:
        return _change(self.raw_monthly_volatility)

    @property
    def identity(self) -> Identity:
        """What tells it from every other: whose change, and all that the message says."""
        said = (getattr(self, name) for name in self.__struct_fields__ if name.startswith("raw_"))
        return Identity((self.channel, *self.pair), tuple(said))


def are_sound(prices: Sequence[Price]) -> bool:
    """Whether their numbers are such."""
    return all_decimals(prices, ("raw_ask", "raw_bid"))


def stamp(updates: Sequence[Price | PriceChange], received: float) -> None:
    """Set what is ours. The one place where a value that is read-only to everybody else is changed."""
    set_each(updates, "received", [received] * len(updates))
