"""Events of SatoriEx: their fields are documented nowhere, so any may be there, or be missing, or be of another kind."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, TypeVar, cast

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ...providers.pusher import Json
from ...providers.satoriex import EVENTS, ORDERBOOK_NAMES, USER, Event, Message, OrderBookUpdate, Topic
from ...providers.satoriex.messages import build
from . import parts
from .control import control

__all__ = ["events", "messages", "of_kind", "topics"]

MessageT = TypeVar("MessageT", bound=Message)

STATES: Final = ("pending", "open", "partial", "filled", "cancelled")
MARKETS: Final[SearchStrategy[str]] = st.text(parts.HEXADECIMAL, min_size=1, max_size=8).map("mkt_{}".format)
PRICES: Final[SearchStrategy[int]] = st.integers(0, 10_000)
LEVEL: Final[SearchStrategy[dict[str, int]]] = st.fixed_dictionaries({"price": PRICES, "quantity": st.integers(0, 10**9)})
LEVELS: Final[SearchStrategy[list[dict[str, int]]]] = st.lists(LEVEL, max_size=3)


def topics() -> SearchStrategy[Topic]:
    """What can be subscribed to, and what need not be."""
    return st.just(USER) | st.builds(Topic, st.sampled_from(["market", "marketdata"]), MARKETS)


def _fields(market_id: str | None) -> SearchStrategy[dict[str, Json]]:
    known: dict[str, SearchStrategy[Json]] = {
        "outcome_id": parts.TEXTS,
        "order_id": parts.TEXTS,
        "price": PRICES,
        "quantity": st.integers(0, 10**9),
        "side": st.sampled_from([1, 2, "buy", "sell"]),
        "status": st.sampled_from(STATES) | parts.TEXTS,
        "mid": st.integers(2, 20_000).map(lambda halves: Decimal(halves) / 2),
        "best_bid": PRICES,
        "best_ask": PRICES,
        "bids": cast("SearchStrategy[Json]", LEVELS),
        "asks": cast("SearchStrategy[Json]", LEVELS),
    }
    nothing: dict[str, Json] = {}
    strange: SearchStrategy[dict[str, Json]] = st.just(nothing) | st.dictionaries(
        st.sampled_from([*known, "more"]), parts.json_values(), max_size=2
    )
    market: SearchStrategy[Json] = MARKETS if market_id is None else st.just(market_id)
    whose: SearchStrategy[dict[str, Json]] = st.fixed_dictionaries({"market_id": market}, optional=known)
    return st.builds(_both, whose, strange)


def _both(fields: dict[str, Json], more: dict[str, Json]) -> dict[str, Json]:
    return {**fields, **more}


def of_kind(kind: type[MessageT], *, market_id: str | None = None, received: float | None = None) -> SearchStrategy[MessageT]:
    """Events of one class. `market_id` is that of their market, where they are of any."""
    names = [name for name, known in EVENTS.items() if known is kind] or list(ORDERBOOK_NAMES)

    def made(name: str, fields: dict[str, Json], at: float) -> MessageT:
        event: Message = build(cast("type[Message]", kind), {"type": name, **fields}, at)
        return cast("MessageT", event)

    return st.builds(made, st.sampled_from(names), _fields(market_id), parts.received(received))


def messages(*, market_id: str | None = None, received: float | None = None) -> SearchStrategy[Message]:
    """Everything that SatoriEx pushes."""
    kinds: list[type[Message]] = [*EVENTS.values(), OrderBookUpdate]
    return st.one_of([of_kind(kind, market_id=market_id, received=received) for kind in kinds])


def events() -> SearchStrategy[Event]:
    """Whatever a SatoriEx stream delivers."""
    return parts.either(messages(), control(topics()))
