"""A transaction of an exchange account, and what a batch of them comes with (providers/quantcite.md, 4).

The same shapes come by WebSocket and by HTTP. Amounts are JSON numbers, read digit by digit; what cannot be read so is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Final, TypeVar

import attrs
import msgspec

from ...core.effects import Identity
from ...core.events import Delivery
from ...core.values import Int64, Moment, Value, exact

__all__ = ["Amount", "Batch", "DateRange", "Description", "Sender", "Summary", "Transaction", "read", "summarise"]

PartT = TypeVar("PartT")


@attrs.frozen
class Amount:
    """So much of a currency, exact."""

    currency: str
    amount: Decimal


class Sender(Value, rename={"wallet_id": "walletId"}):
    """Where a deposit came from."""

    name: str | None = None
    public_name: str | None = None
    wallet_id: str | None = None


class Description(Value, rename={"text": "desc"}):
    """For people."""

    title: str | None = None
    text: str | None = None


@attrs.frozen(kw_only=True)
class Transaction:
    """One transaction of an account on `exchange`.

    `sent_currency` is there for trades and withdrawals, `received_currency` for trades and deposits.
    """

    exchange: str
    testnet: bool
    transaction_id: str
    timestamp: int
    """POSIX milliseconds."""
    label: str
    """`Deposit`, `Withdrawal`, `Trade`, ...: an open set."""
    sent_currency: Amount | None = None
    received_currency: Amount | None = None
    fee: Amount | None = None
    sender: Sender | None = attrs.field(default=None, hash=False)
    description: Description | None = attrs.field(default=None, hash=False)
    received: float = 0.0
    """Seconds on the clock the stream runs by (trio's). 0.0 in the reply to a REST call."""
    delivery: Delivery = "new"
    """`"update"`: one with this id was delivered before, with another time, label, amount or fee."""
    asked_for: tuple[str, ...] = ()
    """The types subscribed to on this exchange when it came; no message says which of them it is of."""

    @property
    def time(self) -> datetime:
        """`timestamp` as an aware datetime in UTC."""
        return datetime.fromtimestamp(self.timestamp / 1000, UTC)

    @property
    def identity(self) -> Identity:
        """What it is told from others by: exchange, testnet and id; and a digest of what it says of time and money."""
        amounts = (self.sent_currency, self.received_currency, self.fee)
        content = repr((self.timestamp, self.label, *map(_canonical, amounts)))
        digest = hashlib.blake2b(content.encode(errors="surrogatepass"), digest_size=8).hexdigest()
        return Identity((self.exchange.lower(), self.testnet, self.transaction_id), (digest,))


def _canonical(amount: Amount | None) -> tuple[str, int, int] | None:
    """The same for 1000.0 and 1000.00."""
    return None if amount is None else (amount.currency, *amount.amount.as_integer_ratio())


class DateRange(Value):
    """The span of a batch, as the provider writes it: its format is not documented."""

    start: Int64 | str | None = None
    end: Int64 | str | None = None


@attrs.frozen(kw_only=True)
class Summary:
    """What the provider says of a batch of transactions. None: it did not say, or not legibly.

    `total_transactions` may be more than came: the provider's own example says 9 and shows 1.
    """

    exchange: str
    total_transactions: int | None = None
    total_count: int | None = None
    by_type: Mapping[str, int] = attrs.field(factory=dict[str, int], hash=False)
    """By a type's singular name (`deposit`)."""
    date_range: DateRange | None = attrs.field(default=None, hash=False)
    processing_time: Decimal | None = None
    """Seconds."""
    transactions: int = 0
    """How many the message held that could be read."""
    withheld: int = 0
    """How many of those had been delivered before."""


# On the wire


class _Amount(Value):
    currency: str
    amount: msgspec.Raw


class _Transaction(Value, rename={
    "transaction_id": "transactionId",
    "sent_currency": "sentCurrency",
    "received_currency": "receivedCurrency",
}):  # fmt: skip
    transaction_id: Annotated[str, msgspec.Meta(min_length=1)]
    timestamp: Moment
    label: str
    sent_currency: _Amount | None = None
    received_currency: _Amount | None = None
    fee: _Amount | None = None
    sender: Sender | None = None
    description: Description | None = None


class _Counts(Value):
    total_count: Int64 | None = None
    by_type: dict[str, Int64] | None = None
    date_range: DateRange | None = None


class Batch(Value):
    """What a batch consists of, each part to be read for itself: what is wrong in one must not cost another."""

    transactions: tuple[msgspec.Raw, ...] | None = None
    total_transactions: msgspec.Raw = msgspec.Raw(b"null")
    summary: msgspec.Raw = msgspec.Raw(b"null")
    processing_time: msgspec.Raw = msgspec.Raw(b"null")


_decode: Final = msgspec.json.Decoder(_Transaction).decode
_decode_counts: Final = msgspec.json.Decoder[_Counts | None](_Counts | None).decode
_decode_total: Final = msgspec.json.Decoder[int | None](Int64 | None).decode


def read(raw: msgspec.Raw, exchange: str, *, testnet: bool) -> Transaction:
    """One transaction of a batch. Raises `ValueError`, msgspec's errors among them, and `RecursionError`."""
    wire = _decode(raw)
    return Transaction(
        exchange=exchange,
        testnet=testnet,
        transaction_id=wire.transaction_id,
        timestamp=wire.timestamp,
        label=wire.label,
        sent_currency=_amount(wire.sent_currency),
        received_currency=_amount(wire.received_currency),
        fee=_amount(wire.fee),
        sender=wire.sender,
        description=wire.description,
    )


def _amount(wire: _Amount | None) -> Amount | None:
    return None if wire is None else Amount(wire.currency, exact(wire.amount))


def summarise(batch: Batch, exchange: str, *, transactions: int, withheld: int, problems: list[str]) -> Summary:
    """The summary of a batch; what of it cannot be read is added to `problems`."""
    counts = _legible("summary", _decode_counts, batch.summary, problems) or _Counts()
    return Summary(
        exchange=exchange,
        total_transactions=_legible("total_transactions", _decode_total, batch.total_transactions, problems),
        total_count=counts.total_count,
        by_type=counts.by_type or {},
        date_range=counts.date_range,
        processing_time=_legible("processing_time", _seconds, batch.processing_time, problems),
        transactions=transactions,
        withheld=withheld,
    )


def _legible(name: str, read_it: Callable[[msgspec.Raw], PartT], raw: msgspec.Raw, problems: list[str]) -> PartT | None:
    try:
        return read_it(raw)
    except (ValueError, RecursionError) as error:
        problems.append(f"{name}: {error}")
        return None


def _seconds(raw: msgspec.Raw) -> Decimal | None:
    return None if bytes(raw) == b"null" else exact(raw)
