"""Events of Bitpanda."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Unpack, cast

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ...providers.bitpanda import PRICE_CHANGES, PRICES, Event, Pair, Price, PriceChange, Topic
from ..bitpanda import ChangeFields, PriceFields, price, price_change
from . import parts
from .control import control

__all__ = ["events", "pairs", "price_changes", "prices", "topics"]

TYPES: Final = ("cr", "s", "f", "i", "co", "es")
SYMBOLS: Final[SearchStrategy[str]] = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=8)
FIATS: Final[SearchStrategy[str]] = st.sampled_from(["EUR", "USD", "CHF", "GBP"])
WHOSE: Final[dict[str, SearchStrategy[str]]] = {"type": st.sampled_from(TYPES), "asset": SYMBOLS, "fiat": FIATS}


def pairs() -> SearchStrategy[Pair]:
    """Assets against fiats."""
    return st.builds(Pair, **WHOSE)


def topics() -> SearchStrategy[Topic]:
    """What can be subscribed to: pairs, fiats, whole channels."""
    channels = st.sampled_from([PRICES, PRICE_CHANGES])
    return st.builds(Topic.of, channels, pairs()) | st.builds(Topic, channels, FIATS) | st.builds(Topic, channels)


def prices(**fixed: Unpack[PriceFields]) -> SearchStrategy[Price]:
    """Prices. No ask is below its bid, unless one of them is given."""

    def made(fields: PriceFields, one: str, other: str) -> Price:
        fields["raw_bid"], fields["raw_ask"] = sorted((one, other), key=Decimal)
        fields.update(fixed)
        return price(**fields)

    drawn: dict[str, SearchStrategy[object]] = {**WHOSE, "updated": parts.moments(), "received": parts.received(None)}
    fields = cast("SearchStrategy[PriceFields]", st.fixed_dictionaries(drawn))
    return st.builds(made, fields, parts.DECIMAL_TEXTS, parts.DECIMAL_TEXTS)


def price_changes(**fixed: Unpack[ChangeFields]) -> SearchStrategy[PriceChange]:
    """Price changes, some periods missing."""
    changes = st.none() | parts.decimals(low=-1, places=10).map(lambda number: f"{number:f}")
    names = [name for name in ChangeFields.__annotations__ if name.startswith("raw_")]
    drawn: dict[str, SearchStrategy[object]] = {**WHOSE, **dict.fromkeys(names, changes), "received": parts.received(None)}

    def made(fields: ChangeFields) -> PriceChange:
        fields.update(fixed)
        return price_change(**fields)

    return cast("SearchStrategy[ChangeFields]", st.fixed_dictionaries(drawn)).map(made)


def events() -> SearchStrategy[Event]:
    """Whatever a Bitpanda stream delivers."""
    return parts.either(prices() | price_changes(), control(topics()))
