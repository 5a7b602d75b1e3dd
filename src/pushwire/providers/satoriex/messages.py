"""What SatoriEx pushes (seeds/004…, "Channels"): one class for each documented name, to be told apart by `match`.

Names are stable, fields are documented nowhere: each event keeps the whole message, and views of what may stand in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import ClassVar, Final, TypeAlias

from ...core.events import Control
from ...core.values import Value
from .topics import USER, Channel, Topic
from .values import Bps, Level, Raw, Side, amount, bps, flat, is_object, levels, middle, side, text, whole

__all__ = [
    "EVENTS",
    "ORDERBOOK_NAMES",
    "Comment",
    "DepositConfirmed",
    "DisputeFiled",
    "Event",
    "KycApproved",
    "KycRejected",
    "MarketDataEvent",
    "MarketEvent",
    "MarketResolved",
    "Mention",
    "Message",
    "Order",
    "OrderBookUpdate",
    "OrderFilled",
    "OrderUpdate",
    "PriceUpdate",
    "ProposalApproved",
    "ProposalRejected",
    "Push",
    "ReferralBonus",
    "Settlement",
    "Trade",
    "UserEvent",
    "WalletChanged",
    "WithdrawApproved",
    "WithdrawConfirmed",
    "WithdrawFailed",
    "WithdrawRejected",
    "WithdrawRequested",
    "WithdrawSubmitted",
]


class Push(Value):
    """What all pushed messages have in common: the message itself, and views of it.

    A view is None where its field is missing or of another kind than expected; `raw` has it all the same. Fields are looked for
    in the message and, first, in its `payload`. Prices are basis points; one that is not written as such is no view.
    """

    channel: ClassVar[Channel]

    received: float
    """Seconds, on the clock the stream runs by (trio's)."""
    raw: Raw
    market_id: str | None = None
    outcome_id: str | None = None
    order_id: str | None = None
    price: Bps | None = None
    quantity: int | None = None
    """Whole shares."""
    side: Side | None = None
    status: str | None = None
    """Of an order: `pending`, `open`, `partial`, `filled` or `cancelled`, so far."""
    mid: Decimal | None = None
    best_bid: Bps | None = None
    best_ask: Bps | None = None

    @property
    def fields(self) -> Raw:
        """The message, with what is in its `payload` on top."""
        return flat(self.raw, "payload")

    def amount(self, name: str) -> Decimal | None:
        """A field of the message as an exact number, whatever its unit; None where it is none."""
        return amount(self.fields, name)


class UserEvent(Push):
    """An event of the `user` channel, which is delivered on every connection."""

    channel: ClassVar[Channel] = "user"


class MarketEvent(Push):
    """An event of a `market:ID` channel: `SubscribeMarket`."""

    channel: ClassVar[Channel] = "market"


class MarketDataEvent(Push):
    """An event of a `marketdata:ID` channel: `SubscribeMarketData`."""

    channel: ClassVar[Channel] = "marketdata"


class WalletChanged(UserEvent):
    """Your USDC balance changed."""


class DepositConfirmed(UserEvent):
    """A deposit was confirmed."""


class WithdrawRequested(UserEvent):
    """A withdrawal was asked for."""


class WithdrawSubmitted(UserEvent):
    """A withdrawal was submitted."""


class WithdrawApproved(UserEvent):
    """A withdrawal was approved."""


class WithdrawRejected(UserEvent):
    """A withdrawal was rejected."""


class WithdrawConfirmed(UserEvent):
    """A withdrawal was confirmed."""


class WithdrawFailed(UserEvent):
    """A withdrawal failed."""


class KycApproved(UserEvent):
    """Your identity check was passed."""


class KycRejected(UserEvent):
    """Your identity check was rejected."""


class ProposalApproved(UserEvent):
    """A proposal of yours was approved."""


class ProposalRejected(UserEvent):
    """A proposal of yours was rejected."""


class ReferralBonus(UserEvent):
    """You were paid a referral bonus."""


class DisputeFiled(UserEvent):
    """A market's resolution was disputed."""


class Mention(UserEvent):
    """Somebody mentioned you."""


class MarketResolved(UserEvent):
    """A market was resolved. Not final: an upheld dispute returns it to trading; `Settlement` is."""


class OrderFilled(UserEvent):
    """An order of yours was filled."""


class Trade(MarketEvent):
    """A fill on a market."""


class Order(MarketEvent):
    """An order went from one state to another."""


class OrderUpdate(MarketEvent):
    """A resting order was modified."""


class Settlement(MarketEvent):
    """A market was resolved and paid out."""


class Comment(MarketEvent):
    """Somebody commented on a market."""


class PriceUpdate(MarketDataEvent):
    """The mid moved: see `mid`, `best_bid`, `best_ask`."""


class OrderBookUpdate(MarketDataEvent):
    """An order book, or a change of one: "snapshot deltas" (seeds/004…) may be either, and has no version. Load the book anew."""

    @property
    def bids(self) -> tuple[Level, ...] | None:
        """The buying side, where it is written in a way that can be read."""
        return levels(self.fields, "bids")

    @property
    def asks(self) -> tuple[Level, ...] | None:
        """The selling side, as `bids`."""
        return levels(self.fields, "asks")


Message: TypeAlias = (
    WalletChanged
    | DepositConfirmed
    | WithdrawRequested
    | WithdrawSubmitted
    | WithdrawApproved
    | WithdrawRejected
    | WithdrawConfirmed
    | WithdrawFailed
    | KycApproved
    | KycRejected
    | ProposalApproved
    | ProposalRejected
    | ReferralBonus
    | DisputeFiled
    | Mention
    | MarketResolved
    | OrderFilled
    | Trade
    | Order
    | OrderUpdate
    | Settlement
    | Comment
    | PriceUpdate
    | OrderBookUpdate
)
"""Everything SatoriEx pushes."""

Event: TypeAlias = Message | Control[Topic]
"""Everything a SatoriEx stream delivers. Messages of unknown names are `Unrecognized`, with their raw text."""

EVENTS: Final[Mapping[str, type[Message]]] = MappingProxyType(
    {
        "wallet_changed": WalletChanged,
        "deposit_confirmed": DepositConfirmed,
        "withdraw_requested": WithdrawRequested,
        "withdraw_submitted": WithdrawSubmitted,
        "withdraw_approved": WithdrawApproved,
        "withdraw_rejected": WithdrawRejected,
        "withdraw_confirmed": WithdrawConfirmed,
        "withdraw_failed": WithdrawFailed,
        "kyc_approved": KycApproved,
        "kyc_rejected": KycRejected,
        "proposal_approved": ProposalApproved,
        "proposal_rejected": ProposalRejected,
        "referral_bonus": ReferralBonus,
        "dispute_filed": DisputeFiled,
        "mention": Mention,
        "market_resolved": MarketResolved,
        "order_filled": OrderFilled,
        "trade": Trade,
        "order": Order,
        "order_update": OrderUpdate,
        "settlement": Settlement,
        "comment": Comment,
        "price_update": PriceUpdate,
    }
)
"""The documented names."""

ORDERBOOK_NAMES: Final = (
    "orderbook",
    "orderbook_update",
    "orderbook_snapshot",
    "orderbook_delta",
    "order_book",
    "order_book_update",
    "book_update",
)
"""Guesses: no name is documented."""


def kinds(orderbook_names: Iterable[str], aliases: Mapping[str, str]) -> Mapping[str, type[Message]]:
    """The classes by the names they may come under. A documented name always means what the document says."""
    known: dict[str, type[Message]] = dict.fromkeys(orderbook_names, OrderBookUpdate)
    known.update((alias, EVENTS[name]) for alias, name in aliases.items())
    return {**known, **EVENTS}


def name_of(message: Raw, known: Mapping[str, object]) -> str | None:
    """What a message calls itself: `type` at the top (the document's code) or in the payload (its prose). Where both are there,
    the one that is known, else the one at the top."""
    top, payload = text(message, "type"), message.get("payload")
    if top in known:
        return top
    inner = text(payload, "type") if is_object(payload) else None
    return inner if top is None or inner in known else top


def build(kind: type[Message], message: Raw, received: float) -> Message:
    """The event of a message."""
    fields = flat(message, "payload")
    return kind(
        received=received,
        raw=message,
        market_id=text(fields, "market_id"),
        outcome_id=text(fields, "outcome_id"),
        order_id=text(fields, "order_id"),
        price=bps(fields, "price"),
        quantity=whole(fields, "quantity"),
        side=side(fields, "side"),
        status=text(fields, "status"),
        mid=middle(fields, "mid"),
        best_bid=bps(fields, "best_bid"),
        best_ask=bps(fields, "best_ask"),
    )


def topic(event: Push) -> Topic | None:
    """The channel an event came on; None where it does not say of which market it is."""
    if event.channel == "user":
        return USER
    return None if event.market_id is None else Topic(event.channel, event.market_id)
