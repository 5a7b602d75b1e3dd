"""What SatoriEx's values are made of, on the socket and on REST: exact numbers, prices in basis points, sides, and the reading of
fields that may be missing or of another kind than expected.

The fields of pushed messages are documented nowhere, those of replies in part (providers/satoriex.md, 4 and 7). So whatever is
received is kept whole, and what can be told of it is a view: None where a field is not there or is not what it should be.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, NamedTuple, NewType, TypeAlias, TypeGuard

import msgspec

from ...core.values import DecimalText, exact

__all__ = ["Bps", "Level", "Raw", "Side", "dollars"]

Raw: TypeAlias = Mapping[str, object]
"""A JSON object as it was received: whole numbers are `int`, all others exact `Decimal`s."""

Bps = NewType("Bps", int)
"""A price in basis points: 10000 is 100 %, or $1.00."""

FULL_PRICE: Final = 10_000


def dollars(price: Bps) -> Decimal:
    """The price in dollars, exact.

    >>> dollars(Bps(4200))
    Decimal('0.4200')
    """
    return Decimal((int(price < 0), tuple(map(int, str(abs(price)))), -4))


class Side(enum.IntEnum):
    """Of an order. Another number that the provider may send one day stays that number, as a member without a name of its own."""

    BUY = 1
    SELL = 2

    @classmethod
    def _missing_(cls, value: object) -> Side | None:
        if type(value) is not int:
            return None
        unknown = int.__new__(cls, value)
        unknown._name_ = f"UNKNOWN_{value}"
        unknown._value_ = value
        return unknown


class Level(NamedTuple):
    """One price of an order book, with the shares wanted or offered there."""

    price: Bps
    quantity: int


def _number(text: str) -> Decimal:
    return exact(msgspec.Raw(text.encode()))


decode: Final = msgspec.json.Decoder(dict[str, object], float_hook=_number).decode
"""A JSON object. Raises `msgspec.MsgspecError`, `UnicodeError` or `RecursionError` for all else; numbers have bounds."""


def is_object(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


def flat(fields: Raw, inner: str) -> Raw:
    """The fields, with those of the object `inner` among them on top."""
    within = fields.get(inner)
    return {**fields, **within} if is_object(within) else fields


def text(fields: Raw, name: str) -> str | None:
    """A text that is not empty."""
    value = fields.get(name)
    return value if isinstance(value, str) and value else None


def whole(fields: Raw, name: str) -> int | None:
    """A whole number from 0 to 2**63 - 1."""
    value = fields.get(name)
    return value if type(value) is int and 0 <= value < 2**63 else None


def bps(fields: Raw, name: str) -> Bps | None:
    """A price. Fractions are dollars, or something else: they are no basis points."""
    value = whole(fields, name)
    return Bps(value) if value is not None and value <= FULL_PRICE else None


def middle(fields: Raw, name: str) -> Decimal | None:
    """A price between two of the book, in basis points: it may end in a half. Below one it would be dollars."""
    value = amount(fields, name)
    return value if value is not None and (value == 0 or 1 <= value <= FULL_PRICE) else None


def amount(fields: Raw, name: str) -> Decimal | None:
    """An exact number, written as one or as text."""
    value = fields.get(name)
    if isinstance(value, Decimal) or type(value) is int:
        return Decimal(value)
    if isinstance(value, str):
        try:
            return Decimal(msgspec.convert(value, DecimalText))
        except msgspec.ValidationError:
            return None
    return None


def side(fields: Raw, name: str) -> Side | None:
    """As a number (int8), or spelled out, as one page has it."""
    value = fields.get(name)
    if isinstance(value, str):
        return _SPELLED.get(value)
    return Side(value) if type(value) is int and -128 <= value <= 127 else None


_SPELLED: Final = {"buy": Side.BUY, "sell": Side.SELL}


def levels(fields: Raw, name: str) -> tuple[Level, ...] | None:
    """The rows of one side of a book, `{"price", "quantity"}` or `[price, quantity]` each. None if a single one is neither."""
    rows = fields.get(name)
    if not is_list(rows):
        return None
    found: list[Level] = []
    for row in rows:
        if is_list(row):
            row = dict(zip(("price", "quantity"), row, strict=False))
        price, quantity = (bps(row, "price"), whole(row, "quantity")) if is_object(row) else (None, None)
        if price is None or quantity is None:
            return None
        found.append(Level(price, quantity))
    return tuple(found)
