"""What the sandbox's QuantCite knows: the exchanges, its users, their accounts there, and every transaction with its fate.

Tests and the demo count against this book; it takes no protocol decision.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping
from decimal import Decimal
from random import Random
from typing import Final, NamedTuple

import attrs
import msgspec

from ..core.effects import Identity
from ..core.secrets import Secret
from ..providers.quantcite.transactions import read

__all__ = [
    "EXCHANGES",
    "Account",
    "Exchange",
    "Place",
    "Record",
    "User",
    "digest",
    "encode",
    "listed",
    "new_id",
    "own_key",
    "summary",
]


@attrs.frozen
class Exchange:
    """What the provider tells of an exchange. `internal`: it has credentials of its own there."""

    display_name: str
    types: tuple[str, ...]
    requires_passphrase: bool = False
    internal: bool = False


EXCHANGES: Final[Mapping[str, Exchange]] = {
    "bybit": Exchange(
        "Bybit",
        (
            "holdings",
            "deposits",
            "withdrawals",
            "spot_orders",
            "futures_linear",
            "futures_inverse",
            "ledger",
            "leverage_token_trades",
            "transfers",
        ),
        internal=True,
    ),
    "binance": Exchange("Binance", ("deposits", "withdrawals", "trades")),
    "okx": Exchange("OKX", ("deposits", "withdrawals", "spot_trades"), requires_passphrase=True),
}
"""The only one that is live, and two of those that are planned (providers/quantcite.md, 6)."""

MADE_OF: Final[Mapping[str, tuple[str, bool, bool]]] = {
    "deposits": ("Deposit", False, True),
    "withdrawals": ("Withdrawal", True, False),
    "transfers": ("Transfer", True, False),
    "holdings": ("Airdrop", False, True),
}
"""By transaction type: the label, and whether something is sent and something received. All others are trades: both."""

CURRENCIES: Final = (("USDT", 6), ("BTC", 8), ("ETH", 18), ("SOL", 9))

encode: Final = msgspec.json.Encoder(decimal_format="number").encode
"""Amounts are numbers."""


def listed(name: str) -> dict[str, object]:
    """An exchange as it is listed, on the socket and by HTTP."""
    exchange = EXCHANGES[name]
    return {
        "exchange_name": name,
        "display_name": exchange.display_name,
        "supported_transaction_types": exchange.types,
        "requires_passphrase": exchange.requires_passphrase,
        "testnet_available": True,
        "documentation_url": f"/docs#tag-{name}",
    }


class Place(NamedTuple):
    """An account at an exchange; `own` is a digest of the caller's API key there, empty for the provider's."""

    exchange: str
    testnet: bool
    own: str


@attrs.define(eq=False)
class Record:
    """One transaction. `kind` is its transaction type, `at` POSIX seconds, `data` as it is on the wire.

    `pushed_to` names the connections it was pushed to, in order; histories are not counted.
    """

    identity: Identity
    kind: str
    at: float
    data: Mapping[str, object] = attrs.field(repr=False)
    pushed_to: list[int] = attrs.field(factory=list[int])


@attrs.define(eq=False)
class Account:
    """One account at an exchange. `wanted` are the types that were ever asked for: of those new transactions are made."""

    place: Place
    records: list[Record] = attrs.field(factory=list[Record])
    wanted: dict[str, None] = attrs.field(factory=dict[str, None])

    def make(self, kind: str, at: float, rng: Random) -> Record:
        """A new transaction of this type."""
        return self.add(kind, at, _transaction(self.place.exchange, kind, at, rng))

    def add(self, kind: str, at: float, data: Mapping[str, object]) -> Record:
        identity = read(msgspec.Raw(encode(data)), self.place.exchange, testnet=self.place.testnet).identity
        record = Record(identity, kind, at, data)
        self.records.append(record)
        return record

    def latest(self, kinds: Collection[str], limit: int) -> list[Record]:
        """The latest of these types, oldest first; of all types where none is named."""
        found = [record for record in self.records if not kinds or record.kind in kinds]
        return found[-limit:]


@attrs.define(eq=False)
class User:
    """Whom an API key stands for. The window is what the rate limit counts in: its beginning, and what came since."""

    index: int
    user_id: str
    accounts: dict[Place, Account] = attrs.field(factory=dict[Place, Account], repr=False)
    window: float = -math.inf
    asked: int = 0

    def refused_for(self, now: float, limit: int | None) -> float | None:
        """Count one more request. Returns the seconds until there is room, None: there is."""
        begun = math.floor(now / 60) * 60
        if begun != self.window:
            self.window, self.asked = begun, 0
        self.asked += 1
        return None if limit is None or self.asked <= limit else begun + 60 - now


def new_id(rng: Random) -> str:
    """A UUID, as far as one looks at it."""
    digits = f"{rng.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def summary(records: Collection[Record]) -> dict[str, object]:
    """The provider's summary of a batch, its types in the singular."""
    counts: dict[str, int] = {}
    for record in records:
        name = record.kind.removesuffix("s")
        counts[name] = counts.get(name, 0) + 1
    return {"total_count": len(records), "by_type": counts}


def own_key(credentials: Mapping[str, object] | None) -> Secret | None:
    """The caller's API key at an exchange."""
    key = None if credentials is None else credentials.get("api_key")
    return Secret(key) if isinstance(key, str) and key else None


def digest(own: Secret | None) -> str:
    """What an account is known by, instead of the key."""
    return "" if own is None else hashlib.sha256(own.reveal().encode(errors="surrogatepass")).hexdigest()[:16]


def _transaction(exchange: str, kind: str, at: float, rng: Random) -> dict[str, object]:
    label, sends, receives = MADE_OF.get(kind, ("Trade", True, True))
    (sold, sold_places), (bought, bought_places) = rng.sample(CURRENCIES, 2)
    data: dict[str, object] = {
        "transactionId": f"0x{rng.getrandbits(256):064x}",
        "timestamp": int(at * 1000),
        "label": label,
    }
    if sends:
        data["sentCurrency"] = {"currency": sold, "amount": _amount(sold_places, rng)}
        data["fee"] = {"currency": sold, "amount": _amount(sold_places, rng).scaleb(-3)}
    if receives:
        data["receivedCurrency"] = {"currency": bought, "amount": _amount(bought_places, rng)}
    if receives and not sends:
        data["fee"] = None
        data["sender"] = {"name": None, "public_name": "Sandbox", "walletId": f"0x{rng.getrandbits(160):040x}"}
    title = EXCHANGES[exchange].display_name
    data["description"] = {"title": f"{title} {label}", "desc": f"{bought} {label.lower()} to account"}
    return data


def _amount(places: int, rng: Random) -> Decimal:
    """Up to ten thousand of it, in its smallest unit: more digits than a float holds."""
    return Decimal(rng.randrange(1, 10 ** (places + 4))).scaleb(-places)
