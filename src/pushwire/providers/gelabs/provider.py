"""gelabs, as those see it who serve any provider."""

from __future__ import annotations

from typing import Final

from ...core.provider import Provider
from ...errors import LocalProtocolError
from .commands import GetTransaction, Subscribe, Unsubscribe
from .config import Config
from .machine import CLOSES, GREETING

__all__ = ["PROVIDER"]

_SPEC: Final = "chain_type:address"


def parse_spec(text: str) -> Subscribe:
    """`ethereum:0x…` names one address on one chain. Raises `LocalProtocolError` where a part is missing."""
    chain_type, _, address = text.partition(":")
    if not chain_type or not address:
        raise LocalProtocolError(f"subscription {text!r}: must be {_SPEC}")
    return Subscribe(address=address, chain_type=chain_type)


PROVIDER: Final = Provider(
    name="gelabs",
    config=Config,
    commands={kind.__name__: kind for kind in (Subscribe, Unsubscribe, GetTransaction)},
    secrets={"api_key": "PUSHWIRE_GELABS_API_KEY"},
    spec=_SPEC,
    parse_spec=parse_spec,
    tables={"from the open connection to its greeting": GREETING},
    closes=CLOSES,
    unidentified="",
)
