"""What the events of several providers are made of: texts, numbers as text, times, JSON."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ...providers.pusher import Json

__all__ = [
    "DECIMAL_TEXTS",
    "HEXADECIMAL",
    "TEXTS",
    "UINT256_TEXTS",
    "decimals",
    "either",
    "json_objects",
    "json_values",
    "maybe",
    "moments",
    "received",
]

OneT = TypeVar("OneT")
OtherT = TypeVar("OtherT")

MAX_INT64: Final = 2**63 - 1

TEXTS: Final[SearchStrategy[str]] = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
"""Not empty: for many providers that is the same as none."""
HEXADECIMAL: Final = "0123456789abcdef"
UINT256_TEXTS: Final[SearchStrategy[str]] = st.integers(0, 2**256 - 1).map(str)
"""Whole numbers of up to 78 digits."""


def decimals(*, low: int = 0, places: int = 18) -> SearchStrategy[Decimal]:
    """Exact numbers from `low` up with at most so many places, trailing zeros among them."""

    def scaled(units: int, places: int) -> Decimal:
        digits = tuple(map(int, str(abs(units))))
        return Decimal((int(units < 0), digits, -places))

    return st.builds(scaled, st.integers(low * 10**places, 10 ** (places + 12)), st.integers(0, places))


DECIMAL_TEXTS: Final[SearchStrategy[str]] = decimals(places=10).map(lambda number: f"{number:f}")
"""Numbers as text, from 0 up."""


def maybe(strategy: SearchStrategy[str]) -> SearchStrategy[str | None]:
    """What may be there."""
    return st.none() | strategy


def received(fixed: float | None) -> SearchStrategy[float]:
    """Seconds on trio's clock."""
    return st.floats(0, 10.0**7, allow_nan=False) if fixed is None else st.just(fixed)


def either(one: SearchStrategy[OneT], other: SearchStrategy[OtherT]) -> SearchStrategy[OneT | OtherT]:
    """One as often as the other, however many there are of each."""
    both: list[SearchStrategy[OneT | OtherT]] = [one, other]
    return st.sampled_from(both).flatmap(_itself)


def _itself(strategy: SearchStrategy[OneT]) -> SearchStrategy[OneT]:
    return strategy


def moments() -> SearchStrategy[int]:
    """POSIX seconds, from 2001 to 2096."""
    return st.integers(10**9, 4 * 10**9 - 1)


_SCALARS: Final[SearchStrategy[Json]] = (
    st.none()
    | st.booleans()
    | st.integers(-MAX_INT64, MAX_INT64)
    | decimals(low=-1, places=6).filter(lambda number: number != number.to_integral_value())
    | TEXTS
)


def json_values() -> SearchStrategy[Json]:
    """Decoded JSON as events have it: numbers that are not whole are exact."""
    return st.recursive(_SCALARS, _around, max_leaves=6)


def json_objects() -> SearchStrategy[dict[str, Json]]:
    """Decoded JSON objects."""
    return st.dictionaries(TEXTS, json_values(), max_size=4)


def _around(parts: SearchStrategy[Json]) -> SearchStrategy[Json]:
    lists: SearchStrategy[Json] = st.lists(parts, max_size=3)
    objects: SearchStrategy[Json] = st.dictionaries(TEXTS, parts, max_size=3)
    return lists | objects
