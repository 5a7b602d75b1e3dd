"""Builders for QuickPay: the events a stream delivers, the messages and webhooks they come in, and keys to sign with.

The fields are those of doc.quickpay.best/docs/webhook-data-objects; the names on channels are taken to be the same.
"""

from __future__ import annotations

import base64
import functools
from decimal import Decimal
from typing import Final, TypedDict, Unpack, cast

import attrs
import msgspec

from ..core.secrets import Secret
from ..providers.pusher.values import Json
from ..providers.quickpay.messages import (
    Customer,
    ExchangeRate,
    Kyc,
    KycData,
    Notification,
    Payment,
    PaymentData,
    RateData,
)

__all__ = [
    "MERCHANT",
    "Keys",
    "data_text",
    "envelope",
    "exchange_rate",
    "keys",
    "kyc",
    "message",
    "notification",
    "payment",
    "plain",
    "signed_webhook",
]

MERCHANT: Final = "merchant_001"
"""The merchant of the document's example."""
TIME: Final = "2025-08-01T12:00:00Z"


class PaymentFields(TypedDict, total=False):
    """Every field of a `PaymentData`."""

    payment_id: str | None
    amount: Decimal | None
    currency: str | None
    status: str | None
    payment_method: str | None
    crypto_currency: str | None
    exchange_rate: Decimal | None
    fiat_amount: Decimal | None
    crypto_amount: Decimal | None
    wallet_address: str | None
    expires_at: str | None


class _Head(TypedDict):
    received: float
    name: str
    channel: str | None
    event_id: str | None
    timestamp: str | None
    raw: str | bytes


def _head(name: str, kind: str, received: float) -> _Head:
    return _Head(received=received, name=name, channel=f"private-{kind}.{MERCHANT}", event_id=None, timestamp=None, raw="")


def payment(name: str = "payment.created", *, received: float = 0.0, **overrides: Unpack[PaymentFields]) -> Payment:
    """A payment as a stream delivers it.

    >>> payment("payment.completed", status="completed").data.amount
    Decimal('100.00')
    """
    fields = PaymentFields(
        payment_id="pay_001",
        amount=Decimal("100.00"),
        currency="USD",
        status="pending",
        payment_method="crypto",
        crypto_currency="BTC",
        exchange_rate=Decimal("50000.00"),
        fiat_amount=Decimal("100.00"),
        crypto_amount=Decimal("0.00200000"),
        wallet_address="bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
        expires_at="2025-08-01T13:00:00Z",
    )
    fields.update(overrides)
    return Payment(**_head(name, "payments", received), data=PaymentData(**fields))


def exchange_rate(
    base: str = "BTC", quote: str = "USD", rate: str = "50000.00", *, received: float = 0.0, name: str = "exchange_rate.updated"
) -> ExchangeRate:
    """A rate as a stream delivers it."""
    data = RateData(base_currency=base, quote_currency=quote, rate=Decimal(rate))
    return ExchangeRate(**_head(name, "merchant", received), data=data)


def kyc(status: str = "pending", *, received: float = 0.0, name: str = "kyc.verification_started") -> Kyc:
    """A verification as a stream delivers it."""
    data = KycData(
        kyc_id="kyc_001",
        customer_id="cus_001",
        verification_type="individual",
        status=status,
        started_at=TIME,
        metadata=Customer(customer_email="ada@example.org", customer_name="Ada"),
    )
    return Kyc(**_head(name, "merchant", received), data=data)


def notification(data: Json = "Maintenance", *, received: float = 0.0, name: str = "notification") -> Notification:
    """A notification as a stream delivers it."""
    return Notification(**_head(name, "notifications", received), data=data)


def message(event: Payment | ExchangeRate | Kyc | Notification, *, quoted: bool = True, wrapped: bool = False) -> str:
    """The message that is delivered as `event`, which keeps it as `raw`. `quoted`: its data is JSON inside a text, as is usual;
    `wrapped`: in a webhook's envelope."""
    data = plain(event.data)
    if wrapped:
        data = msgspec.json.decode(envelope(event.name, data))
    return _text({"event": event.name, "channel": event.channel, "data": _text(data) if quoted else data})


def data_text(event: Payment | ExchangeRate | Kyc | Notification) -> str:
    """The data of the message that is delivered as `event`."""
    return _text(plain(event.data))


def envelope(event_type: str, data: Json, *, event_id: str = "evt_001", timestamp: str = TIME) -> bytes:
    """The body of a webhook."""
    return _text({"event_type": event_type, "event_id": event_id, "timestamp": timestamp, "data": data}).encode()


def _text(value: object) -> str:
    return _encode(value).decode()


_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


def plain(value: object) -> Json:
    """A value as it is on the wire: amounts as texts, and without what is None. What is no value of QuickPay's stays as it is."""
    if not isinstance(value, msgspec.Struct):
        return cast("Json", value)
    built: dict[str, Json] = msgspec.to_builtins(value, builtin_types=(Decimal,))
    return {name: f"{part:f}" if isinstance(part, Decimal) else part for name, part in built.items() if part is not None}


@attrs.frozen
class Keys:
    """An RSA key as its owner has it, and as the others do. Both are in PEM form."""

    private: Secret
    public: str


def keys(name: str = "merchant") -> Keys:
    """A new key, the same one for a name while the process lives. Needs the extra `quickpay`."""
    return _made(name)


@functools.cache
def _made(name: str) -> Keys:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    key = generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Keys(Secret(private.decode()), public.decode())


def signed_webhook(body: bytes, signer: Keys, *, trace_id: str = "trace-001", timestamp: int = 1_754_049_600) -> dict[str, str]:
    """The headers with which QuickPay, whose keys are `signer`, sends this body."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(signer.private.reveal().encode(), password=None)
    assert isinstance(key, RSAPrivateKey)
    return {
        "X-Webhook-Signature": base64.b64encode(key.sign(body, PKCS1v15(), SHA256())).decode(),
        "X-Webhook-Timestamp": str(timestamp),
        "X-Webhook-Trace-ID": trace_id,
    }
