"""Events of QuantCite."""

from __future__ import annotations

import json
from typing import Final, Unpack, cast

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ...providers.quantcite import Amount, Description, Event, Notice, Sender, Topic, Transaction
from ..quantcite import TransactionFields, transaction
from . import parts
from .control import control

__all__ = ["amounts", "events", "notices", "topics", "transactions"]

EXCHANGES: Final = ("bybit", "binance", "okx", "kraken")
TYPES: Final = ("deposits", "withdrawals", "spot_orders")
WARNINGS: Final = ("rate_limit_warning", "data_limit_warning")


def topics() -> SearchStrategy[Topic]:
    """What can be subscribed to, with the provider's own credentials."""
    return st.builds(Topic, st.sampled_from(EXCHANGES), st.none() | st.booleans(), st.sampled_from(TYPES))


def amounts() -> SearchStrategy[Amount]:
    """So much of a currency, exact."""
    return st.builds(Amount, st.sampled_from(["BTC", "ETH", "USDT", "EUR"]) | parts.TEXTS, parts.decimals())


def transactions(**fixed: Unpack[TransactionFields]) -> SearchStrategy[Transaction]:
    """Transactions: of deposits, withdrawals, trades, and of what nobody knows yet."""
    words = parts.maybe(parts.TEXTS)
    drawn: dict[str, SearchStrategy[object]] = {
        "exchange": st.sampled_from(EXCHANGES),
        "testnet": st.booleans(),
        "transaction_id": parts.TEXTS,
        "timestamp": parts.moments().map(lambda at: at * 1000),
        "label": st.sampled_from(["Deposit", "Withdrawal", "Trade"]) | parts.TEXTS,
        **dict.fromkeys(("sent_currency", "received_currency", "fee"), st.none() | amounts()),
        "sender": st.none() | st.builds(Sender, name=words, public_name=words, wallet_id=words),
        "description": st.none() | st.builds(Description, title=words, text=words),
        "received": parts.received(None),
        "delivery": st.sampled_from(["new", "update", "redelivery"]),
        "asked_for": st.lists(st.sampled_from(TYPES), unique=True).map(tuple),
    }

    def made(fields: TransactionFields) -> Transaction:
        fields.update(fixed)
        return transaction(**fields)

    return cast("SearchStrategy[TransactionFields]", st.fixed_dictionaries(drawn)).map(made)


def notices(*, received: float | None = None) -> SearchStrategy[Notice]:
    """Warnings of the provider."""

    def made(at: float, kind: str, text: str, code: int | None, error: str | None, pause: int | None) -> Notice:
        said = {"type": kind, "message": text, "code": code, "error": error, "retry_after": pause}
        raw = json.dumps({name: value for name, value in said.items() if value is not None})
        return Notice(at, kind, code, error, text, None if pause is None else float(pause), raw)

    codes, pauses = st.none() | st.integers(4001, 4005), st.none() | st.integers(1, 3600)
    return st.builds(
        made, parts.received(received), st.sampled_from(WARNINGS), parts.TEXTS, codes, parts.maybe(parts.TEXTS), pauses
    )


def events() -> SearchStrategy[Event]:
    """Whatever a QuantCite stream delivers."""
    return parts.either(transactions() | notices(), control(topics()))
