"""What gelabs sends (seeds/002…, "WebSocket real-time push"): replies and envelopes, decoded once and typed.

What a push carries is in `transactions`; here is what it comes in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from ...core.events import Control
from ...core.values import Value
from .topics import Topic
from .transactions import Transaction

__all__ = ["Event", "Subscribed", "Unsubscribed"]


class Subscribed(Value, rename={"owner": "API Key"}):
    """The reply to `Subscribe`. `owner` is the business identity the key belongs to."""

    address: str | None = None
    chain_type: str | None = None
    owner: str | None = None


class Unsubscribed(Value, rename={"chain_type": "chainType"}):
    """The reply to `Unsubscribe`. `chain_type` is None when all chains were given up."""

    address: str | None = None
    chain_type: str | None = None


Event: TypeAlias = Transaction | Control[Topic]
"""Everything a gelabs stream delivers."""


class Greeting(Value, rename={"client_id": "clientId", "app_id": "appId"}):
    """The data of `connected`."""

    client_id: str | None = None
    app_id: str | None = None


# The envelopes, one struct a `type`, so that one pass decodes and tells them apart.

if TYPE_CHECKING:

    class Envelope(Value):
        """What all messages share (seeds/002…, "Message format")."""

        def __init_subclass__(cls, *, tag: str) -> None: ...

        id: str | None = None
        code: int = 0
        msg: str | None = None

else:

    class Envelope(Value, tag_field="type"):
        """What all messages share (seeds/002…, "Message format")."""

        id: str | None = None
        code: int = 0
        msg: str | None = None


class Push(Envelope, tag="transaction"):
    """A transaction."""

    time: int | None = None
    data: Transaction | None = None


class Connected(Envelope, tag="connected"):
    """The greeting of an accepted connection."""

    data: Greeting | None = None


class Pong(Envelope, tag="pong"):
    """The answer to `ping`."""


class SubscribeReply(Envelope, tag="subscribe"):
    """The reply to `subscribe`."""

    data: Subscribed | None = None


class UnsubscribeReply(Envelope, tag="unsubscribe"):
    """The reply to `unsubscribe`."""

    data: Unsubscribed | None = None


class TransactionReply(Envelope, tag="getTxHash"):
    """The reply to `getTxHash`; the document does not show its data, it is taken for a push's."""

    data: Transaction | None = None


class AckReply(Envelope, tag="transactionACK"):
    """The reply to `transactionACK`."""


Reply: TypeAlias = SubscribeReply | UnsubscribeReply | TransactionReply
Message: TypeAlias = Push | Connected | Pong | AckReply | Reply


class Unknown(msgspec.Struct):
    """As much of a message as tells what it was meant to be."""

    type: str | None = None
    id: str | None = None
    code: int = 0
    msg: str | None = None


decode: Final = msgspec.json.Decoder[Message](Message).decode
decode_unknown: Final = msgspec.json.Decoder(Unknown).decode
KNOWN_TYPES: Final = frozenset({"transaction", "connected", "pong", "subscribe", "unsubscribe", "getTxHash", "transactionACK"})
