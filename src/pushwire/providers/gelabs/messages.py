"""What gelabs sends (seeds/002…, "WebSocket real-time push"), decoded once and typed.

Names are Python's; the wire's spelling stands in each struct's `rename`. The document's ERC-20 sample leaves out most fields, so nearly all
are optional. Numbers that come as strings (amounts, fees, gas, nonce) stay text in a `raw_…` field and are `int` by property: the
machine has checked them before anyone sees them, and none is ever a float. Empty text and null both mean "none".
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, TypeAlias, dataclass_transform

import msgspec

from ...core.effects import Identity
from ...core.events import Control, Delivery
from .topics import Topic

if TYPE_CHECKING:

    @dataclass_transform(frozen_default=True, kw_only_default=True)
    class Value:
        """A received value, read-only; see the run-time twin."""

        __struct_fields__: ClassVar[tuple[str, ...]]

        def __init_subclass__(cls, *, rename: dict[str, str] | None = None) -> None: ...

else:

    class Value(msgspec.Struct, kw_only=True, gc=False):
        """A received value.

        Frozen to the type checkers, mutable at run time, where the machine stamps its own fields: a freeze at run time costs
        0.3 us a message. Left to itself by the garbage collector, since decoded JSON holds no cycles.
        """


__all__ = ["Event", "InternalCall", "Subscribed", "TokenTransfer", "Transaction", "Unsubscribed", "UtxoInput", "UtxoOutput"]

UINT256_DIGITS: Final = 78
MILLISECONDS_FROM: Final = 10**11
"""A time below this is in seconds, else in milliseconds: pages of the document use both."""

Decimals: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=255)]
Moment: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999)]


def integer(text: str | None) -> int | None:
    """A number sent as text. None where the provider sent none. The text has been checked."""
    return int(text) if text else None


def is_number(text: str | None) -> bool:
    """Whether `text` is none, empty, or an unsigned whole number of at most 78 digits (uint256)."""
    return not text or (len(text) <= UINT256_DIGITS and text.isascii() and text.isdecimal())


def scaled(amount: int | None, decimals: int | None) -> Decimal | None:
    """`amount / 10**decimals`, exact whatever the context's precision. None where either is unknown."""
    if amount is None or decimals is None:
        return None
    return Decimal((0, tuple(map(int, str(amount))), -decimals))


class TokenTransfer(Value, rename={
    "from_address": "from",
    "to_address": "to",
    "is_from_contract": "isFromContract",
    "is_to_contract": "isToContract",
    "token_contract_address": "tokenContractAddress",
    "raw_amount": "amount",
    "from_token_address": "fromTokenAddress",
    "to_token_address": "toTokenAddress",
    "program_id": "programId",
}):  # fmt: skip
    """One token movement inside a transaction: ERC-20, or SPL with its `mint`, `program_id` and token accounts."""

    from_address: str | None = None
    to_address: str | None = None
    is_from_contract: bool | None = None
    is_to_contract: bool | None = None
    token_contract_address: str | None = None
    symbol: str | None = None
    raw_amount: str | None = None
    decimals: Decimals | None = None
    from_token_address: str | None = None
    to_token_address: str | None = None
    mint: str | None = None
    program_id: str | None = None

    @property
    def amount(self) -> int | None:
        """In the token's smallest unit."""
        return integer(self.raw_amount)

    @property
    def value(self) -> Decimal | None:
        """`amount` scaled by `decimals`, exact."""
        return scaled(self.amount, self.decimals)


class UtxoInput(Value, rename={
    "raw_amount": "amount",
    "camel_is_contract": "isContract",
    "camel_vin_index": "vinIndex",
    "camel_pre_vout_index": "preVoutIndex",
    "camel_ref_tx_hash": "refTxHash",
}):  # fmt: skip
    """An input of a UTXO transaction. The push's spelling of these rows is not documented: both are read, `camel_…` is the other one."""

    address: str | None = None
    raw_amount: str | None = None
    is_contract: bool | None = None
    vin_index: str | None = None
    pre_vout_index: str | None = None
    ref_tx_hash: str | None = None
    camel_is_contract: bool | None = None
    camel_vin_index: str | None = None
    camel_pre_vout_index: str | None = None
    camel_ref_tx_hash: str | None = None

    def __post_init__(self) -> None:
        fold_camel(self)

    @property
    def amount(self) -> int | None:
        """In the smallest unit."""
        return integer(self.raw_amount)


class UtxoOutput(Value, rename={
    "raw_amount": "amount",
    "camel_is_contract": "isContract",
    "camel_vout_index": "voutIndex",
}):  # fmt: skip
    """An output of a UTXO transaction. Both spellings are read, as for `UtxoInput`."""

    address: str | None = None
    raw_amount: str | None = None
    is_contract: bool | None = None
    vout_index: str | None = None
    camel_is_contract: bool | None = None
    camel_vout_index: str | None = None

    def __post_init__(self) -> None:
        fold_camel(self)

    @property
    def amount(self) -> int | None:
        """In the smallest unit."""
        return integer(self.raw_amount)


class InternalCall(Value, rename={
    "raw_amount": "amount",
    "camel_from_address": "from",
    "camel_to_address": "to",
    "camel_tx_status": "txStatus",
    "camel_program_id": "programId",
    "camel_instr_index": "instrIndex",
}):  # fmt: skip
    """An internal call, or a Solana instruction. Both spellings are read, as for `UtxoInput`."""

    from_address: str | None = None
    to_address: str | None = None
    raw_amount: str | None = None
    tx_status: str | None = None
    program_id: str | None = None
    instr_index: int | None = None
    depth: int | None = None
    instruction: str | None = None
    description: str | None = None
    camel_from_address: str | None = None
    camel_to_address: str | None = None
    camel_tx_status: str | None = None
    camel_program_id: str | None = None
    camel_instr_index: int | None = None

    def __post_init__(self) -> None:
        fold_camel(self)

    @property
    def amount(self) -> int | None:
        """In the smallest unit."""
        return integer(self.raw_amount)


def fold_camel(row: UtxoInput | UtxoOutput | InternalCall) -> None:
    """Move what came in the camel spelling to the field that users read."""
    for name in row.__struct_fields__:
        if name.startswith("camel_") and (value := getattr(row, name)) is not None:
            field = name.removeprefix("camel_")
            if getattr(row, field) is None:
                setattr(row, field, value)
            setattr(row, name, None)


class Transaction(Value, rename={
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
    "received": "(set by pushwire) received",
    "delivery": "(set by pushwire) delivery",
    "identity": "(set by pushwire) identity",
    "message_id": "(set by pushwire) message_id",
    "sent": "(set by pushwire) sent",
}):  # fmt: skip
    """An on-chain transaction that touches a monitored address.

    One transaction comes several times: `pending`, then `success`, or again after a chain reorganisation with another height. Each such
    version is delivered once, and `delivery` says why.
    """

    chain_type: str
    tx_hash: Annotated[str, msgspec.Meta(min_length=1)]
    chain_id: int | None = None
    height: int | None = None
    tx_time: Moment | None = None
    tx_version: int | None = None
    sender: str | None = None
    fee_payer: str | None = None
    receiver: str | None = None
    transfer_type: str | None = None
    raw_gas_limit: str | None = None
    raw_gas_used: str | None = None
    raw_gas_price: str | None = None
    raw_max_fee_per_gas: str | None = None
    raw_max_priority_fee_per_gas: str | None = None
    raw_fee: str | None = None
    raw_nonce: str | None = None
    symbol: str | None = None
    decimals: Decimals | None = None
    raw_amount: str | None = None
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

    received: float = 0.0
    """Seconds on the clock the stream runs by (trio's). 0.0 in the reply to a command."""
    delivery: Delivery = "new"
    identity: Identity = Identity((), ())
    """What the ledger knows this delivery by."""
    message_id: str | None = None
    """The id of the push; `GetTransaction` takes it."""
    sent: int | None = None
    """When the provider sent it, POSIX milliseconds."""

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

    def dump(self) -> str:
        """The transaction as JSON: what the provider sent, in its own spelling."""
        wire = {name: value for name, value in msgspec.to_builtins(self).items() if not name.startswith("(set by pushwire)")}
        return msgspec.json.encode(wire).decode()


def numbers_problem(tx: Transaction) -> str | None:
    """What is wrong with the numbers a transaction holds as text, None: nothing."""
    try:
        # The common shape in one pass: all are there, and together no longer than one may be.
        joined = "".join((
            tx.raw_amount, tx.raw_fee, tx.raw_gas_limit, tx.raw_gas_used,
            tx.raw_gas_price, tx.raw_max_fee_per_gas, tx.raw_max_priority_fee_per_gas, tx.raw_nonce,
        ))  # type: ignore[arg-type]  # None is the other shape, caught below  # fmt: skip
    except TypeError:
        joined = None
    if joined is None or len(joined) > UINT256_DIGITS or not (joined.isascii() and joined.isdecimal()):
        for name in _NUMBER_FIELDS:
            if not is_number(getattr(tx, name)):
                return f"{name.removeprefix('raw_')} is not an unsigned whole number of at most {UINT256_DIGITS} digits"
    for rows in (tx.token_transfers, tx.inputs, tx.outputs, tx.internal_calls):
        for row in rows or ():
            if not is_number(row.raw_amount):
                return f"amount in {type(row).__name__} is not an unsigned whole number of at most {UINT256_DIGITS} digits"
    return None


_NUMBER_FIELDS: Final = (
    "raw_amount",
    "raw_fee",
    "raw_gas_limit",
    "raw_gas_used",
    "raw_gas_price",
    "raw_max_fee_per_gas",
    "raw_max_priority_fee_per_gas",
    "raw_nonce",
)


class Subscribed(Value, rename={"owner": "API Key"}):
    """The reply to `Subscribe`. `owner` is the business identity the key belongs to."""

    address: str | None = None
    chain_type: str | None = None
    owner: str | None = None


class Unsubscribed(Value, rename={"chain_type": "chainType"}):
    """The reply to `Unsubscribe`. `chain_type` is None when all chains were given up."""

    address: str | None = None
    chain_type: str | None = None


Event: TypeAlias = Transaction | Control[Topic]
"""Everything a gelabs stream delivers."""


class Greeting(Value, rename={"client_id": "clientId", "app_id": "appId"}):
    """The data of `connected`."""

    client_id: str | None = None
    app_id: str | None = None


# The envelopes, one struct a `type`, so that one pass decodes and tells them apart.

if TYPE_CHECKING:

    class Envelope(Value):
        """What all messages share (seeds/002…, "Message format")."""

        def __init_subclass__(cls, *, tag: str) -> None: ...

        id: str | None = None
        code: int = 0
        msg: str | None = None

else:

    class Envelope(Value, tag_field="type"):
        """What all messages share (seeds/002…, "Message format")."""

        id: str | None = None
        code: int = 0
        msg: str | None = None


class Push(Envelope, tag="transaction"):
    """A transaction."""

    time: int | None = None
    data: Transaction | None = None


class Connected(Envelope, tag="connected"):
    """The greeting of an accepted connection."""

    data: Greeting | None = None


class Pong(Envelope, tag="pong"):
    """The answer to `ping`."""


class SubscribeReply(Envelope, tag="subscribe"):
    """The reply to `subscribe`."""

    data: Subscribed | None = None


class UnsubscribeReply(Envelope, tag="unsubscribe"):
    """The reply to `unsubscribe`."""

    data: Unsubscribed | None = None


class TransactionReply(Envelope, tag="getTxHash"):
    """The reply to `getTxHash`; the document does not show its data, it is taken for a push's."""

    data: Transaction | None = None


class AckReply(Envelope, tag="transactionACK"):
    """The reply to `transactionACK`."""


Reply: TypeAlias = SubscribeReply | UnsubscribeReply | TransactionReply
Message: TypeAlias = Push | Connected | Pong | AckReply | Reply


class Unknown(msgspec.Struct):
    """As much of a message as tells what it was meant to be."""

    type: str | None = None
    id: str | None = None
    code: int = 0
    msg: str | None = None


decode: Final = msgspec.json.Decoder[Message](Message).decode
decode_unknown: Final = msgspec.json.Decoder(Unknown).decode
KNOWN_TYPES: Final = frozenset({"transaction", "connected", "pong", "subscribe", "unsubscribe", "getTxHash", "transactionACK"})
