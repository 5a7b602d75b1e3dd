"""What gelabs sends (seeds/002…, "WebSocket real-time push"): replies and envelopes, decoded once and typed.

What a push carries is in `transactions`; here is what it comes in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from ...core.effects import Identity
from ...core.events import Control, Delivery
from ...core.runs import MISFITS
from ...core.values import Value
from .topics import Topic
from .transactions import Arrival, Transaction, arrived, numbers_problem

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
Single: TypeAlias = Connected | Pong | Reply
"""What comes one by one."""
Message: TypeAlias = Push | AckReply | Single


class Unknown(msgspec.Struct):
    """As much of a message as tells what it was meant to be."""

    type: str | None = None
    id: str | None = None
    code: int = 0
    msg: str | None = None


decode: Final = msgspec.json.Decoder[Message](Message).decode
decode_unknown: Final = msgspec.json.Decoder(Unknown).decode
KNOWN_TYPES: Final = frozenset({"transaction", "connected", "pong", "subscribe", "unsubscribe", "getTxHash", "transactionACK"})


def revive(raw: str, identity: Identity, delivery: Delivery, received: float) -> Transaction:
    """The transaction of a push that a store has kept, as its machine had made it: under the `identity` it is known by, whatever
    the settings say now. Raises `ValueError` where it no longer decodes."""
    try:
        message = decode(raw)
    except MISFITS as error:
        raise ValueError(str(error)) from None
    tx = message.data if isinstance(message, Push) else None
    problem = "no transaction" if tx is None else numbers_problem(tx)
    if tx is None or problem is not None:
        raise ValueError(problem)
    arrived((tx,), (Arrival(received, identity.key, identity.version, message.id, message.time, delivery),))
    return tx
