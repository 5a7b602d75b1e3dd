"""What QuickPay says, on its channels and in its webhooks (doc.quickpay.best/docs/webhook-data-objects).

What lives here: the values, and how one is made of decoded JSON. The names of events on channels are not documented: those of
webhooks are taken for them, others can be mapped to them (`aliases`), and what is left is delivered as it came.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, TypeAlias, TypedDict, TypeVar

import msgspec

from ...core.values import Value
from ..pusher.messages import ChannelEvent, Own
from ..pusher.values import FAULTS, Json, parsed

__all__ = [
    "Customer",
    "Event",
    "ExchangeRate",
    "Kyc",
    "KycData",
    "MessageEvent",
    "Notification",
    "OtherEvent",
    "Payment",
    "PaymentData",
    "RateData",
    "typed",
]

ValueT = TypeVar("ValueT")

NOTIFICATIONS: Final = "private-notifications."
"""Whatever comes on these channels is a notification, unless its name says otherwise."""

_AMOUNT: Final = re.compile(r"-?[0-9]{1,78}(\.[0-9]{1,78})?\Z")
_AMOUNTS: Final = ("amount", "exchange_rate", "fiat_amount", "crypto_amount", "rate")


class PaymentData(Value):
    """A payment. `amount` is in `currency`; what a field means is not documented beyond its name."""

    payment_id: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    status: str | None = None
    """`pending` is the one value that is documented; others pass through."""
    payment_method: str | None = None
    """`crypto`; others pass through."""
    crypto_currency: str | None = None
    exchange_rate: Decimal | None = None
    fiat_amount: Decimal | None = None
    crypto_amount: Decimal | None = None
    wallet_address: str | None = None
    expires_at: str | None = None

    @property
    def expires(self) -> datetime | None:
        """`expires_at` as an aware datetime."""
        return _moment(self.expires_at)


class RateData(Value):
    """One unit of `base_currency` costs `rate` units of `quote_currency`."""

    base_currency: str | None = None
    quote_currency: str | None = None
    rate: Decimal | None = None


class Customer(Value):
    """Whom a verification is about."""

    customer_email: str | None = None
    customer_name: str | None = None


class KycData(Value):
    """An identity verification."""

    kyc_id: str | None = None
    customer_id: str | None = None
    verification_type: str | None = None
    """`individual`; others pass through."""
    status: str | None = None
    started_at: str | None = None
    metadata: Customer | None = None

    @property
    def started(self) -> datetime | None:
        """`started_at` as an aware datetime."""
        return _moment(self.started_at)


class MessageEvent(Value):
    """What all events of QuickPay's own have.

    `name` is the documented name (`payment.completed`), `channel` None for a webhook. `event_id` and `timestamp` are those of the
    envelope, None where there was none. `raw` is the whole message, or the body of a webhook.
    """

    received: float
    name: str
    channel: str | None
    event_id: str | None
    timestamp: str | None
    raw: str | bytes

    @property
    def time(self) -> datetime | None:
        """`timestamp` as an aware datetime."""
        return _moment(self.timestamp)


class Payment(MessageEvent):
    """`payment.created`, `payment.completed`, and any other `payment.…`."""

    data: PaymentData


class ExchangeRate(MessageEvent):
    """`exchange_rate.updated`, and any other `exchange_rate.…`."""

    data: RateData


class Kyc(MessageEvent):
    """`kyc.verification_started`, and any other `kyc.…`."""

    data: KycData


class Notification(MessageEvent):
    """A system notification. Nothing is documented of what it holds."""

    data: Json


class OtherEvent(MessageEvent):
    """A webhook of a kind that this version does not know. On a channel, such an event is a `ChannelEvent`."""

    data: Json


Typed: TypeAlias = Payment | ExchangeRate | Kyc | Notification

Event: TypeAlias = Typed | ChannelEvent | Own
"""Everything a QuickPay stream delivers: its own events, those of channels that are none, and Pusher's."""


def _moment(text: str | None) -> datetime | None:
    """An ISO 8601 time; without an offset it is taken for UTC. None where it is none."""
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


# Making them


class _Head(TypedDict):
    """The fields of a `MessageEvent`."""

    received: float
    name: str
    channel: str | None
    event_id: str | None
    timestamp: str | None
    raw: str | bytes


def typed(
    name: str, channel: str | None, data: Json, raw: str | bytes, received: float, aliases: Mapping[str, str]
) -> Typed | OtherEvent:
    """The event called `name` with this data. Where the data is a webhook's envelope, that says the name, and what the data is.

    `aliases` maps names to documented ones. Raises one of `pusher.values.FAULTS` where the data does not fit the name.
    """
    event_id = timestamp = None
    if isinstance(data, dict) and "data" in data and isinstance(wrapped := data.get("event_type"), str):
        name, event_id, timestamp = wrapped, _text(data.get("event_id")), _text(data.get("timestamp"))
        data = _unquoted(data["data"])
    # A leading dot is how Laravel spells a name that is no class's.
    name = aliases.get(name, name).removeprefix(".")
    head = _Head(received=received, name=name, channel=channel, event_id=event_id, timestamp=timestamp, raw=raw)
    match name.partition(".")[0]:
        case "payment":
            return Payment(**head, data=_read(data, PaymentData))
        case "exchange_rate":
            return ExchangeRate(**head, data=_read(data, RateData))
        case "kyc":
            return Kyc(**head, data=_read(data, KycData))
        case "notification":
            return Notification(**head, data=data)
        case _ if channel is not None and channel.startswith(NOTIFICATIONS):
            return Notification(**head, data=data)
        case _:
            return OtherEvent(**head, data=data)


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _unquoted(data: Json) -> Json:
    """The value of a JSON text; any other text as it is."""
    if not isinstance(data, str):
        return data
    try:
        return parsed(data)
    except FAULTS:
        return data


def _read(data: Json, kind: type[ValueT]) -> ValueT:
    """The value of a kind. Raises one of `FAULTS`."""
    if isinstance(data, dict):
        data = {name: _amount(value) if name in _AMOUNTS else value for name, value in data.items()}
    return msgspec.convert(data, kind)


def _amount(value: Json) -> Json:
    """Amounts come as text; a JSON number is as good. Raises `ValueError`."""
    if isinstance(value, str | int) and not isinstance(value, bool):
        if not _AMOUNT.match(str(value)):
            raise ValueError("an amount is not a decimal number of bounded length")
        return Decimal(value)
    return value
