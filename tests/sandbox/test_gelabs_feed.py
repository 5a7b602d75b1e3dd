"""The transactions that the sandbox's gelabs makes up: shapes, versions, and their shares."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from pushwire.providers.gelabs.messages import Push, decode
from pushwire.sandbox.gelabs_book import identify
from pushwire.sandbox.gelabs_feed import Feed, Mix
from pushwire.sandbox.gelabs_transactions import CHAINS, Data, Watched, new_address, new_transaction
from pushwire.sandbox.slots import Slots

FULL = {
    "chain_type", "chain_id", "height", "txTime", "txhash", "sender", "fee_payer", "receiver", "transfer_type", "gasLimit",
    "gasUsed", "gasPrice", "max_fee_per_gas", "max_priority_fee_per_gas", "txFee", "nonce", "symbol", "decimals", "amount",
    "txStatus", "methodId", "methodCall", "fromDetails", "toDetails", "internalTransactionDetails", "tokenTransferDetails",
    "listenAddress", "is_reorg_resend",
}  # fmt: skip
TOKEN_ROW = {
    "from", "to", "isFromContract", "isToContract", "tokenContractAddress", "symbol", "amount", "decimals", "fromTokenAddress",
    "toTokenAddress", "mint", "programId",
}  # fmt: skip


def feed(rate: float = 10.0, **mix: float) -> Feed:
    return Feed(Slots(rate), Mix(**mix), random.Random(3))


def take(feed: Feed, until: float, chain: str = "ethereum", address: str = "0xaa") -> list[Data]:
    feed.slots.start(0.0)
    out: list[Data] = []
    while (now := feed.slots.next_deadline()) <= until:
        out += [produced.data for produced in feed.take(now, [(0, Watched(chain, address))], 1e9 + now)]
    return out


def made(chain: str, count: int = 200, sparse: float = 0.0) -> list[dict[str, Any]]:  # rows are read as a client reads them
    rng = random.Random(5)
    watched = Watched(chain, new_address(chain, rng))
    return [new_transaction(watched, 1_745_000_000.0, rng, sparse_share=sparse) for _ in range(count)]


@pytest.mark.parametrize("chain", CHAINS)
def test_every_transaction_has_the_fields_of_the_sample_in_milliseconds(chain: str) -> None:
    for data in made(chain):
        assert set(data) == FULL
        assert (data["chain_id"], data["txTime"]) == (CHAINS[chain].chain_id, 1_745_000_000_000)
        assert isinstance(data["amount"], str)


@pytest.mark.parametrize("chain", [*CHAINS, "some-new-chain"])
def test_the_client_understands_every_one(chain: str) -> None:
    for data in made(chain, sparse=0.3):
        text = msgspec.json.encode({"id": "m", "type": "transaction", "code": 0, "data": data, "msg": "success"}).decode()
        assert isinstance(decode(text), Push)


def test_token_transfers_have_their_row() -> None:
    tokens = [data for data in made("ethereum") if data["transfer_type"] == "token"]
    assert tokens
    for data in tokens:
        [row] = data["tokenTransferDetails"]
        assert set(row) == TOKEN_ROW
        assert data["listenAddress"][0] in {row["from"], row["to"]}


def test_sparse_token_transfers_are_the_second_sample() -> None:
    sparse = [data for data in made("ethereum", sparse=1.0) if data["transfer_type"] == "token"]
    fields = {"chain_type", "txhash", "transfer_type", "tokenTransferDetails", "listenAddress", "is_reorg_resend"}
    assert all(set(data) == fields for data in sparse)


def test_bitcoin_has_inputs_and_outputs_that_add_up() -> None:
    for data in made("bitcoin"):
        [spent] = data["fromDetails"]
        assert set(spent) == {"address", "amount", "is_contract", "vin_index", "pre_vout_index", "ref_tx_hash"}
        assert all(set(out) == {"address", "amount", "is_contract", "vout_index"} for out in data["toDetails"])
        assert int(spent["amount"]) == sum(int(out["amount"]) for out in data["toDetails"]) + int(data["txFee"])


def test_solana_has_mints_and_instructions() -> None:
    rows = [row for data in made("solana") for row in data["tokenTransferDetails"] or ()]
    assert rows
    assert all(row["mint"] and row["programId"] and row["fromTokenAddress"] for row in rows)
    assert all(data["internalTransactionDetails"][0]["instr_index"] == 0 for data in made("solana"))


def test_some_amounts_have_78_digits() -> None:
    rows = [row for data in made("ethereum", 2_000) for row in data["tokenTransferDetails"] or ()]
    assert max(len(row["amount"]) for row in rows) == 78


def test_a_pending_one_is_confirmed_under_the_same_key_with_a_height() -> None:
    out = take(feed(pending=1.0, failed=0.0, reorg=0.0, sparse=0.0), 30.0)
    by_hash: dict[object, list[Data]] = {}
    for data in out:
        by_hash.setdefault(data["txhash"], []).append(data)
    pairs = [versions for versions in by_hash.values() if len(versions) > 1]
    assert len(pairs) > 100
    for first, second in pairs:
        assert (first["txStatus"], first["height"]) == ("pending", None)
        assert second["txStatus"] == "success"
        assert isinstance(second["height"], int)
        assert identify(first).key == identify(second).key
        assert identify(first).version != identify(second).version


def test_failed_ones_say_so() -> None:
    assert {data["txStatus"] for data in take(feed(pending=0.0, failed=1.0, reorg=0.0, sparse=0.0), 5.0)} == {"failed"}


def test_reorganised_ones_come_again_higher() -> None:
    out = take(feed(pending=0.0, failed=0.0, reorg=1.0, sparse=0.0), 30.0)
    heights = {data["txhash"]: data["height"] for data in out if not data["is_reorg_resend"]}
    again = [data for data in out if data["is_reorg_resend"]]
    assert len(again) > 100
    assert all(isinstance(d["height"], int) and d["height"] > int(str(heights[d["txhash"]])) for d in again)


def test_no_version_is_produced_twice() -> None:
    out = take(feed(rate=100.0, reorg=0.3), 60.0)
    assert len({identify(data) for data in out}) == len(out) == 6_000


def test_slots_do_not_drift() -> None:
    assert len(take(feed(rate=3.0), 1_000.1)) == 3_000


def test_a_feed_that_fell_behind_catches_up_in_batches() -> None:
    late = feed(rate=1_000.0)
    late.slots.start(0.0)
    watched = [(0, Watched("base", "0xaa"))]
    assert len(list(late.take(2.0, watched, 1e9))) == 500
    assert list(late.take(2.0, watched, 1e9)) == []
    assert late.slots.next_deadline() == pytest.approx(2.01)


def test_a_stopped_feed_and_one_without_a_rate_never_wake() -> None:
    stopped, off = feed(), feed(rate=0.0)
    stopped.slots.start(0.0)
    stopped.slots.stop()
    stopped.slots.start(1.0)
    off.slots.start(0.0)
    assert stopped.slots.next_deadline() == off.slots.next_deadline() == float("inf")
