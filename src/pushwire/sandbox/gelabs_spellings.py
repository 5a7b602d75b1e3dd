"""A push's data in the spellings that gelabs' REST API has for it (providers/gelabs.md, 6): the provider's own confusion, written
down a second time, so that a mistake in the client's reading of it shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from .gelabs_transactions import Data

__all__ = ["as_listed", "as_traded"]

LISTED: Final = {
    "txhash": "tx_hash",
    "txTime": "tx_time",
    "txStatus": "tx_status",
    "txFee": "tx_fee",
    "gasLimit": "gas_limit",
    "gasUsed": "gas_used",
    "gasPrice": "gas_price",
    "methodId": "method_id",
    "methodCall": "method_call",
    "fromDetails": "from_details",
    "toDetails": "to_details",
    "internalTransactionDetails": "internal_transactions",
    "tokenTransferDetails": "token_transfers",
}
LISTED_TOKENS: Final = {
    "from": "from_address",
    "to": "to_address",
    "isFromContract": "is_from_contract",
    "isToContract": "is_to_contract",
    "tokenContractAddress": "token_contract_address",
    "fromTokenAddress": "from_token_address",
    "toTokenAddress": "to_token_address",
    "programId": "program_id",
}
TRADED: Final = {
    "txhash": "txHash",
    "fee_payer": "feePayer",
    "transfer_type": "transferType",
    "max_fee_per_gas": "maxFeePerGas",
    "max_priority_fee_per_gas": "maxPriorityFeePerGas",
    "chain_type": "chainType",
    "chain_id": "chainId",
}
PUSHED_ALONE: Final = frozenset({"listenAddress", "is_reorg_resend"})
NOT_TRADED: Final = frozenset({"fromTokenAddress", "toTokenAddress", "mint", "programId"})


def _renamed(data: Mapping[str, object], names: Mapping[str, str], without: frozenset[str]) -> Data:
    return {names.get(name, name): value for name, value in data.items() if name not in without}


def _rows(value: object) -> list[Data]:
    return cast("list[Data]", value or [])


def as_listed(data: Data) -> Data:
    """As the list queries have it: snake case, times in seconds."""
    listed = _renamed(data, LISTED, PUSHED_ALONE)
    _in_seconds(listed, "tx_time")
    rows = [_renamed(row, LISTED_TOKENS, frozenset()) for row in _rows(data.get("tokenTransferDetails"))]
    return listed | {"token_transfers": rows, "internal_transactions": _rows(data.get("internalTransactionDetails"))}


def as_traded(data: Data) -> Data:
    """As a pool's trades have it: camel case, times in seconds, `Token` with a capital, and tokens without their accounts."""
    traded = _renamed(data, TRADED, PUSHED_ALONE)
    _in_seconds(traded, "txTime")
    traded["transferType"] = str(data.get("transfer_type") or "").capitalize()
    rows = [_renamed(row, {}, NOT_TRADED) for row in _rows(data.get("tokenTransferDetails"))]
    return traded | {"tokenTransferDetails": rows}


def _in_seconds(row: Data, name: str) -> None:
    time = row.get(name)
    if isinstance(time, int):
        row[name] = time // 1000
