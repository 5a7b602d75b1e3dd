"""One `Transaction` out of the provider's four spellings."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pushwire.core.effects import Identity
from pushwire.core.events import Malformed
from pushwire.providers import gelabs
from pushwire.providers.gelabs.messages import Push, decode
from pushwire.providers.gelabs.spellings import read_transaction
from tests.providers.gelabs import samples
from tests.providers.harness import expect

Fields = dict[str, Any]  # JSON

# Every field, by the name that each spelling has for it: ours, the list API's, V2's and the push's, DEX pools' and webhooks'.
NAMES: list[tuple[str, object, str | None, str, str | None]] = [
    ("chain_type", "ethereum", "chain_type", "chain_type", "chainType"),
    ("chain_id", 1, "chain_id", "chain_id", "chainId"),
    ("tx_hash", "0xabc", "tx_hash", "txhash", "txHash"),
    ("tx_time", 1_745_000_000, "tx_time", "txTime", "txTime"),
    ("tx_version", 0, "tx_version", "tx_version", None),
    ("height", 21_000_000, "height", "height", "height"),
    ("sender", "0x1", "sender", "sender", "sender"),
    ("receiver", "0x2", "receiver", "receiver", "receiver"),
    ("fee_payer", "0x3", "fee_payer", "fee_payer", "feePayer"),
    ("transfer_type", "token", "transfer_type", "transfer_type", "transferType"),
    ("symbol", "ETH", "symbol", "symbol", "symbol"),
    ("decimals", 18, "decimals", "decimals", "decimals"),
    ("raw_amount", "11", "amount", "amount", "amount"),
    ("raw_fee", "12", "tx_fee", "txFee", "txFee"),
    ("raw_gas_limit", "13", "gas_limit", "gasLimit", "gasLimit"),
    ("raw_gas_used", "14", "gas_used", "gasUsed", "gasUsed"),
    ("raw_gas_price", "15", "gas_price", "gasPrice", "gasPrice"),
    ("raw_max_fee_per_gas", "16", "max_fee_per_gas", "max_fee_per_gas", "maxFeePerGas"),
    ("raw_max_priority_fee_per_gas", "17", "max_priority_fee_per_gas", "max_priority_fee_per_gas", "maxPriorityFeePerGas"),
    ("raw_nonce", "18", "nonce", "nonce", "nonce"),
    ("tx_status", "success", "tx_status", "txStatus", "txStatus"),
    ("method_id", "0xa9059cbb", "method_id", "methodId", "methodId"),
    ("method_call", "transfer", "method_call", "methodCall", "methodCall"),
    ("l1_origin_hash", "0xl1", "l1_origin_hash", "l1OriginHash", None),
    ("listen_addresses", ("0x1",), None, "listenAddress", None),
    ("is_reorg_resend", True, None, "is_reorg_resend", None),
]
TOKEN_NAMES: list[tuple[str, object, str, str]] = [
    ("from_address", "0x1", "from_address", "from"),
    ("to_address", "0x2", "to_address", "to"),
    ("token_contract_address", "0x3", "token_contract_address", "tokenContractAddress"),
    ("symbol", "USDC", "symbol", "symbol"),
    ("raw_amount", "1000000", "amount", "amount"),
    ("decimals", 6, "decimals", "decimals"),
    ("is_from_contract", False, "is_from_contract", "isFromContract"),
    ("is_to_contract", True, "is_to_contract", "isToContract"),
    ("from_token_address", "a", "from_token_address", "fromTokenAddress"),
    ("to_token_address", "b", "to_token_address", "toTokenAddress"),
    ("mint", "m", "mint", "mint"),
    ("program_id", "p", "program_id", "programId"),
]
SPELLINGS = {"list": 2, "push": 3, "dex": 4}
ROWS = {  # by spelling: token rows, inputs, outputs, internal calls
    "list": ("token_transfers", "from_details", "to_details", "internal_transactions"),
    "push": ("tokenTransferDetails", "fromDetails", "toDetails", "internalTransactionDetails"),
    "dex": ("tokenTransferDetails", "fromDetails", "toDetails", "internalTransactionDetails"),
}


def read(fields: Fields) -> gelabs.Transaction:
    return expect(gelabs.Transaction, read_transaction(json.dumps(fields).encode()))


def problem(raw: bytes) -> str:
    malformed = expect(Malformed, read_transaction(raw))
    assert malformed.raw == raw
    return malformed.reason


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_field_is_read_in_every_spelling_that_has_it(spelling: str) -> None:
    column = SPELLINGS[spelling]
    fields = {str(row[column]): row[1] for row in NAMES if row[column] is not None}
    tx = read(fields)
    assert {row[0]: getattr(tx, row[0]) for row in NAMES if row[column] is not None} == {
        row[0]: row[1] for row in NAMES if row[column] is not None
    }


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_field_of_a_token_transfer_is_read_in_both_spellings(spelling: str) -> None:
    row = {names[2 if spelling == "list" else 3]: names[1] for names in TOKEN_NAMES}
    tx = read({"chain_type": "ethereum", "txhash": "0xabc", ROWS[spelling][0]: [row]})
    assert tx.token_transfers is not None
    (token,) = tx.token_transfers
    assert {names[0]: getattr(token, names[0]) for names in TOKEN_NAMES} == {names[0]: names[1] for names in TOKEN_NAMES}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_field_of_other_rows_is_read_in_the_spelling_of_the_list(spelling: str) -> None:
    _, inputs, outputs, calls = ROWS[spelling]
    one_input: Fields = {
        "address": "a",
        "amount": "7",
        "is_contract": False,
        "vin_index": "0",
        "pre_vout_index": "1",
        "ref_tx_hash": "c",
    }
    one_output: Fields = {"address": "b", "amount": "6", "is_contract": True, "vout_index": "2"}
    one_call: Fields = {
        "from_address": "a", "to_address": "b", "amount": "5", "tx_status": "success", "program_id": "p",
        "instr_index": 0, "depth": 1, "instruction": "transfer", "description": "moves",
    }  # fmt: skip
    tx = read({"chain_type": "e", "txhash": "0xabc", inputs: [one_input], outputs: [one_output], calls: [one_call]})
    one_input["raw_amount"], one_output["raw_amount"], one_call["raw_amount"] = (
        row.pop("amount") for row in (one_input, one_output, one_call)
    )
    assert tx.inputs == (gelabs.UtxoInput(**one_input),)
    assert tx.outputs == (gelabs.UtxoOutput(**one_output),)
    assert tx.internal_calls == (gelabs.InternalCall(**one_call),)


def sample(body: bytes, *way: str | int) -> bytes:
    """The transaction in a sample reply that this way leads to."""
    found: Any = json.loads(body)
    for step in ("data", *way):
        found = found[step]
    return json.dumps(found).encode()


def test_the_samples_of_list_and_detail_api_and_push_are_one_transaction() -> None:
    listed = expect(gelabs.Transaction, read_transaction(sample(samples.QUERY_REPLY, 0)))
    detailed = expect(gelabs.Transaction, read_transaction(sample(samples.DETAIL_REPLY)))
    pushed = expect(Push, decode(samples.PUSH)).data
    assert pushed is not None
    assert listed.key() == detailed.key() == pushed.key() == ("ethereum", 1, "0xabc123...")
    assert listed.time == detailed.time == pushed.time == datetime(2025, 4, 18, 18, 13, 20, tzinfo=UTC)
    for name in ("sender", "receiver", "amount", "symbol", "decimals", "value", "tx_status", "transfer_type", "height"):
        assert getattr(listed, name) == getattr(detailed, name) == getattr(pushed, name), name
    for name in pushed.__struct_fields__:
        # The push has null where the detail API has empty lists, and the other way round.
        assert (getattr(pushed, name) or None) == (getattr(detailed, name) or None) or name == "listen_addresses", name


def test_the_sample_of_a_pool_is_read() -> None:
    tx = expect(gelabs.Transaction, read_transaction(sample(samples.TRADES_REPLY, "items", 0)))
    assert (tx.chain_type, tx.chain_id, tx.tx_hash, tx.transfer_type) == ("ethereum", 1, "0x...", "token")
    assert (tx.fee, tx.gas_price, tx.max_fee_per_gas, tx.amount) == (21_000_000_000_000, 10**9, None, 0)
    assert tx.time == datetime(2024, 3, 9, 16, 0, tzinfo=UTC)
    assert tx.token_transfers is not None
    (token,) = tx.token_transfers
    assert (token.amount, token.mint, token.program_id, token.from_token_address, token.to_token_address) == (10**6, *[None] * 4)


@pytest.mark.parametrize(
    "chain_id, chain_type",
    [
        (1, "ethereum"),
        (56, "bsc"),
        (137, "polygon"),
        (42161, "arbitrum"),
        (10, "optimism"),
        (8453, "base"),
        (7, "evm"),
        (None, "evm"),
    ],
)
def test_the_id_tells_which_chain_is_meant_by_evm(chain_id: int | None, chain_type: str) -> None:
    assert read({"chainType": "evm", "chainId": chain_id, "txHash": "0x1"}).chain_type == chain_type


def test_undefined_fields_are_left_out_and_null_ones_kept_and_both_are_none() -> None:
    bare = {"chainType": "evm", "chainId": 1, "txHash": "0x1"}
    assert read({**bare, "sender": None, "nonce": None, "tokenTransferDetails": None}).sender is None
    assert read(bare).sender is None


def test_what_stands_under_the_pushs_own_name_goes_first_unless_it_is_none() -> None:
    both = {"chain_type": "ethereum", "txhash": "0x1", "tx_hash": "0x2", "txStatus": None, "tx_status": "failed"}
    tx = read(both)
    assert (tx.tx_hash, tx.tx_status) == ("0x1", "failed")


def test_it_came_by_no_stream_and_a_peer_cannot_say_otherwise() -> None:
    forged = {"(set by pushwire) arrival": {"received": 5.0, "delivery": "reorg", "sent": 7}, "sent": 7}
    tx = read({"chain_type": "ethereum", "tx_hash": "0x1", **forged})
    assert (tx.received, tx.delivery, tx.identity, tx.message_id, tx.sent) == (0.0, "new", Identity((), ()), None, None)


def test_the_key_is_the_one_of_the_ledger() -> None:
    tx = read({"chain_type": "Ethereum", "tx_hash": "0xABC"})
    assert tx.key() == ("ethereum", 1, "0xabc")
    assert tx.key({}) == ("ethereum", None, "0xabc")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"5",
        b"null",
        b"{}",
        b'{"chain_type":"e"}',
        b'{"chain_type":"e","tx_hash":""}',
        b'{"chain_type":"e","tx_hash":"\xff"}',
        b'{"chain_type":"e","tx_hash":"1","height":1e999}',
        b'{"chain_type":"e","tx_hash":"1","decimals":true}',
        b'{"chain_type":"e","tx_hash":"1","amount":5}',
        b'{"chain_type":"e","tx_hash":"1","amount":"NaN"}',
        b'{"chain_type":"e","tx_hash":"1","tx_fee":"1e5"}',
        b'{"chain_type":"e","tx_hash":"1","nonce":"1_000"}',
        b'{"chain_type":"e","tx_hash":"1","token_transfers":5}',
        b'{"chain_type":"e","tx_hash":"1","token_transfers":[5]}',
        b'{"chain_type":"e","tx_hash":"1","token_transfers":[{"amount":"-1"}]}',
        b'{"chain_type":"e","tx_hash":"1","tx_time":-1}',
        b'{"chain_type":"e","tx_hash":"1","height":' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=lambda raw: repr(raw[-40:]),
)
def test_what_is_no_transaction_is_malformed_and_kept(raw: bytes) -> None:
    assert problem(raw)


def test_a_dump_has_the_pushs_spelling_however_it_came() -> None:
    tx = expect(gelabs.Transaction, read_transaction(sample(samples.TRADES_REPLY, "items", 0)))
    again = expect(Push, decode(f'{{"type":"transaction","data":{tx.dump()}}}')).data
    assert again is not None
    assert again.key() == tx.key()
    assert again.token_transfers == tx.token_transfers
