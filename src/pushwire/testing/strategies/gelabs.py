"""Events of gelabs."""

from __future__ import annotations

import functools
from typing import Final, Unpack, cast

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ...providers.gelabs import CHAIN_IDS, Event, InternalCall, TokenTransfer, Topic, Transaction, UtxoInput, UtxoOutput
from ..gelabs import TransactionFields, transaction
from . import parts
from .control import control

__all__ = ["addresses", "events", "topics", "transactions"]

EVM: Final = ("ethereum", "bsc", "polygon", "arbitrum", "optimism", "base")
BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@functools.cache
def addresses(chain_type: str = "ethereum") -> SearchStrategy[str]:
    """Addresses as they look on a chain; case means something on those that are not EVM's."""
    if chain_type in EVM:
        return st.text(parts.HEXADECIMAL, min_size=40, max_size=40).map("0x{}".format)
    return st.text(BASE58, min_size=32, max_size=44)


def topics() -> SearchStrategy[Topic]:
    """What can be subscribed to."""
    return st.one_of([st.builds(Topic, st.just(chain), addresses(chain)) for chain in sorted(CHAIN_IDS)])


def _hashes(chain_type: str) -> SearchStrategy[str]:
    if chain_type in EVM:
        return st.text(parts.HEXADECIMAL, min_size=64, max_size=64).map("0x{}".format)
    return st.text(BASE58, min_size=64, max_size=88)


def _rows(chain_type: str) -> dict[str, SearchStrategy[object]]:
    there, amounts = parts.maybe(addresses(chain_type)), parts.maybe(parts.UINT256_TEXTS)
    flags, words = st.none() | st.booleans(), parts.maybe(parts.TEXTS)
    decimals = st.none() | st.integers(0, 30)
    transfers = st.builds(
        TokenTransfer,
        raw_amount=amounts,
        from_address=there,
        to_address=there,
        is_from_contract=flags,
        is_to_contract=flags,
        token_contract_address=there,
        symbol=words,
        decimals=decimals,
        from_token_address=there,
        to_token_address=there,
        mint=there,
        program_id=there,
    )
    inputs = st.builds(
        UtxoInput, raw_amount=amounts, address=there, is_contract=flags, vin_index=words, pre_vout_index=words, ref_tx_hash=words
    )
    outputs = st.builds(UtxoOutput, raw_amount=amounts, address=there, is_contract=flags, vout_index=words)
    calls = st.builds(
        InternalCall,
        raw_amount=amounts,
        from_address=there,
        to_address=there,
        tx_status=st.none() | st.sampled_from(["success", "failed"]),
        program_id=there,
        instr_index=st.none() | st.integers(0, 100),
        depth=st.none() | st.integers(0, 10),
        instruction=words,
        description=words,
    )
    several = {"inputs": inputs, "outputs": outputs, "internal_calls": calls, "token_transfers": transfers}
    return {name: st.none() | st.lists(row, max_size=2).map(tuple) for name, row in several.items()}


@functools.cache
def _fields(chain_type: str) -> SearchStrategy[TransactionFields]:
    there, words, numbers = parts.maybe(addresses(chain_type)), parts.maybe(parts.TEXTS), st.just("") | parts.UINT256_TEXTS
    drawn: dict[str, SearchStrategy[object]] = {
        "chain_type": st.just(chain_type),
        "chain_id": st.sampled_from([None, CHAIN_IDS.get(chain_type)]),
        "tx_hash": _hashes(chain_type),
        "height": st.none() | st.integers(0, 10**9),
        "tx_time": st.none() | parts.moments() | parts.moments().map(lambda at: at * 1000),
        "tx_version": st.none() | st.integers(0, 2),
        **dict.fromkeys(("sender", "fee_payer", "receiver"), there),
        "transfer_type": st.none() | st.sampled_from(["native", "token"]) | parts.TEXTS,
        **dict.fromkeys(
            (
                "raw_gas_limit",
                "raw_gas_used",
                "raw_gas_price",
                "raw_max_fee_per_gas",
                "raw_max_priority_fee_per_gas",
                "raw_fee",
                "raw_nonce",
                "raw_amount",
            ),
            numbers,
        ),
        **dict.fromkeys(("symbol", "method_id", "method_call", "l1_origin_hash"), words),
        "decimals": st.none() | st.integers(0, 30),
        "tx_status": st.none() | st.sampled_from(["pending", "success", "failed"]) | parts.TEXTS,
        "listen_addresses": st.none() | st.lists(addresses(chain_type), max_size=3).map(tuple),
        "is_reorg_resend": st.none() | st.booleans(),
        "received": parts.received(None),
        "delivery": st.sampled_from(["new", "update", "reorg", "redelivery"]),
        "message_id": parts.TEXTS.map("msg-{}".format),
        "sent": st.none() | parts.moments().map(lambda at: at * 1000),
        **_rows(chain_type),
    }
    return cast("SearchStrategy[TransactionFields]", st.fixed_dictionaries(drawn))


def transactions(**fixed: Unpack[TransactionFields]) -> SearchStrategy[Transaction]:
    """Transactions of all chains, with all that may come in one and much that may be missing."""

    def made(fields: TransactionFields) -> Transaction:
        fields.update(fixed)
        return transaction(**fields)

    chains = [fixed["chain_type"]] if "chain_type" in fixed else sorted(CHAIN_IDS)
    return st.one_of(list(map(_fields, chains))).map(made)


def events() -> SearchStrategy[Event]:
    """Whatever a gelabs stream delivers."""
    return parts.either(transactions(), control(topics()))
