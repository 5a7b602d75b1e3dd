"""QuantCite, as those see it who serve any provider."""

from __future__ import annotations

from typing import Final

from ...core.provider import Provider
from ...errors import LocalProtocolError
from .commands import GetExchanges, SubscribeTransactions, ValidateCredentials
from .config import Config
from .stages import AUTHENTICATION, CLOSES

__all__ = ["PROVIDER"]

_SPEC: Final = "exchange[:type,type...]"


def parse_spec(text: str) -> SubscribeTransactions:
    """`bybit:deposits,withdrawals` names transaction types of one exchange, `bybit` leaves them to the provider; the network is
    that of the config. Raises `LocalProtocolError` where a part is missing."""
    exchange, colon, types = text.partition(":")
    names = tuple(types.split(",")) if colon else ()
    if not exchange or "" in names:
        raise LocalProtocolError(f"subscription {text!r}: must be {_SPEC}")
    return SubscribeTransactions(exchange, transaction_types=names)


PROVIDER: Final = Provider(
    name="quantcite",
    config=Config,
    commands={kind.__name__: kind for kind in (SubscribeTransactions, ValidateCredentials, GetExchanges)},
    secrets={"api_key": "PUSHWIRE_QUANTCITE_API_KEY"},
    spec=_SPEC,
    parse_spec=parse_spec,
    tables={"from the open connection to its authentication": AUTHENTICATION},
    closes=CLOSES,
    unidentified="",
)
