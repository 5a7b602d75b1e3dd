"""What received values have in common: how they are made, and how numbers that come as text are read. None is ever a float."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, TypeAlias, dataclass_transform

import msgspec

if TYPE_CHECKING:

    @dataclass_transform(frozen_default=True, kw_only_default=True)
    class Value:
        """A received value, read-only; see the run-time twin."""

        __struct_fields__: ClassVar[tuple[str, ...]]

        def __init_subclass__(
            cls, *, rename: dict[str, str] | None = None, omit_defaults: bool = False, kw_only: bool = True
        ) -> None: ...

else:

    class Value(msgspec.Struct, kw_only=True, gc=False):
        """A received value.

        Frozen to the type checkers, mutable at run time, where the machine stamps its own fields: a freeze at run time costs
        0.3 us a message. Left to itself by the garbage collector, since decoded JSON holds no cycles.
        """


__all__ = [
    "DECIMAL",
    "MILLISECONDS_FROM",
    "UINT256_DIGITS",
    "DecimalText",
    "Decimals",
    "Int64",
    "Moment",
    "Value",
    "exact",
    "integer",
    "is_number",
    "scaled",
]

UINT256_DIGITS: Final = 78
MILLISECONDS_FROM: Final = 10**11
"""A time below this is in seconds, else in milliseconds: pages of the document use both."""

Decimals: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=255)]
Moment: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999)]
Int64: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""What becomes part of an identity, which every store must be able to hold."""
DECIMAL: Final = re.compile(r"^-?[0-9]{1,78}(\.[0-9]{1,78})?\Z")
DecimalText: TypeAlias = Annotated[str, msgspec.Meta(pattern=DECIMAL.pattern)]
"""A decimal number sent as text: no exponent, no underscore, no NaN, bounded. `Decimal(text)` of it is exact."""

_JSON_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,77})(\.[0-9]{1,78})?([eE][+-]?[0-9]{1,2})?\Z")


def exact(number: msgspec.Raw) -> Decimal:
    """The value of a JSON number, digit by digit. Raises `ValueError` for anything else, and for one without bounds."""
    text = bytes(number).decode()
    if not _JSON_NUMBER.match(text):
        raise ValueError("not a number of bounded length")
    return Decimal(text)


def integer(text: str | None) -> int | None:
    """A number sent as text. None where the provider sent none. The text has been checked."""
    return int(text) if text else None


def is_number(text: str | None) -> bool:
    """Whether `text` is none, empty, or an unsigned whole number of at most 78 digits (uint256)."""
    return not text or (len(text) <= UINT256_DIGITS and text.isascii() and text.isdecimal())


def scaled(amount: int | None, decimals: int | None) -> Decimal | None:
    """`amount / 10**decimals`, exact whatever the context's precision. None where either is unknown."""
    if amount is None or decimals is None:
        return None
    return Decimal((0, tuple(map(int, str(amount))), -decimals))
