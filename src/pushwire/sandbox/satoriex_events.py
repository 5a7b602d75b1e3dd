"""What the sandbox's SatoriEx says: events with plausible fields, since the document shows none.

Each has a `serial` among its fields, by which a demonstration tells what was lost and what came twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import attrs
import msgspec

from ..providers.satoriex import EVENTS, USER, Topic

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

    from .satoriex_settings import Spelling

__all__ = ["Choice", "Fields", "Sent", "choices", "made_up", "spelled"]

Fields = dict[str, object]

ORDERBOOK: Final = "order book"
"""Stands for the event whose name is a setting."""

USER_NAMES: Final = tuple(name for name, kind in EVENTS.items() if kind.channel == "user")
MARKET_NAMES: Final = tuple(name for name, kind in EVENTS.items() if kind.channel == "market")
DATA_NAMES: Final = ("price_update", ORDERBOOK)
STATES: Final = ("pending", "open", "partial", "filled", "cancelled")


@attrs.frozen
class Sent:
    """An event that was sent to the connections `conns`, or to nobody, when nobody was connected. `at` is POSIX seconds."""

    serial: int
    name: str
    topic: Topic
    account: int
    at: float
    text: str
    conns: tuple[int, ...]


class Choice(NamedTuple):
    """What may come next."""

    name: str
    topic: Topic


def choices(topics: Iterable[Topic]) -> list[Choice]:
    """All that can be sent to somebody with these subscriptions."""
    names = {"market": MARKET_NAMES, "marketdata": DATA_NAMES}
    found = [Choice(name, USER) for name in USER_NAMES]
    return found + [Choice(name, topic) for topic in topics for name in names.get(topic.channel, ())]


def made_up(choice: Choice, rng: Random) -> Fields:
    """Fields for an event."""
    price, spread = rng.randrange(100, 9900), rng.randrange(1, 50)
    fields: Fields = {} if choice.topic.market_id is None else {"market_id": choice.topic.market_id}
    match choice.name:
        case "price_update":
            bid, ask = price - spread, price + rng.randrange(1, 50)
            fields |= {"outcome_id": "yes", "mid": (bid + ask) / 2, "best_bid": bid, "best_ask": ask}
        case "order book":
            fields |= {"outcome_id": "yes", "bids": [_level(price - spread, rng)], "asks": [_level(price + spread, rng)]}
        case "trade" | "order" | "order_update" | "order_filled":
            fields |= {"outcome_id": rng.choice(("yes", "no")), "order_id": f"ord_{rng.getrandbits(32):08x}"}
            fields |= {"side": rng.randint(1, 2), "price": price, "quantity": rng.randrange(1, 500)}
            if choice.name != "trade":
                fields["status"] = "filled" if choice.name == "order_filled" else rng.choice(STATES)
        case name if name.startswith(("wallet", "deposit", "withdraw", "referral")):
            fields["amount"] = f"{rng.randrange(1, 10**6)}.{rng.randrange(100):02}"
        case "kyc_approved" | "kyc_rejected":
            fields["tier"] = rng.randint(1, 2)
        case _:
            fields["text"] = f"made up, {rng.getrandbits(16):04x}"
    return fields


def _level(price: int, rng: Random) -> Fields:
    return {"price": price, "quantity": rng.randrange(1, 1_000)}


def spelled(name: str, fields: Fields, serial: int, spelling: Spelling) -> str:
    """The message of an event."""
    body = {"type": name, **fields, "serial": serial}
    wrapped = spelling == "payload" or (spelling == "both" and serial % 2 == 0)
    return msgspec.json.encode({"payload": body} if wrapped else body).decode()
