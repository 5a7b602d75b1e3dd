"""What a Bitpanda subscription is about: pairs of a channel, fiats, or all of it (seeds/001…, "Subscribing to channels")."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Final, NamedTuple

from ...core.transitions import Table

__all__ = ["FORMS", "PRICES", "PRICE_CHANGES", "Asking", "Form", "Pair", "Topic", "form_of"]

PRICES: Final = "prices-v1"
"""Ask and bid of a pair, about every 15 seconds."""
PRICE_CHANGES: Final = "price-changes-v1"
"""How a pair's price has moved over seven periods. EUR alone has any."""


class Pair(NamedTuple):
    """An asset against a fiat, by the provider's symbols.

    `type` is an open set: `cr` crypto, `s` securities, `f` fiat, `i` index, `co` commodity, `es` equity_security.
    """

    type: str
    asset: str
    fiat: str

    def __str__(self) -> str:
        return "/".join(self)


class Form(enum.Enum):
    """What a channel is subscribed by. One excludes the others."""

    NONE = "not subscribed"
    PAIRS = "subscribed by pairs"
    FIATS = "subscribed by fiats"
    ALL = "subscribed as a whole"


class Asking(enum.Enum):
    """What may be asked of a channel."""

    PAIRS = "subscribe by pairs"
    FIATS = "subscribe by fiats"
    ALL = "subscribe as a whole"
    DROP_PAIRS = "drop pairs"
    DROP_FIATS = "drop fiats"
    NOTHING_LEFT = "the last was given up"


FORMS: Final = Table(
    "bitpanda",
    Form.NONE,
    {
        (Form.NONE, Asking.PAIRS): Form.PAIRS,
        (Form.NONE, Asking.FIATS): Form.FIATS,
        (Form.NONE, Asking.ALL): Form.ALL,
        (Form.PAIRS, Asking.PAIRS): Form.PAIRS,
        (Form.FIATS, Asking.FIATS): Form.FIATS,
        (Form.ALL, Asking.ALL): Form.ALL,
        (Form.PAIRS, Asking.DROP_PAIRS): Form.PAIRS,
        (Form.FIATS, Asking.DROP_FIATS): Form.FIATS,
        (Form.PAIRS, Asking.NOTHING_LEFT): Form.NONE,
        (Form.FIATS, Asking.NOTHING_LEFT): Form.NONE,
        (Form.ALL, Asking.NOTHING_LEFT): Form.NONE,
        # An unsubscribe may be repeated.
        (Form.NONE, Asking.NOTHING_LEFT): Form.NONE,
    },
    {
        Form.NONE: "there is nothing to drop",
        Form.PAIRS: "the provider takes no mix of pairs with fiats or the whole",
        Form.FIATS: "the provider takes no mix of fiats with pairs or the whole",
        Form.ALL: "the provider takes no mix of the whole with pairs or fiats",
    },
)
"""What one channel can be asked for, after what. A form follows from what is desired, so that nobody keeps it."""


class Topic(NamedTuple):
    """One thing to subscribe to on a channel: a pair, all assets in a `fiat` (no `asset`), or all there is (no `fiat`)."""

    channel: str
    fiat: str | None = None
    asset: str | None = None
    type: str | None = None

    @property
    def form(self) -> Form:
        """What kind of subscription it belongs to."""
        if self.fiat is None:
            return Form.ALL
        return Form.FIATS if self.asset is None else Form.PAIRS

    @property
    def item(self) -> dict[str, str]:
        """An item of the `payload`; empty for the whole, which has none."""
        parts = {"type": self.type, "asset": self.asset, "fiat": self.fiat}
        return {name: value for name, value in parts.items() if value is not None}

    @property
    def within(self) -> tuple[Topic, ...]:
        """It, and what it is a part of: the fiat, the whole channel."""
        return tuple(dict.fromkeys((self, Topic(self.channel, self.fiat), Topic(self.channel))))

    def __str__(self) -> str:
        return ":".join(filter(None, (self.channel, "/".join(self.item.values()))))

    @classmethod
    def of(cls, channel: str, pair: Pair) -> Topic:
        """The topic of one pair."""
        return cls(channel, pair.fiat, pair.asset, pair.type)


def form_of(channel: str, desired: Iterable[Topic]) -> Form:
    """What a channel is, or is to be, subscribed by."""
    return next((topic.form for topic in desired if topic.channel == channel), Form.NONE)
