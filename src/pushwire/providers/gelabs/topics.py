"""What a gelabs subscription is about, and how its parts are compared."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

__all__ = ["CHAIN_IDS", "Topic", "fold", "topic"]

CHAIN_IDS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "ethereum": 1,
        "bsc": 56,
        "polygon": 137,
        "arbitrum": 42161,
        "optimism": 10,
        "base": 8453,
        "solana": 1,
        "tron": 1,
        "bitcoin": 1,
    }
)
"""The id of a chain whose message leaves it out, as its documented samples do (providers/gelabs.md, 2)."""


class Topic(NamedTuple):
    """One monitored address on one chain, in the form in which they are compared."""

    chain_type: str
    address: str


FOLDED: Final = ("0x", "0X")
"""How an address or hash begins whose case means nothing."""


def fold(text: str) -> str:
    """An address or hash as it is compared: EVM ones are hexadecimal, where case means nothing; elsewhere it does."""
    return text.lower() if text.startswith(FOLDED) else text


def topic(chain_type: str, address: str) -> Topic:
    return Topic(chain_type.lower(), fold(address))
