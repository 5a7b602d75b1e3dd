"""What SatoriEx's REST calls answer with (providers/satoriex.md, 3 to 5).

The documents show few of the fields. Each record keeps the whole JSON object as `raw`; its properties are None where a field is
missing or of another kind than expected, and `amount` reads any number exactly. Prices are basis points, money is dollars.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeVar

from ...core.values import Value
from ...errors import RemoteProtocolError
from .values import Bps, Level, Raw, Side, amount, bps, flat, is_list, is_object, levels, side, text, whole

__all__ = [
    "Balance",
    "FeedPage",
    "Market",
    "OrderBook",
    "OrderRecord",
    "Outcome",
    "Position",
    "Record",
    "TradeRecord",
    "WalletTransaction",
]


class Record(Value):
    """One object of a reply."""

    raw: Raw

    @property
    def fields(self) -> Raw:
        """Where the properties look."""
        return self.raw

    def amount(self, name: str) -> Decimal | None:
        """A field as an exact number, whatever its unit; None where it is none."""
        return amount(self.fields, name)

    @property
    def market_id(self) -> str | None:
        return text(self.fields, "market_id")

    @property
    def outcome_id(self) -> str | None:
        return text(self.fields, "outcome_id")


RecordT = TypeVar("RecordT", bound=Record)


class _Deal(Record):
    """Shares of an outcome that are bought or sold, or are to be."""

    @property
    def price(self) -> Bps | None:
        """Of one share; of a fill, that of the order that rested."""
        return bps(self.fields, "price")

    @property
    def quantity(self) -> int | None:
        """Whole shares."""
        return whole(self.fields, "quantity")

    @property
    def side(self) -> Side | None:
        return side(self.fields, "side")


class TradeRecord(_Deal):
    """A fill."""


class OrderRecord(_Deal):
    """An order."""

    @property
    def fields(self) -> Raw:
        # The reply to a new order has `trades`, and may have the order beside them.
        return flat(self.raw, "order")

    @property
    def order_id(self) -> str | None:
        return text(self.fields, "order_id") or text(self.fields, "id")

    @property
    def status(self) -> str | None:
        """`pending`, `open`, `partial`, `filled` or `cancelled`, so far."""
        return text(self.fields, "status")

    @property
    def done(self) -> bool:
        """Whether nothing will become of it any more."""
        return self.status in {"filled", "cancelled"}

    @property
    def trades(self) -> tuple[TradeRecord, ...] | None:
        """Empty in the reply to a new order, which is matched later: fills arrive on the stream."""
        return nested(self.fields, "trades", TradeRecord)


class Outcome(Record):
    """One outcome of a market."""

    @property
    def outcome_id(self) -> str | None:
        return super().outcome_id or text(self.fields, "id")


class Market(Record):
    """A market."""

    @property
    def market_id(self) -> str | None:
        return super().market_id or text(self.fields, "id")

    @property
    def status(self) -> str | None:
        return text(self.fields, "status")

    @property
    def outcomes(self) -> tuple[Outcome, ...] | None:
        return nested(self.fields, "outcomes", Outcome)


class OrderBook(Record):
    """The resting orders of one outcome."""

    @property
    def bids(self) -> tuple[Level, ...] | None:
        """The buying side."""
        return levels(self.fields, "bids")

    @property
    def asks(self) -> tuple[Level, ...] | None:
        """The selling side."""
        return levels(self.fields, "asks")


class Position(Record):
    """What is held of one outcome."""

    @property
    def shares(self) -> int | None:
        return whole(self.fields, "shares")

    @property
    def avg_buy_price(self) -> Bps | None:
        return bps(self.fields, "avg_buy_price")

    @property
    def cost_basis(self) -> Decimal | None:
        """Dollars, unlike `avg_buy_price`."""
        return self.amount("cost_basis")


class Balance(Record):
    """The wallet's balance. The names of its fields are not documented: see `raw`, and `amount(name)`."""


class WalletTransaction(Record):
    """A movement of the wallet. The names of its fields are not documented: see `raw`, and `amount(name)`."""


class FeedPage(Record):
    """One page of the feed."""

    @property
    def items(self) -> tuple[Record, ...]:
        return nested(self.fields, "items", Record) or ()

    @property
    def page(self) -> int | None:
        return whole(self.fields, "page")

    @property
    def size(self) -> int | None:
        return whole(self.fields, "size")

    @property
    def total(self) -> int | None:
        return whole(self.fields, "total")


def nested(fields: Raw, name: str, kind: type[RecordT]) -> tuple[RecordT, ...] | None:
    """The objects of a list among the fields. None where it is no list of objects."""
    rows = fields.get(name)
    if not is_list(rows):
        return None
    objects = [row for row in rows if is_object(row)]
    return tuple(kind(raw=row) for row in objects) if len(objects) == len(rows) else None


def one(data: object, kind: type[RecordT]) -> RecordT:
    """The record that data should be. Raises `RemoteProtocolError`."""
    if not is_object(data):
        raise RemoteProtocolError("the reply's data is no object")
    return kind(raw=data)


def many(data: object, kind: type[RecordT], *under: str) -> tuple[RecordT, ...]:
    """The records of data: a list, null where there are none, or an object with the list `under` one of these names.

    Raises `RemoteProtocolError`.
    """
    if data is None:
        return ()
    name = next((name for name in under if name in data), "") if is_object(data) else "data"
    rows = nested(data if is_object(data) else {"data": data}, name, kind)
    if rows is None:
        raise RemoteProtocolError("the reply's data is no list of objects")
    return rows
