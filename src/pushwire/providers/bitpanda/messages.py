"""What Bitpanda sends (seeds/001…): updates, told apart by `CH`, and replies, which have none.

What an update carries is in `prices`; here is how one is told from the other.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from ...core.events import Control
from .prices import Price, PriceChange
from .topics import PRICE_CHANGES, PRICES, Topic

__all__ = ["Event"]

Event: TypeAlias = Price | PriceChange | Control[Topic]
"""Everything a Bitpanda stream delivers."""


class Reply(msgspec.Struct):
    """A reply, as far as it tells whose it is. What it says is checked where it is used."""

    action: str
    channel: str
    status: object = None
    error: object = None

    @property
    def succeeded(self) -> bool:
        return self.status == "success" and self.error is None


class Unknown(msgspec.Struct, rename={"channel": "CH"}):
    """As much of an update as tells what it was meant to be."""

    channel: str


decode: Final = msgspec.json.Decoder[Price | PriceChange](Price | PriceChange).decode
decode_reply: Final = msgspec.json.Decoder(Reply).decode
decode_unknown: Final = msgspec.json.Decoder(Unknown).decode
KNOWN_CHANNELS: Final = frozenset({PRICES, PRICE_CHANGES})
