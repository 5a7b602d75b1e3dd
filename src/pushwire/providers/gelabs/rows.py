"""The rows inside a gelabs transaction: token transfers, UTXO inputs and outputs, internal calls.

The push's spelling of UTXO and internal rows is not documented: both are read, `camel_…` is the other one. Other spellings of a
token transfer are made into this one by `spellings`.
"""

from __future__ import annotations

from decimal import Decimal

from ...core.values import Decimals, Value, integer, scaled

__all__ = ["InternalCall", "Row", "TokenTransfer", "UtxoInput", "UtxoOutput"]


class Row(Value, rename={"raw_amount": "amount"}, omit_defaults=True):
    """What all rows have."""

    raw_amount: str | None = None

    @property
    def amount(self) -> int | None:
        """In the smallest unit."""
        return integer(self.raw_amount)


class TwinRow(Row):
    """A row whose spelling is not documented."""

    def __post_init__(self) -> None:
        # What came in the camel spelling moves to the field that users read.
        for name in self.__struct_fields__:
            if name.startswith("camel_") and (value := getattr(self, name)) is not None:
                field = name.removeprefix("camel_")
                if getattr(self, field) is None:
                    setattr(self, field, value)
                setattr(self, name, None)


class TokenTransfer(Row, rename={
    "from_address": "from",
    "to_address": "to",
    "is_from_contract": "isFromContract",
    "is_to_contract": "isToContract",
    "token_contract_address": "tokenContractAddress",
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
    decimals: Decimals | None = None
    from_token_address: str | None = None
    to_token_address: str | None = None
    mint: str | None = None
    program_id: str | None = None

    @property
    def value(self) -> Decimal | None:
        """`amount` scaled by `decimals`, exact."""
        return scaled(self.amount, self.decimals)


class UtxoInput(TwinRow, rename={
    "camel_is_contract": "isContract",
    "camel_vin_index": "vinIndex",
    "camel_pre_vout_index": "preVoutIndex",
    "camel_ref_tx_hash": "refTxHash",
}):  # fmt: skip
    """An input of a UTXO transaction."""

    address: str | None = None
    is_contract: bool | None = None
    vin_index: str | None = None
    pre_vout_index: str | None = None
    ref_tx_hash: str | None = None
    camel_is_contract: bool | None = None
    camel_vin_index: str | None = None
    camel_pre_vout_index: str | None = None
    camel_ref_tx_hash: str | None = None


class UtxoOutput(TwinRow, rename={
    "camel_is_contract": "isContract",
    "camel_vout_index": "voutIndex",
}):  # fmt: skip
    """An output of a UTXO transaction."""

    address: str | None = None
    is_contract: bool | None = None
    vout_index: str | None = None
    camel_is_contract: bool | None = None
    camel_vout_index: str | None = None


class InternalCall(TwinRow, rename={
    "camel_from_address": "from",
    "camel_to_address": "to",
    "camel_tx_status": "txStatus",
    "camel_program_id": "programId",
    "camel_instr_index": "instrIndex",
}):  # fmt: skip
    """An internal call, or a Solana instruction, whose `amount` is in the unit of what its program moves."""

    from_address: str | None = None
    to_address: str | None = None
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
