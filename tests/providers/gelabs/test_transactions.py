"""Transactions: every field and shape of the document, and nothing that a peer could set in our place."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import Any

import pytest

from pushwire.core.effects import Identity
from pushwire.core.events import Malformed
from pushwire.providers import gelabs
from pushwire.providers.gelabs.messages import Push, decode
from pushwire.providers.gelabs.topics import CHAIN_IDS
from pushwire.providers.gelabs.transactions import identify
from pushwire.testing import gelabs as build
from tests.providers.gelabs.harness import Client
from tests.providers.harness import WALL, expect

Fields = dict[str, Any]  # JSON

SPARSE: Fields = {"chain_type": "ethereum", "txhash": "0xabc"}
TOKEN_ROW: Fields = {
    "from": "sender",
    "to": "receiver",
    "isFromContract": False,
    "isToContract": True,
    "tokenContractAddress": "contract",
    "symbol": "USDC",
    "amount": "1500000",
    "decimals": 6,
    "fromTokenAddress": "from-account",
    "toTokenAddress": "to-account",
    "mint": "mint",
    "programId": "program",
}


def received(data: Fields, **envelope: Any) -> gelabs.Event:  # envelope fields, JSON
    """The one event that a push with this data becomes."""
    client = Client().ready()
    client.receive(json.dumps({"id": "msg-1", "type": "transaction", "code": 0, "data": data, "msg": "success", **envelope}))
    (event,) = client.take_events()
    return event


def transaction(data: Fields, **envelope: Any) -> gelabs.Transaction:  # envelope fields, JSON
    return expect(gelabs.Transaction, received({**SPARSE, **data}, **envelope))


def problem(data: Fields) -> str:
    return expect(Malformed, received({**SPARSE, **data})).reason


# Shapes


def test_a_transaction_needs_no_more_than_its_chain_and_its_hash() -> None:
    tx = transaction({})
    ours = {"arrival", "chain_type", "tx_hash"}
    rest = {name: getattr(tx, name) for name in tx.__struct_fields__ if name not in ours}
    assert set(rest.values()) <= {None, ""}
    assert (tx.amount, tx.value, tx.fee, tx.nonce, tx.time) == (None,) * 5


@pytest.mark.parametrize("missing", ["chain_type", "txhash"])
def test_a_transaction_without_its_chain_or_hash_is_malformed(missing: str) -> None:
    event = received({name: value for name, value in SPARSE.items() if name != missing})
    assert missing in expect(Malformed, event).reason


@pytest.mark.parametrize(
    "data", [None, [], "text", 5, {}, {"chain_type": "e", "txhash": ""}, {"chain_type": None, "txhash": "a"}]
)
def test_a_push_without_a_usable_transaction_is_malformed(data: object) -> None:
    client = Client().ready()
    raw = json.dumps({"id": "msg-1", "type": "transaction", "data": data})
    client.receive(raw)
    (event,) = client.take_events()
    assert expect(Malformed, event).raw == raw


def test_a_push_without_data_says_so() -> None:
    client = Client().ready()
    client.receive('{"type":"transaction"}')
    (event,) = client.take_events()
    assert expect(Malformed, event).reason == "a transaction without data"


def test_a_token_transfer_has_every_field() -> None:
    rows = transaction({"tokenTransferDetails": [TOKEN_ROW]}).token_transfers
    assert rows is not None
    (row,) = rows
    assert row == gelabs.TokenTransfer(
        from_address="sender",
        to_address="receiver",
        is_from_contract=False,
        is_to_contract=True,
        token_contract_address="contract",
        symbol="USDC",
        raw_amount="1500000",
        decimals=6,
        from_token_address="from-account",
        to_token_address="to-account",
        mint="mint",
        program_id="program",
    )
    assert (row.amount, row.value) == (1_500_000, Decimal("1.5"))


INPUT = gelabs.UtxoInput(address="bc1q", raw_amount="7", is_contract=False, vin_index="0", pre_vout_index="1", ref_tx_hash="cafe")
OUTPUT = gelabs.UtxoOutput(address="bc1p", raw_amount="6", is_contract=True, vout_index="2")
CALL = gelabs.InternalCall(
    from_address="a",
    to_address="b",
    raw_amount="5",
    tx_status="success",
    program_id="p",
    instr_index=0,
    depth=1,
    instruction="transfer",
    description="moves",
)
ROWS: list[tuple[str, str, object, Fields, Fields]] = [
    (
        "fromDetails",
        "inputs",
        INPUT,
        {"is_contract": False, "vin_index": "0", "pre_vout_index": "1", "ref_tx_hash": "cafe", "address": "bc1q", "amount": "7"},
        {"isContract": False, "vinIndex": "0", "preVoutIndex": "1", "refTxHash": "cafe", "address": "bc1q", "amount": "7"},
    ),
    (
        "toDetails",
        "outputs",
        OUTPUT,
        {"address": "bc1p", "amount": "6", "is_contract": True, "vout_index": "2"},
        {"address": "bc1p", "amount": "6", "isContract": True, "voutIndex": "2"},
    ),
    (
        "internalTransactionDetails",
        "internal_calls",
        CALL,
        {
            "from_address": "a", "to_address": "b", "amount": "5", "tx_status": "success", "program_id": "p",
            "instr_index": 0, "depth": 1, "instruction": "transfer", "description": "moves",
        },
        {
            "from": "a", "to": "b", "amount": "5", "txStatus": "success", "programId": "p",
            "instrIndex": 0, "depth": 1, "instruction": "transfer", "description": "moves",
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize("wire_name, name, expected, snake, camel", ROWS, ids=[row[1] for row in ROWS])
def test_rows_are_read_in_both_spellings(wire_name: str, name: str, expected: Any, snake: Fields, camel: Fields) -> None:
    for spelled in (snake, camel):
        assert getattr(transaction({wire_name: [spelled]}), name) == (expected,)
    assert expected.amount == int(snake["amount"])


def test_a_row_spelled_both_ways_keeps_what_the_list_api_calls_it() -> None:
    rows = transaction({"fromDetails": [{"is_contract": False, "isContract": True}]}).inputs
    assert rows == (gelabs.UtxoInput(is_contract=False),)


@pytest.mark.parametrize("wire_name", ["fromDetails", "toDetails", "internalTransactionDetails", "tokenTransferDetails"])
def test_a_wrong_amount_in_any_row_makes_the_push_malformed(wire_name: str) -> None:
    assert "amount in " in problem({wire_name: [{"amount": "5"}, {"amount": "1e5"}]})


def test_a_row_may_be_empty() -> None:
    tx = transaction({"fromDetails": [{}], "tokenTransferDetails": [{}]})
    assert (tx.inputs, tx.token_transfers) == ((gelabs.UtxoInput(),), (gelabs.TokenTransfer(),))


def test_a_solana_transfer_has_its_token_accounts_and_instructions() -> None:
    data = {
        "chain_type": "solana",
        "txhash": "5hXhash",
        "tx_version": 0,
        "tokenTransferDetails": [TOKEN_ROW],
        "internalTransactionDetails": [{"programId": "p", "depth": 1, "instruction": "transfer"}],
    }
    tx = transaction(data)
    assert tx.tx_version == 0
    assert [(row.mint, row.from_token_address) for row in tx.token_transfers or ()] == [("mint", "from-account")]
    assert [(row.program_id, row.depth) for row in tx.internal_calls or ()] == [("p", 1)]


def test_empty_strings_stay_as_they_came_and_numbers_of_them_are_none() -> None:
    tx = transaction({"methodId": "", "amount": "", "nonce": "", "symbol": None})
    assert (tx.method_id, tx.amount, tx.nonce, tx.symbol) == ("", None, None, None)


def test_unknown_fields_are_ignored_and_unknown_values_pass_through() -> None:
    tx = transaction({"txStatus": "dropped", "transfer_type": "nft", "chain_type": "newchain", "new": {"a": [1]}}, extra=1)
    assert (tx.tx_status, tx.transfer_type, tx.chain_type) == ("dropped", "nft", "newchain")


def test_the_l1_origin_hash_of_the_detail_api_is_read() -> None:
    assert transaction({"l1OriginHash": "0xl1"}).l1_origin_hash == "0xl1"


# Bounds


@pytest.mark.parametrize("decimals", [-1, 256, 18.5, "18", True, 10**30])
def test_decimals_out_of_range_are_malformed(decimals: object) -> None:
    assert "decimals" in problem({"decimals": decimals})
    assert "decimals" in problem({"tokenTransferDetails": [{"decimals": decimals}]})


@pytest.mark.parametrize("decimals", [0, 255])
def test_decimals_up_to_255_scale_exactly(decimals: int) -> None:
    tx = transaction({"decimals": decimals, "amount": str(2**256 - 1)})
    assert tx.value == Decimal(2**256 - 1).scaleb(-decimals, Context(prec=400))


@pytest.mark.parametrize("field", ["chain_id", "height"])
@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 10**400])
def test_numbers_of_the_identity_fit_64_bits(field: str, value: int) -> None:
    assert field in problem({field: value})
    assert getattr(transaction({field: 2**63 - 1}), field) == 2**63 - 1


# Times


def test_a_time_is_milliseconds_or_seconds_by_its_size() -> None:
    at = datetime(2025, 4, 18, 18, 13, 20, tzinfo=UTC)
    assert transaction({"txTime": 1_745_000_000_000}).time == at
    assert transaction({"txTime": 1_745_000_000}).time == at
    assert transaction({"txTime": 1_745_000_000_123}).time == at.replace(microsecond=123_000)


def test_the_times_at_the_ends_of_the_range_are_dates() -> None:
    for tx_time in (0, 10**11 - 1, 10**11, 253_402_300_799_999):
        tx = transaction({"txTime": tx_time})
        assert tx.tx_time == tx_time
        assert tx.time is not None
        assert tx.time.tzinfo is UTC


@pytest.mark.parametrize("tx_time", [-1, 253_402_300_800_000, "1745000000000", 1.5])
def test_a_time_that_is_no_date_is_malformed(tx_time: object) -> None:
    assert "txTime" in problem({"txTime": tx_time})


# Ours


def test_what_is_ours_is_set_by_us() -> None:
    tx = transaction({}, time=1_745_000_000_000)
    assert tx.received == 0.0
    assert tx.delivery == "new"
    assert tx.identity == Identity(("ethereum", 1, "0xabc"), (None, None, False))
    assert tx.message_id == "msg-1"
    assert tx.sent == int(WALL * 1000)


OURS = {
    "received": 99.0,
    "delivery": "reorg",
    "identity": {"key": ["forged"], "version": ["forged"]},
    "message_id": "forged",
    "sent": 5,
}


def test_a_peer_cannot_set_our_fields_in_a_push() -> None:
    forged = {**OURS, "arrival": OURS, "(set by pushwire) arrival": OURS}
    assert transaction(forged) == transaction({})


def test_a_peer_cannot_set_our_fields_in_the_reply_to_a_command() -> None:
    client = Client().ready()
    forged = {**OURS, "arrival": OURS, "(set by pushwire) arrival": OURS}
    for data in ({**SPARSE, **forged}, SPARSE):
        client.submit(gelabs.GetTransaction("ethereum", 1, "0xabc"))
        client.receive(json.dumps({"id": client.take_frames()[0]["id"], "type": "getTxHash", "code": 0, "data": data}))
    one, other = (settled.reply for settled in client.take_settled())
    assert one == other
    assert expect(gelabs.Transaction, one).delivery == "new"


# Dump


def test_a_dump_holds_what_the_provider_sent_in_its_own_spelling() -> None:
    data = {
        **SPARSE,
        "txTime": 1_745_000_000_000,
        "txStatus": "success",
        "is_reorg_resend": False,
        "listenAddress": ["0x1"],
        "fromDetails": [{"address": "bc1q", "vin_index": "0"}],
        "toDetails": [],
        "tokenTransferDetails": [TOKEN_ROW],
        "internalTransactionDetails": [{"from_address": "a", "depth": 1}],
    }
    assert json.loads(transaction({**data, "amount": None, "sender": None}).dump()) == data


@pytest.mark.parametrize("message", [build.push(), build.push(inputs=(INPUT,), outputs=(OUTPUT,), internal_calls=(CALL,))])
def test_a_dump_decodes_to_the_same_transaction(message: str) -> None:
    first = expect(Push, decode(message)).data
    assert first is not None
    second = expect(Push, decode(f'{{"type":"transaction","data":{first.dump()}}}')).data
    assert first == second


# Identity


def test_the_identity_is_the_same_however_an_evm_hash_or_chain_is_spelled() -> None:
    keys = {
        identify(gelabs.Transaction(chain_type=chain, tx_hash=tx_hash, chain_id=chain_id), CHAIN_IDS)[0]
        for chain, tx_hash, chain_id in [("ethereum", "0xabc", 1), ("Ethereum", "0xABC", None), ("ETHEREUM", "0XaBc", 1)]
    }
    assert keys == {("ethereum", 1, "0xabc")}


def test_the_identity_keeps_the_case_of_base58_hashes() -> None:
    key = identify(gelabs.Transaction(chain_type="solana", tx_hash="5hXAbc"), CHAIN_IDS)[0]
    assert key == ("solana", 1, "5hXAbc")


def test_a_chain_that_nobody_knows_has_no_id() -> None:
    tx = gelabs.Transaction(chain_type="newchain", tx_hash="0x1")
    assert identify(tx, CHAIN_IDS)[0] == ("newchain", None, "0x1")
    assert identify(tx, {"newchain": 7})[0] == ("newchain", 7, "0x1")


def test_status_height_and_reorg_make_the_version() -> None:
    versions = {
        build.transaction(tx_status=status, height=height, is_reorg_resend=reorg).identity.version
        for status in ("pending", "success")
        for height in (1, 2)
        for reorg in (False, True)
    }
    assert len(versions) == 8
    assert build.transaction(is_reorg_resend=None).identity == build.transaction(is_reorg_resend=False).identity
