"""What QuantCite's REST calls answer with (providers/quantcite.md, 3 and 4). Sizes of data are exact, never floats."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Self

import attrs
import msgspec

from ...core.secrets import Secret
from ...core.values import Int64, Moment, Value, exact
from .transactions import Batch, Summary, Transaction, read, summarise

__all__ = [
    "Account",
    "ApiHealth",
    "BillingPeriod",
    "CredentialPolicy",
    "KeyStatus",
    "SessionState",
    "TransactionPage",
    "TypeCatalogue",
    "Usage",
]

_NULL: Final = msgspec.Raw(b"null")


def _number(raw: msgspec.Raw) -> Decimal | None:
    return None if bytes(raw) == b"null" else exact(raw)


class _Account(Value):
    success: bool = False
    session_token: str | None = None
    user_id: str | None = None
    user_tier: str | None = None
    expires_at: Moment | None = None


@attrs.frozen
class Account:
    """Whose key it is, and a session of theirs. `expires_at` is POSIX milliseconds."""

    session_token: Secret = attrs.field(hash=False)
    user_id: str | None
    user_tier: str | None
    expires_at: int | None

    @classmethod
    def parse(cls, body: bytes) -> Self | None:
        """None where it says that there is no session. Raises `ValueError`."""
        wire = msgspec.json.decode(body, type=_Account)
        if not wire.success or not wire.session_token:
            return None
        return cls(Secret(wire.session_token), wire.user_id, wire.user_tier, wire.expires_at)


class SessionState(Value):
    """Whether a session is good. Times are POSIX milliseconds, or text: their format is not documented here."""

    authenticated: bool
    user_id: str | None = None
    user_tier: str | None = None
    expires_at: Int64 | str | None = None
    created_at: Int64 | str | None = None
    message: str | None = None


class _Page(Batch):
    exchange: str | None = None
    message: str | None = None
    filters_applied: msgspec.Raw = _NULL


@attrs.frozen
class TransactionPage:
    """Transactions, with what the provider says of them. `filters_applied` is its JSON, as it came: it is not documented."""

    transactions: tuple[Transaction, ...]
    summary: Summary
    message: str | None
    filters_applied: str | None

    @classmethod
    def parse(cls, body: bytes, exchange: str, *, testnet: bool) -> Self:
        """Raises `ValueError`: a page of which a part cannot be read is of no use as a whole."""
        wire = msgspec.json.decode(body, type=_Page)
        exchange = wire.exchange or exchange
        transactions = tuple(read(raw, exchange, testnet=testnet) for raw in wire.transactions or ())
        problems: list[str] = []
        summary = summarise(wire, exchange, transactions=len(transactions), withheld=0, problems=problems)
        if problems:
            raise ValueError("; ".join(problems))
        filters = bytes(wire.filters_applied).decode()
        return cls(transactions, summary, wire.message, None if filters == "null" else filters)


class TypeCatalogue(Value):
    """The transaction types there are: what each means, and which of them each exchange has."""

    unified_types: dict[str, str]
    exchange_specific: dict[str, tuple[str, ...]] | None = None


class _Policy(Value):
    exchanges_with_internal_credentials: tuple[str, ...]
    exchanges_requiring_user_credentials: tuple[str, ...]
    details: dict[str, msgspec.Raw] | None = None


@attrs.frozen
class CredentialPolicy:
    """For which exchanges the provider has credentials of its own. `details` is JSON, as it came: it is not documented."""

    exchanges_with_internal_credentials: tuple[str, ...]
    exchanges_requiring_user_credentials: tuple[str, ...]
    details: Mapping[str, str] = attrs.field(hash=False)

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Raises `ValueError`."""
        wire = msgspec.json.decode(body, type=_Policy)
        details = {name: bytes(raw).decode() for name, raw in (wire.details or {}).items()}
        return cls(wire.exchanges_with_internal_credentials, wire.exchanges_requiring_user_credentials, details)


class BillingPeriod(Value):
    """When the count begins anew."""

    reset_date: str | None = None
    days_until_reset: Int64 | None = None
    next_reset: str | None = None


class KeyStatus(Value):
    """`api_key_status` is `active`, `suspended` or `expired`."""

    limit_exceeded: bool | None = None
    warning_threshold: bool | None = None
    api_key_status: str | None = None


class _Data(Value):
    used_gb: msgspec.Raw = _NULL
    limit_gb: msgspec.Raw = _NULL
    remaining_gb: msgspec.Raw = _NULL
    usage_percentage: msgspec.Raw = _NULL
    bytes_used: Int64 | None = None
    bytes_limit: Int64 | None = None


class _Usage(Value):
    data_usage: _Data
    user_id: str | None = None
    username: str | None = None
    billing_tier: str | None = None
    api_key_active: bool | None = None
    billing_period: BillingPeriod | None = None
    status: KeyStatus | None = None
    timestamp: str | None = None


@attrs.frozen(kw_only=True)
class Usage:
    """What the key has used of its plan's data this month. Gigabytes, bytes, and percent."""

    user_id: str | None
    username: str | None
    billing_tier: str | None
    api_key_active: bool | None
    used_gb: Decimal | None
    limit_gb: Decimal | None
    remaining_gb: Decimal | None
    usage_percentage: Decimal | None
    bytes_used: int | None
    bytes_limit: int | None
    billing_period: BillingPeriod | None = attrs.field(hash=False)
    status: KeyStatus | None = attrs.field(hash=False)
    timestamp: str | None

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Raises `ValueError`."""
        wire = msgspec.json.decode(body, type=_Usage)
        data = wire.data_usage
        return cls(
            user_id=wire.user_id,
            username=wire.username,
            billing_tier=wire.billing_tier,
            api_key_active=wire.api_key_active,
            used_gb=_number(data.used_gb),
            limit_gb=_number(data.limit_gb),
            remaining_gb=_number(data.remaining_gb),
            usage_percentage=_number(data.usage_percentage),
            bytes_used=data.bytes_used,
            bytes_limit=data.bytes_limit,
            billing_period=wire.billing_period,
            status=wire.status,
            timestamp=wire.timestamp,
        )


class ApiHealth(Value):
    """How the provider is. Two pages of it show two different bodies; what one has not is None."""

    status: str
    timestamp: Int64 | str | None = None
    version: str | None = None
    websocket_endpoint: str | None = None
    active_exchanges: Int64 | None = None
    unified_api: bool | str | None = None
    available_exchanges: tuple[str, ...] | None = None
    supported_exchanges: Int64 | None = None
