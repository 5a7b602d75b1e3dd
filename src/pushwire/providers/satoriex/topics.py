"""The channels of SatoriEx (seeds/004…, "Channels")."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

__all__ = ["USER", "Channel", "Topic"]

Channel: TypeAlias = Literal["user", "market", "marketdata"]


class Topic(NamedTuple):
    """One channel: `market` and `marketdata` of one market, `user` of the token's owner (`market_id` is None)."""

    channel: Channel
    market_id: str | None


USER: Final = Topic("user", None)
"""Delivered on every connection without being asked for."""
