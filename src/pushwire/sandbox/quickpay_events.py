"""What the sandbox's QuickPay makes up (doc.quickpay.best/docs/webhook-data-objects): the names and fields of its webhooks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

__all__ = ["Fields", "event_id", "made_up", "wrapped"]

Fields: TypeAlias = "dict[str, str | Fields]"

RATES: Final = {"BTC": 60_000, "ETH": 3_000, "USDT": 1}
PAYMENTS: Final = "private-payments."
NOTIFICATIONS: Final = "private-notifications."


def made_up(channel: str, number: int, wall: float, rng: Random) -> tuple[str, Fields]:
    """The name and the data of an event that fits a channel. `number` makes its ids unique; `wall` is POSIX seconds."""
    if channel.startswith(PAYMENTS):
        return _payment(number, wall, rng)
    if channel.startswith(NOTIFICATIONS):
        return "notification.created", {"id": f"ntf_{number:06d}", "message": f"notification {number}"}
    if channel.startswith("private-") and rng.random() < 0.2:
        return _verification(number, wall)
    return _rate(rng)


def event_id(number: int) -> str:
    """What the envelope calls an event."""
    return f"evt_{number:06d}"


def wrapped(name: str, data: Mapping[str, str | Fields], number: int, wall: float) -> dict[str, object]:
    """The envelope of webhooks around an event."""
    return {"event_type": name, "event_id": event_id(number), "timestamp": _iso(wall), "data": data}


def _payment(number: int, wall: float, rng: Random) -> tuple[str, Fields]:
    crypto = rng.choice(list(RATES))
    cents = rng.randrange(100, 1_000_000)
    rate = RATES[crypto]
    fiat = f"{cents // 100}.{cents % 100:02d}"
    status = rng.choice(("created", "completed"))
    units = cents * 10**6 // rate
    return f"payment.{status}", {
        "payment_id": f"pay_{number:06d}",
        "amount": fiat,
        "currency": "USD",
        "status": "pending" if status == "created" else status,
        "payment_method": "crypto",
        "crypto_currency": crypto,
        "exchange_rate": f"{rate}.00",
        "fiat_amount": fiat,
        "crypto_amount": f"{units // 10**8}.{units % 10**8:08d}",
        "wallet_address": f"0x{rng.getrandbits(160):040x}",
        "expires_at": _iso(wall + 3600),
    }


def _rate(rng: Random) -> tuple[str, Fields]:
    base = rng.choice(list(RATES))
    cents = RATES[base] * 100 + rng.randrange(-50, 50)
    return "exchange_rate.updated", {
        "base_currency": base,
        "quote_currency": "USD",
        "rate": f"{cents // 100}.{cents % 100:02d}",
    }


def _verification(number: int, wall: float) -> tuple[str, Fields]:
    return "kyc.verification_started", {
        "kyc_id": f"kyc_{number:06d}",
        "customer_id": f"cus_{number:06d}",
        "verification_type": "individual",
        "status": "pending",
        "started_at": _iso(wall),
        "metadata": {"customer_email": f"customer{number}@example.org", "customer_name": f"Customer {number}"},
    }


def _iso(wall: float) -> str:
    return datetime.fromtimestamp(int(wall), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
