"""Webhooks: whether QuickPay sent one, and what it says (doc.quickpay.best/docs/validate-requests)."""

from __future__ import annotations

import sys
from decimal import Decimal

import pytest

from pushwire.errors import ConfigError, RemoteProtocolError, SignatureRefused
from pushwire.providers.quickpay.messages import OtherEvent, Payment
from pushwire.providers.quickpay.webhook import WebhookVerifier
from pushwire.testing import quickpay as build

QUICKPAY = build.keys("quickpay")
BODY = build.envelope("payment.completed", {"payment_id": "pay_001", "amount": "100.10", "status": "completed"})


def verifier() -> WebhookVerifier:
    return WebhookVerifier(QUICKPAY.public)


def test_a_signed_webhook_gives_its_event_and_what_to_tell_repetitions_by() -> None:
    webhook = verifier().read(build.signed_webhook(BODY, QUICKPAY), BODY, received=5.0)
    assert isinstance(webhook.event, Payment)
    assert webhook.event.data.amount == Decimal("100.10")
    assert (webhook.event.received, webhook.event.channel, webhook.event.raw) == (5.0, None, BODY)
    assert (webhook.event.event_id, webhook.trace_id, webhook.timestamp) == ("evt_001", "trace-001", 1_754_049_600)


def test_header_names_may_be_in_any_case() -> None:
    headers = {name.upper(): value for name, value in build.signed_webhook(BODY, QUICKPAY).items()}
    assert verifier().read(headers, BODY).trace_id == "trace-001"


def test_trace_id_and_timestamp_may_be_missing_or_of_no_use() -> None:
    signature = {"X-Webhook-Signature": build.signed_webhook(BODY, QUICKPAY)["X-Webhook-Signature"]}
    webhook = verifier().read({**signature, "X-Webhook-Timestamp": "yesterday"}, BODY)
    assert (webhook.trace_id, webhook.timestamp) == (None, None)


@pytest.mark.parametrize("signature", ["", "!", "AAAA", "é"])
def test_a_signature_that_is_none_is_refused(signature: str) -> None:
    with pytest.raises(SignatureRefused, match="missing or wrong"):
        verifier().read({"X-Webhook-Signature": signature}, BODY)


def test_a_webhook_without_signature_is_refused() -> None:
    with pytest.raises(SignatureRefused):
        verifier().read({}, BODY)


def test_another_body_is_refused() -> None:
    with pytest.raises(SignatureRefused):
        verifier().read(build.signed_webhook(BODY, QUICKPAY), BODY + b" ")


def test_anothers_signature_is_refused() -> None:
    with pytest.raises(SignatureRefused):
        verifier().read(build.signed_webhook(BODY, build.keys("somebody else")), BODY)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"[" * 100_000, build.envelope("payment.created", "no object")],
    ids=["empty", "cut short", "no UTF-8", "deep", "data"],
)
def test_a_signed_body_that_cannot_be_read_is_quickpays_fault(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="cannot be read"):
        verifier().read(build.signed_webhook(body, QUICKPAY), body)


@pytest.mark.parametrize("body", [b"{}", b"5", b'{"event_type":"a.b"}', b'{"event_type":1,"data":{}}'])
def test_a_signed_body_that_is_no_envelope_is_quickpays_fault(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="without event_type and data"):
        verifier().read(build.signed_webhook(body, QUICKPAY), body)


def test_an_unknown_kind_is_given_as_it_is() -> None:
    body = build.envelope("refund.created", {"refund_id": "r1", "amount": "5"})
    event = verifier().read(build.signed_webhook(body, QUICKPAY), body).event
    assert isinstance(event, OtherEvent)
    assert (event.name, event.data) == ("refund.created", {"refund_id": "r1", "amount": "5"})


def test_aliases_name_what_is_spelled_otherwise() -> None:
    body = build.envelope("PaymentDone", {})
    aliasing = WebhookVerifier(QUICKPAY.public, aliases={"PaymentDone": "payment.completed"})
    event = aliasing.read(build.signed_webhook(body, QUICKPAY), body).event
    assert isinstance(event, Payment)
    assert event.name == "payment.completed"


@pytest.mark.parametrize("key", ["", "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0B...\n-----END PUBLIC KEY-----", "\udc80"])
def test_what_is_no_public_key_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match="must be an RSA public key"):
        WebhookVerifier(key)


def test_without_the_extra_a_verifier_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.serialization", None)
    with pytest.raises(ConfigError, match=r"pushwire\[quickpay\]"):
        WebhookVerifier(QUICKPAY.public)
