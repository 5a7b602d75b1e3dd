"""The other spellings of a transaction made into the push's (providers/gelabs.md, 6): the list API's, and that of DEX pools and
webhooks. The detail API's is the push's.

Pushes never come this way: they are decoded at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias, TypeGuard

import msgspec

from ...core.events import Malformed
from ...core.runs import MISFITS
from .topics import CHAIN_IDS
from .transactions import ASKED_FOR, Transaction, arrived, numbers_problem

__all__ = ["TransactionRow", "read_transaction"]

TransactionRow: TypeAlias = Transaction | Malformed

_Json: TypeAlias = dict[str, object]

_LIST: Final = {
    "tx_hash": "txhash",
    "tx_time": "txTime",
    "tx_status": "txStatus",
    "tx_fee": "txFee",
    "gas_limit": "gasLimit",
    "gas_used": "gasUsed",
    "gas_price": "gasPrice",
    "method_id": "methodId",
    "method_call": "methodCall",
    "l1_origin_hash": "l1OriginHash",
    "from_details": "fromDetails",
    "to_details": "toDetails",
    "internal_transactions": "internalTransactionDetails",
    "token_transfers": "tokenTransferDetails",
}
_DEX: Final = {
    "chainType": "chain_type",
    "chainId": "chain_id",
    "txHash": "txhash",
    "feePayer": "fee_payer",
    "transferType": "transfer_type",
    "maxFeePerGas": "max_fee_per_gas",
    "maxPriorityFeePerGas": "max_priority_fee_per_gas",
}
TRANSACTION_NAMES: Final[Mapping[str, str]] = MappingProxyType({**_LIST, **_DEX})
"""What the push calls the fields of a transaction that are called otherwise elsewhere."""
TOKEN_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "from_address": "from",
        "to_address": "to",
        "token_contract_address": "tokenContractAddress",
        "is_from_contract": "isFromContract",
        "is_to_contract": "isToContract",
        "from_token_address": "fromTokenAddress",
        "to_token_address": "toTokenAddress",
        "program_id": "programId",
    }
)
"""The same for the fields of a token transfer. Other rows are read in both spellings wherever they come."""

EVM_CHAINS: Final[Mapping[int, str]] = MappingProxyType(
    {number: name for name, number in CHAIN_IDS.items() if name not in {"solana", "tron", "bitcoin"}}
)
"""DEX pools give `evm` for the chain's name: the id tells which of them it is."""


def read_transaction(raw: bytes) -> TransactionRow:
    """The transaction in a JSON object of any of the spellings, or what is wrong with it. It came outside a stream: nothing is to
    be ACKed, and its `received` is 0.0."""
    try:
        fields: object = msgspec.json.decode(raw)
        tx = msgspec.convert(as_pushed(fields) if _is_object(fields) else fields, Transaction)
    except MISFITS as error:
        return Malformed(0.0, raw, str(error))
    problem = numbers_problem(tx)
    if problem is not None:
        return Malformed(0.0, raw, problem)
    arrived((tx,), (ASKED_FOR,))
    return tx


def as_pushed(fields: _Json) -> _Json:
    """The same object with the push's names."""
    tx = _renamed(fields, TRANSACTION_NAMES)
    rows = tx.get("tokenTransferDetails")
    if _is_list(rows):
        tx["tokenTransferDetails"] = [_renamed(row, TOKEN_NAMES) if _is_object(row) else row for row in rows]
    kind, chain, number = tx.get("transfer_type"), tx.get("chain_type"), tx.get("chain_id")
    if isinstance(kind, str):
        # DEX pools write `Token`.
        tx["transfer_type"] = kind.lower()
    if chain == "evm" and isinstance(number, int):
        tx["chain_type"] = EVM_CHAINS.get(number, chain)
    return tx


def _renamed(fields: _Json, names: Mapping[str, str]) -> _Json:
    """What stands under the push's own name goes before what stands under another, unless it is none."""
    renamed = {name: value for name, value in fields.items() if name not in names}
    for name, value in fields.items():
        pushed = names.get(name)
        if pushed is not None and renamed.get(pushed) is None:
            renamed[pushed] = value
    return renamed


def _is_object(value: object) -> TypeGuard[_Json]:
    # JSON objects have no other keys.
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)
