"""Builders for QuantCite: the transactions a stream delivers, and the messages the provider sends.

Defaults are those of the document's samples (seeds/000…), with a whole transaction id.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, TypedDict, Unpack

import msgspec

from ..core.events import Delivery, Stale, SubscriptionRefused
from ..providers.quantcite import Amount, Description, Notice, Sender, Topic, Transaction
from . import events

__all__ = [
    "TIME",
    "TRANSACTION_ID",
    "TransactionFields",
    "authentication_error",
    "error",
    "exchanges_response",
    "greeting",
    "notice",
    "pong",
    "stale",
    "subscription_refused",
    "transaction",
    "transaction_response",
    "validation_response",
    "welcome",
    "wire",
]

TRANSACTION_ID: Final = "0x4165ad97c0" + "1b" * 27
TIME: Final = 1_693_526_400_000
"""The document's sample time, POSIX milliseconds."""
TOPIC: Final = Topic("bybit", None, "deposits")


class TransactionFields(TypedDict, total=False):
    """Every field of a `Transaction`."""

    exchange: str
    testnet: bool
    transaction_id: str
    timestamp: int
    label: str
    sent_currency: Amount | None
    received_currency: Amount | None
    fee: Amount | None
    sender: Sender | None
    description: Description | None
    received: float
    delivery: Delivery
    asked_for: tuple[str, ...]


def transaction(**overrides: Unpack[TransactionFields]) -> Transaction:
    """A transaction as a stream delivers it: a deposit of 1000 USDT on Bybit.

    >>> transaction(label="Trade").identity.key
    ('bybit', False, '0x4165ad97c01b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b')
    """
    fields: TransactionFields = {
        "exchange": "bybit",
        "testnet": False,
        "transaction_id": TRANSACTION_ID,
        "timestamp": TIME,
        "label": "Deposit",
        "received_currency": Amount("USDT", Decimal("1000.0")),
        "description": Description(title="Bybit Deposit", text="USDT deposit to account"),
        **overrides,
    }
    return Transaction(**fields)


def _json(value: object) -> str:
    # Amounts are numbers in the provider's messages.
    return msgspec.json.Encoder(decimal_format="number").encode(value).decode()


def _amount(amount: Amount | None) -> dict[str, object] | None:
    return None if amount is None else {"currency": amount.currency, "amount": amount.amount}


def wire(**overrides: Unpack[TransactionFields]) -> dict[str, object]:
    """The object in a message that is delivered as `transaction(**overrides)`. What is none is left out."""
    tx = transaction(**overrides)
    fields: dict[str, object] = {
        "transactionId": tx.transaction_id,
        "timestamp": tx.timestamp,
        "label": tx.label,
        "sentCurrency": _amount(tx.sent_currency),
        "receivedCurrency": _amount(tx.received_currency),
        "fee": _amount(tx.fee),
    }
    if tx.sender is not None:
        fields["sender"] = {"name": tx.sender.name, "public_name": tx.sender.public_name, "walletId": tx.sender.wallet_id}
    if tx.description is not None:
        fields["description"] = {"title": tx.description.title, "desc": tx.description.text}
    return {name: value for name, value in fields.items() if value is not None}


def transaction_response(*transactions: Mapping[str, object], exchange: str = "bybit", **fields: object) -> str:
    """A batch of transactions, one deposit unless others are given (see `wire`). `fields` are added, or replace what there is."""
    rows = transactions or (wire(),)
    counts = {"total_count": len(rows), "by_type": {"deposit": len(rows)}}
    message: dict[str, object] = {
        "type": "transaction_response",
        "success": True,
        "exchange": exchange,
        "total_transactions": len(rows),
        "transactions": rows,
        "summary": counts,
        "processing_time": Decimal("2.05"),
    }
    return _json({**message, **fields})


def welcome(**fields: object) -> str:
    """The answer to `authenticate` with the right key."""
    message: dict[str, object] = {
        "type": "welcome",
        "session_id": "860a5a96-0da4-4154-9d13-a79d07121758",
        "user_id": "cb88461f-421a-4ac8-9722-afe248a40ae6",
        "user_tier": "premium",
        "message": "Authenticated successfully as premium user",
        "authentication": {"api_key": "demo_key...", "status": "authenticated"},
    }
    return _json({**message, **fields})


def greeting() -> str:
    """What a socket is greeted with before it has authenticated: a welcome as well."""
    commands = ["authenticate", "subscribe_aggregated", "get_exchanges", "get_pairs"]
    return _json({"type": "welcome", "message": "Connected", "available_commands": commands})


def error(error: str = "invalid_action", message: str = "Unknown action", code: int | str | None = 4002, **fields: object) -> str:
    """An error; the codes are those from 4001 to 4005, None: none, as market data has it."""
    numbered: dict[str, object] = {} if code is None else {"code": code}
    return _json(
        {"type": "error", "error": error, "message": message, **numbered, "timestamp": "2025-09-18T10:30:00.000Z", **fields}
    )


def authentication_error(error: str = "api_key_not_found", message: str = "API key not found") -> str:
    """The key is not accepted, in the newer form."""
    return _json({"type": "authentication_error", "error": error, "message": message})


def validation_response(*, success: bool = True, exchange: str = "bybit", **fields: object) -> str:
    """The answer to `validate_credentials`."""
    good: dict[str, object] = {
        "message": "Credentials are valid (using internal credentials)",
        "credentials_source": "internal",
        "account_info": {"account_type": "UNIFIED", "status": "active"},
    }
    bad: dict[str, object] = {"message": "Invalid credentials provided", "error": "authentication_failed"}
    return _json(
        {"type": "validation_response", "success": success, "exchange": exchange, **(good if success else bad), **fields}
    )


def exchanges_response(**requires_passphrase: bool) -> str:
    """The answer to `get_exchanges`: exchanges by name, and whether their credentials need a passphrase."""
    rows: list[object] = [
        {
            "exchange_name": name,
            "display_name": name.title(),
            "supported_transaction_types": ["deposits", "withdrawals"],
            "requires_passphrase": needed,
            "testnet_available": True,
            "documentation_url": f"/docs#tag-{name}",
        }
        for name, needed in (requires_passphrase or {"bybit": False}).items()
    ]
    return _json({"type": "exchanges_response", "exchanges": rows})


def pong() -> str:
    """The answer to a JSON ping."""
    stamp = "2025-09-18T10:30:00.000"
    return _json({"type": "pong", "timestamp": stamp, "server_time": stamp, "latency_ms": 2.5})


def notice(
    kind: str = "rate_limit_warning",
    text: str = "80 % of the rate limit is used",
    *,
    received: float = 0.0,
    code: int | str | None = None,
    error: str | None = None,
    retry_after: float | None = None,
    raw: str = "{}",
) -> Notice:
    """The provider says something that answers no command."""
    return Notice(received, kind, code, error, text, retry_after, raw)


def stale(topic: Topic = TOPIC, *, received: float = 0.0, since: float | None = None) -> Stale[Topic]:
    """Nothing arrived for `topic`, for a minute unless `since` is given."""
    return events.stale(topic, received=received, since=since)


def subscription_refused(
    topic: Topic = TOPIC,
    *,
    received: float = 0.0,
    code: int | str | None = 4004,
    text: str = "Error communicating with exchange",
) -> SubscriptionRefused[Topic]:
    """After a reconnect QuantCite refused to restore `topic`."""
    return events.subscription_refused(topic, received=received, code=code, text=text)
