"""QuickPay's webhooks: whether a request comes from QuickPay, and what it says (doc.quickpay.best/docs/validate-requests).

The web server is the caller's; hand in the headers and the body as they came, before anything has parsed them.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import attrs

from ...errors import ConfigError, RemoteProtocolError, SignatureRefused
from ..pusher.values import FAULTS, parsed
from .messages import ExchangeRate, Kyc, Notification, OtherEvent, Payment, typed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

__all__ = ["Webhook", "WebhookVerifier"]

SIGNATURE: Final = "x-webhook-signature"
TIMESTAMP: Final = "x-webhook-timestamp"
TRACE_ID: Final = "x-webhook-trace-id"
_DIGITS: Final = re.compile(r"[0-9]{1,18}\Z")


@attrs.frozen
class Webhook:
    """A request that QuickPay signed.

    The same one may come again: keep `trace_id` or `event.event_id`, and do nothing for one that is known. The signature covers
    the body alone, so `trace_id` and `timestamp` (POSIX seconds) are no more than what the request says; None where it does not.
    """

    event: Payment | ExchangeRate | Kyc | Notification | OtherEvent
    trace_id: str | None
    timestamp: int | None


class WebhookVerifier:
    """Verifies requests with QuickPay's public key: RSA-SHA256, PKCS#1 v1.5, over the body as it came.

    `public_key` is in PEM form; QuickPay's pages print it cut short, so that none can be built in. `aliases` maps names of events
    to documented ones. Raises `ConfigError` where the key is none, or the extra `quickpay` is not installed.
    """

    def __init__(self, public_key: str, *, aliases: Mapping[str, str] | None = None) -> None:
        self._key = _read_public_key(public_key)
        self._aliases = dict(aliases or {})

    def read(self, headers: Mapping[str, str], body: bytes, *, received: float = 0.0) -> Webhook:
        """What a request says. Header names may be in any case; `received` goes into the event.

        Raises `SignatureRefused`, and `RemoteProtocolError` for a body that is signed and yet cannot be read.
        """
        given = {name.lower(): value for name, value in headers.items()}
        self._verify(given.get(SIGNATURE, ""), body)
        try:
            event = typed("", None, parsed(body), body, received, self._aliases)
        except FAULTS as error:
            raise RemoteProtocolError(f"a webhook that cannot be read: {error}") from None
        if not event.name:
            raise RemoteProtocolError("a webhook without event_type and data")
        timestamp = given.get(TIMESTAMP, "")
        return Webhook(event, given.get(TRACE_ID), int(timestamp) if _DIGITS.match(timestamp) else None)

    def _verify(self, signature: str, body: bytes) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        try:
            self._key.verify(base64.b64decode(signature, validate=True), body, PKCS1v15(), SHA256())
        except (InvalidSignature, binascii.Error, ValueError):
            raise SignatureRefused("the webhook's signature is missing or wrong") from None


def _read_public_key(pem: str) -> RSAPublicKey:
    try:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError:
        raise ConfigError(["public_key: needs the extra pushwire[quickpay]"]) from None
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, RSAPublicKey):
        raise ConfigError(["public_key: must be an RSA public key in PEM form"])
    return key
