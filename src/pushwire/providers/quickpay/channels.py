"""QuickPay's channels (seeds/003…, "Subscription"), and how the command line spells them."""

from __future__ import annotations

from typing import Final

from ...errors import LocalProtocolError
from ..pusher.commands import Subscribe

__all__ = ["SPEC", "TEST_CHANNEL", "merchant", "notifications", "parse_spec", "payments"]

SPEC: Final = "merchant:ID | payments:ID | notifications:ID | CHANNEL"
TEST_CHANNEL: Final = "test-channel"
"""Public, and always there in the sandbox environment."""


def merchant(merchant_id: str) -> Subscribe:
    """The events of one merchant."""
    return Subscribe(f"private-merchant.{merchant_id}")


def payments(merchant_id: str) -> Subscribe:
    """What becomes of a merchant's payments."""
    return Subscribe(f"private-payments.{merchant_id}")


def notifications(merchant_id: str) -> Subscribe:
    """The system's notifications for a merchant."""
    return Subscribe(f"private-notifications.{merchant_id}")


_KINDS: Final = {"merchant": merchant, "payments": payments, "notifications": notifications}


def parse_spec(text: str) -> Subscribe:
    """`payments:ID` and the like, or a channel's name. Raises `LocalProtocolError`."""
    kind, colon, merchant_id = text.partition(":")
    if not colon:
        return Subscribe(text)
    if kind not in _KINDS or not merchant_id:
        raise LocalProtocolError(f"subscription {text!r}: must be {SPEC}")
    return _KINDS[kind](merchant_id)
