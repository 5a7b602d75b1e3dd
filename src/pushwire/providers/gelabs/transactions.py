"""A gelabs transaction (seeds/002…, "transaction (real-time transaction push)"); its rows are in `rows`.

Read from the push's spelling, which is the fast way; `spellings` makes the others into it. Names are Python's; the wire's
spelling stands in each struct's `rename`. The document's ERC-20 sample leaves out most fields, so nearly all are optional.
Numbers that come as strings (amounts, fees, gas, nonce) stay text in a `raw_…` field and are `int` by property: they have been
checked before anyone sees them. Empty text and null both mean "none".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Final, TypeAlias

import msgspec

from ...core.effects import Identity
from ...core.events import Delivery
from ...core.ledger import Key
from ...core.speedups import alike, all_lower, all_whole, having, rows_of, set_each
from ...core.values import MILLISECONDS_FROM, UINT256_DIGITS, Decimals, Int64, Moment, Value, integer, is_number, scaled
from .movements import Movement, fee_paid, moved
from .rows import InternalCall, TokenTransfer, UtxoInput, UtxoOutput
from .topics import CHAIN_IDS, fold

__all__ = [
    "ASKED_FOR",
    "Arrival",
    "Transaction",
    "all_numbers",
    "arrived",
    "identify",
    "identify_all",
    "numbers_problem",
]


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """How a transaction came, beside what it says: all that is ours of it, in one value, since to set a field takes half as long
    as to decode one. Of what did not come as a push nothing is known, and there is nothing to ACK."""

    received: float = 0.0
    """Seconds on the clock the stream runs by (trio's). 0.0 in the reply to a command."""
    key: Key = ()
    version: Key = ()
    message_id: str | None = None
    """The id of the push; `GetTransaction` takes it."""
    sent: int | None = None
    """When the provider sent it, POSIX milliseconds."""
    delivery: Delivery = "new"

    @property
    def identity(self) -> Identity:
        """What the ledger knows this delivery by."""
        return Identity(self.key, self.version)


ASKED_FOR: Final = Arrival()
"""Of what did not come as a push."""


class Transaction(Value, omit_defaults=True, kw_only=True, rename={
    "tx_hash": "txhash",
    "tx_time": "txTime",
    "raw_gas_limit": "gasLimit",
    "raw_gas_used": "gasUsed",
    "raw_gas_price": "gasPrice",
    "raw_max_fee_per_gas": "max_fee_per_gas",
    "raw_max_priority_fee_per_gas": "max_priority_fee_per_gas",
    "raw_fee": "txFee",
    "raw_nonce": "nonce",
    "raw_amount": "amount",
    "tx_status": "txStatus",
    "method_id": "methodId",
    "method_call": "methodCall",
    "l1_origin_hash": "l1OriginHash",
    "inputs": "fromDetails",
    "outputs": "toDetails",
    "internal_calls": "internalTransactionDetails",
    "token_transfers": "tokenTransferDetails",
    "listen_addresses": "listenAddress",
    # This is no part of a message: `arrived` sets it, also where a peer has guessed the name.
    "arrival": "(set by pushwire) arrival",
}):  # fmt: skip
    """An on-chain transaction that touches a monitored address.

    One transaction comes several times: `pending`, then `success`, or again after a chain reorganisation with another height.
    Each such version is delivered once, and `delivery` says why.
    """

    # In the order of the push, where the decoder looks for the next field first.
    chain_type: str
    chain_id: Int64 | None = None
    height: Int64 | None = None
    tx_time: Moment | None = None
    tx_hash: Annotated[str, msgspec.Meta(min_length=1)]
    tx_version: int | None = None
    sender: str | None = None
    fee_payer: str | None = None
    receiver: str | None = None
    transfer_type: str | None = None
    raw_gas_limit: str | None = ""
    raw_gas_used: str | None = ""
    raw_gas_price: str | None = ""
    raw_max_fee_per_gas: str | None = ""
    raw_max_priority_fee_per_gas: str | None = ""
    raw_fee: str | None = ""
    raw_nonce: str | None = ""
    symbol: str | None = None
    decimals: Decimals | None = None
    raw_amount: str | None = ""
    tx_status: str | None = None
    """`success`, `failed` or `pending`; values the document does not name pass through."""
    method_id: str | None = None
    method_call: str | None = None
    l1_origin_hash: str | None = None
    inputs: tuple[UtxoInput, ...] | None = None
    outputs: tuple[UtxoOutput, ...] | None = None
    internal_calls: tuple[InternalCall, ...] | None = None
    token_transfers: tuple[TokenTransfer, ...] | None = None
    listen_addresses: tuple[str, ...] | None = None
    """The monitored addresses that matched."""
    is_reorg_resend: bool | None = None

    arrival: Arrival = ASKED_FOR
    """How it came; each part of it is a property as well."""

    @property
    def received(self) -> float:
        """Seconds on the clock the stream runs by (trio's). 0.0 in the reply to a command."""
        return self.arrival.received

    @property
    def delivery(self) -> Delivery:
        """Why it is delivered."""
        return self.arrival.delivery

    @property
    def identity(self) -> Identity:
        """What the ledger knows this delivery by. Empty where it did not come as a push."""
        arrival = self.arrival
        # Asked of each that is ACKed: no other property on the way.
        return Identity(arrival.key, arrival.version)

    @property
    def message_id(self) -> str | None:
        """The id of the push; `GetTransaction` takes it."""
        return self.arrival.message_id

    @property
    def sent(self) -> int | None:
        """When the provider sent it, POSIX milliseconds."""
        return self.arrival.sent

    @property
    def amount(self) -> int | None:
        """In the smallest unit of `symbol`."""
        return integer(self.raw_amount)

    @property
    def value(self) -> Decimal | None:
        """`amount` scaled by `decimals`, exact."""
        return scaled(self.amount, self.decimals)

    @property
    def fee(self) -> int | None:
        """In the chain's smallest unit."""
        return integer(self.raw_fee)

    @property
    def gas_limit(self) -> int | None:
        return integer(self.raw_gas_limit)

    @property
    def gas_used(self) -> int | None:
        return integer(self.raw_gas_used)

    @property
    def gas_price(self) -> int | None:
        """In the chain's smallest unit."""
        return integer(self.raw_gas_price)

    @property
    def max_fee_per_gas(self) -> int | None:
        return integer(self.raw_max_fee_per_gas)

    @property
    def max_priority_fee_per_gas(self) -> int | None:
        return integer(self.raw_max_priority_fee_per_gas)

    @property
    def nonce(self) -> int | None:
        return integer(self.raw_nonce)

    @property
    def time(self) -> datetime | None:
        """`tx_time` as an aware datetime in UTC."""
        if self.tx_time is None:
            return None
        at = self.tx_time if self.tx_time < MILLISECONDS_FROM else self.tx_time / 1000
        return datetime.fromtimestamp(at, UTC)

    def __hash__(self) -> int:
        return hash(self.identity)

    def key(self, chain_ids: Mapping[str, int] = CHAIN_IDS) -> Key:
        """Chain, its id and the hash, in the form in which they are compared: the same however the transaction came, and for all
        its versions. `chain_ids` gives the id of a chain where the message names none."""
        return identify(self, chain_ids)[0]

    def movements(self, address: str, *, without_status: bool = True) -> tuple[Movement, ...]:
        """What came in and went out for `address`, the fee it paid included; nothing where the transaction failed or is pending.
        `movements.moved` says what counts. `without_status`: whether a message that gives no status counts as a success.

        Of several versions of one transaction the last alone counts. Raises `LocalProtocolError` for an empty address.
        """
        return moved(self, address, without_status=without_status)

    def fee_paid(self, address: str) -> Movement | None:
        """The fee that `address` paid, also where the transaction failed. Raises `LocalProtocolError` for an empty address."""
        return fee_paid(self, address)

    def dump(self) -> str:
        """The transaction as JSON: what the provider sent, in its own spelling, without what it sent as null."""
        text = _encode(self).decode()
        # What is ours comes last: so it is found from the end.
        ours = text.rfind(_OURS)
        if ours >= 0:
            text = text[:ours] + "}"
        for empty in _EMPTY:
            text = _without(empty, text)
        return text


_encode: Final = msgspec.json.Encoder().encode

# Inside a text of JSON no quotation mark stands without a backslash: what begins with two others can be no part of one.
_OURS: Final = ',"(set by pushwire) arrival":'
_EMPTY: Final = ('":""', '":null')


def _without(empty: str, text: str) -> str:
    """JSON without the fields whose name ends as `empty` begins. (A regular expression takes five times as long.)"""
    end = text.find(empty)
    if end < 0:
        return text
    kept: list[str] = []
    done = 0
    first = -1  # where a field stands whose predecessors were all left out, with the comma behind them
    while end >= 0:
        name, after = text.rfind('"', 0, end), end + len(empty)
        # Else the mark begins a text, or stands in one, after a backslash. All names end with a letter.
        if text[end - 1].isalpha():
            if text[name - 1] == "{" or name == first:
                first = after = after + (text[after] == ",")
            else:
                name -= 1
            kept.append(text[done:name])
            done = after
        end = text.find(empty, after)
    return "".join((*kept, text[done:]))


def identify(tx: Transaction, chain_ids: Mapping[str, int]) -> tuple[Key, Key]:
    """The key and version of a transaction; `chain_ids` gives the id of a chain where the message names none."""
    chain_type, tx_hash = tx.chain_type.lower(), tx.tx_hash
    chain_id = tx.chain_id
    if chain_id is None:
        chain_id = chain_ids.get(chain_type)
    # Most are lower case as they come. To see that costs less than to see whether case means anything.
    if tx_hash.lower() != tx_hash:
        tx_hash = fold(tx_hash)
    return (chain_type, chain_id, tx_hash), _version(tx)


Identified: TypeAlias = tuple[tuple[Key, ...], tuple[Key, ...], tuple[str, ...] | None]
"""Keys, versions, and how each hash is spelled. None: as in the keys, all of them."""


def identify_all(txs: Sequence[Transaction], chain_ids: Mapping[str, int]) -> Identified:
    """The keys and the versions that `identify` says of each. Where all are spelled as they are compared, there is nothing to do
    for each, and one look at all of them shows that. Versions that are the same are one tuple."""
    same = alike(txs, ("chain_id", "tx_status", "height", "is_reorg_resend"))
    nameless = txs[0].chain_id is None if same else None in [tx.chain_id for tx in txs]
    if nameless or not all_lower(txs, ("chain_type", "tx_hash")):
        keys, versions = zip(*[identify(tx, chain_ids) for tx in txs], strict=True)
        return keys, versions, tuple([tx.tx_hash for tx in txs])
    rows = rows_of(txs, ("chain_type", "chain_id", "tx_hash"))
    return tuple(rows), (_version(txs[0]),) * len(txs) if same else tuple(map(_version, txs)), None


def _version(tx: Transaction) -> Key:
    return tx.tx_status, tx.height, tx.is_reorg_resend is True


def arrived(txs: Sequence[Transaction], arrivals: Iterable[Arrival]) -> None:
    """Set what is ours. The one place where a value that is read-only to everybody else is changed."""
    set_each(txs, "arrival", arrivals)


def numbers_problem(tx: Transaction) -> str | None:
    """What is wrong with the numbers a transaction holds as text, None: nothing."""
    for name in _NUMBERS:
        if not is_number(getattr(tx, name)):
            return f"{name.removeprefix('raw_')} is not an unsigned whole number of at most {UINT256_DIGITS} digits"
    for rows in (tx.token_transfers, tx.inputs, tx.outputs, tx.internal_calls):
        for row in rows or ():
            if not is_number(row.raw_amount):
                return f"amount in {type(row).__name__} is not an unsigned whole number of at most {UINT256_DIGITS} digits"
    return None


def all_numbers(txs: Sequence[Transaction]) -> bool:
    """Whether `numbers_problem` finds nothing in any: one look at all of them shows it of nearly all that are fine."""
    if all_whole(txs, _NUMBERS):
        txs = having(txs, ("token_transfers", "inputs", "outputs", "internal_calls"))
    return not any(map(numbers_problem, txs))


_NUMBERS: Final = (
    "raw_amount",
    "raw_fee",
    "raw_gas_limit",
    "raw_gas_used",
    "raw_gas_price",
    "raw_max_fee_per_gas",
    "raw_max_priority_fee_per_gas",
    "raw_nonce",
)
