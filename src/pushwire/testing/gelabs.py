"""Builders for gelabs: the transactions a stream delivers, and the messages the provider sends.

Defaults are the native transfer of the document's sample (seeds/002…, "transaction (real-time transaction push)"), with whole
addresses and a whole hash.
"""

from __future__ import annotations

from typing import Final, TypeAlias, TypedDict, Unpack

import msgspec

from ..core.effects import Identity, Scalar
from ..core.events import AckRefused, Delivery, Stale, SubscriptionRefused
from ..providers.gelabs import (
    CHAIN_IDS,
    Arrival,
    InternalCall,
    TokenTransfer,
    Topic,
    Transaction,
    UtxoInput,
    UtxoOutput,
)
from ..providers.gelabs.transactions import arrived, identify
from . import events

__all__ = [
    "ADDRESS",
    "OTHER_ADDRESS",
    "TX_HASH",
    "TransactionFields",
    "ack_refused",
    "connected",
    "message",
    "pong",
    "push",
    "stale",
    "subscription_refused",
    "transaction",
]

Json: TypeAlias = "dict[str, Json] | list[Json] | str | float | bool | None"

ADDRESS: Final = "0x1234567890abcdef1234567890abcdef12345678"
"""The address that is monitored where a test names none."""
OTHER_ADDRESS: Final = "0x567890abcdef1234567890abcdef123456789012"
TX_HASH: Final = "0x" + "abc123" * 10 + "abcd"
TIME: Final = 1_745_000_000_000
"""The document's sample time, POSIX milliseconds."""
TOPIC: Final = Topic("ethereum", ADDRESS)


class TransactionFields(TypedDict, total=False):
    """Every field of a `Transaction`, by its Python name."""

    chain_type: str
    tx_hash: str
    chain_id: int | None
    height: int | None
    tx_time: int | None
    tx_version: int | None
    sender: str | None
    fee_payer: str | None
    receiver: str | None
    transfer_type: str | None
    raw_gas_limit: str | None
    raw_gas_used: str | None
    raw_gas_price: str | None
    raw_max_fee_per_gas: str | None
    raw_max_priority_fee_per_gas: str | None
    raw_fee: str | None
    raw_nonce: str | None
    symbol: str | None
    decimals: int | None
    raw_amount: str | None
    tx_status: str | None
    method_id: str | None
    method_call: str | None
    l1_origin_hash: str | None
    inputs: tuple[UtxoInput, ...] | None
    outputs: tuple[UtxoOutput, ...] | None
    internal_calls: tuple[InternalCall, ...] | None
    token_transfers: tuple[TokenTransfer, ...] | None
    listen_addresses: tuple[str, ...] | None
    is_reorg_resend: bool | None
    received: float
    delivery: Delivery
    identity: Identity
    message_id: str | None
    sent: int | None


def transaction(**overrides: Unpack[TransactionFields]) -> Transaction:
    """A transaction as a stream delivers it. Its identity is the one its fields give, unless one is given.

    >>> transaction(tx_status="pending").identity.version
    ('pending', 21000000, False)
    """
    tx = Transaction(
        chain_type="ethereum",
        tx_hash=TX_HASH,
        chain_id=1,
        height=21_000_000,
        tx_time=TIME,
        sender=ADDRESS,
        fee_payer=ADDRESS,
        receiver=OTHER_ADDRESS,
        transfer_type="native",
        raw_gas_limit="21000",
        raw_gas_used="21000",
        raw_gas_price="20000000000",
        raw_max_fee_per_gas="30000000000",
        raw_max_priority_fee_per_gas="1000000000",
        raw_fee="420000000000000",
        raw_nonce="42",
        symbol="ETH",
        decimals=18,
        raw_amount="1000000000000000000",
        tx_status="success",
        inputs=(),
        outputs=(),
        listen_addresses=(ADDRESS,),
        is_reorg_resend=False,
    )
    ours: dict[str, object] = {}
    for name, value in overrides.items():
        if isinstance(value, Identity):
            ours |= {"key": value.key, "version": value.version}
        elif name in Arrival.__struct_fields__:
            ours[name] = value
        else:
            # Read-only to the type checkers alone.
            setattr(tx, name, value)
    arrival = Arrival(0.0, *identify(tx, CHAIN_IDS), "msg-tx-1", TIME)
    arrived((tx,), (msgspec.structs.replace(arrival, **ours),))
    return tx


def message(
    kind: str, data: Json = None, *, id: str = "msg-1", code: int = 0, msg: str = "success", time: int | None = TIME
) -> str:
    """Any message of the provider, as it is on the wire: a reply repeats the command's `id`, an error has a `code`.

    >>> message("getTxHash", id="cmd-003", code=404, msg="transaction not found", time=None)
    '{"id":"cmd-003","type":"getTxHash","code":404,"data":null,"msg":"transaction not found"}'
    """
    moment: dict[str, Json] = {} if time is None else {"time": time}
    return msgspec.json.encode({"id": id, **moment, "type": kind, "code": code, "data": data, "msg": msg}).decode()


def connected(*, client_id: str = "client-1", app_id: str = "app-1") -> str:
    """The greeting of an accepted connection."""
    return message("connected", {"clientId": client_id, "appId": app_id})


def pong(id: str) -> str:
    """The answer to the `ping` with this id."""
    return message("pong", id=id)


def push(**overrides: Unpack[TransactionFields]) -> str:
    """The wire message that is delivered as `transaction(**overrides)`, by a stream that has not seen it before."""
    tx = transaction(**overrides)
    data: Json = msgspec.json.decode(tx.dump())
    return message("transaction", data, id=tx.message_id or "", time=tx.sent)


def stale(topic: Topic = TOPIC, *, received: float = 0.0, since: float | None = None) -> Stale[Topic]:
    """Nothing arrived for `topic`, for a minute unless `since` is given."""
    return events.stale(topic, received=received, since=since)


def subscription_refused(
    topic: Topic = TOPIC, *, received: float = 0.0, code: int = 400, text: str = "address and chain_type required"
) -> SubscriptionRefused[Topic]:
    """After a reconnect gelabs refused to restore `topic`."""
    return events.subscription_refused(topic, received=received, code=code, text=text)


def ack_refused(
    key: tuple[Scalar, ...] = ("ethereum", 1, TX_HASH),
    *,
    received: float = 0.0,
    code: int = 400,
    text: str = "chain_type and messageId/txHash required",
) -> AckRefused:
    """gelabs answered an ACK with an error."""
    return events.ack_refused(key, received=received, code=code, text=text)
