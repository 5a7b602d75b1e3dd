"""When two transactions are the same, which of their numbers are looked at, and what of them is ours."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.events import Malformed
from pushwire.core.values import MILLISECONDS_FROM
from pushwire.providers import gelabs
from pushwire.providers.gelabs.messages import Push, decode
from pushwire.providers.gelabs.transactions import arrived, identify, identify_all
from pushwire.testing import gelabs as build
from tests.providers.gelabs.harness import Client
from tests.providers.harness import expect

KEY, OTHER = ("ethereum", 1, "0xab"), ("ethereum", 1, "0xcd")
VERSION, LATER = ("success", 7, False), ("success", 8, False)

NUMBERS = (
    "raw_amount",
    "raw_fee",
    "raw_gas_limit",
    "raw_gas_used",
    "raw_gas_price",
    "raw_max_fee_per_gas",
    "raw_max_priority_fee_per_gas",
    "raw_nonce",
)


def delivered(key: tuple[str, int, str] = KEY, version: tuple[str, int, bool] = VERSION, **fields: str) -> gelabs.Transaction:
    """As a stream delivers it."""
    tx = expect(Push, decode(build.push(**fields))).data  # type: ignore[arg-type]  # of the right kind, by name
    assert tx is not None
    arrived((tx,), (gelabs.Arrival(9.0, key, version, "m1", 5),))
    return tx


def test_two_are_equal_that_say_the_same_and_are_the_same_delivery() -> None:
    tx = delivered()
    assert tx == delivered()
    assert hash(tx) == hash(delivered())
    for other in (delivered(OTHER), delivered(version=LATER), delivered(raw_amount="5"), "text", None):
        assert tx != other
    assert hash(tx) != hash(delivered(OTHER))
    assert len({tx, delivered(), delivered(OTHER), delivered(version=LATER)}) == 3


@pytest.mark.parametrize(
    "fields",
    [
        {"token_transfers": (gelabs.TokenTransfer(raw_amount="NaN"),)},
        {"inputs": (gelabs.UtxoInput(address="a", raw_amount="NaN"),)},
        {"outputs": (gelabs.UtxoOutput(address="a", raw_amount="NaN"),)},
        {"internal_calls": (gelabs.InternalCall(from_address="a", raw_amount="NaN"),)},
    ],
)
def test_the_numbers_of_all_rows_are_looked_at_whichever_rows_there_are(fields: dict[str, tuple[object, ...]]) -> None:
    # All other numbers are there, and right: so it is that nearly all come.
    numbers = dict.fromkeys(NUMBERS, "1")
    client = Client().ready()
    client.receive(build.push(**fields, **numbers))  # type: ignore[arg-type]  # as above
    (row,) = next(iter(fields.values()))
    reason = client.the_event(Malformed).reason
    assert reason.startswith(f"amount in {type(row).__name__} is not an unsigned whole number")


@pytest.mark.parametrize("name", NUMBERS)
def test_each_number_is_that_of_its_own_text(name: str) -> None:
    tx = build.transaction(**{**dict.fromkeys(NUMBERS, "1"), name: "78"})  # type: ignore[arg-type]  # as above
    assert getattr(tx, name.removeprefix("raw_")) == 78


def test_the_chain_id_that_is_told_goes_before_the_known_one() -> None:
    for chain_id, known in ((5, 5), (None, 1)):
        (_, found, _), _ = identify(build.transaction(chain_id=chain_id), {"ethereum": 1})
        assert found == known


SPELLED = st.builds(
    build.transaction,
    chain_type=st.sampled_from(["ethereum", "Ethereum", "tron"]),
    chain_id=st.sampled_from([1, 56, None]),
    tx_hash=st.sampled_from(["0xab", "0xAB", "T1", "t1"]),
    tx_status=st.sampled_from(["success", "pending", None]),
    height=st.sampled_from([7, 8, None]),
    is_reorg_resend=st.sampled_from([True, False, None]),
)


@given(st.lists(SPELLED, min_size=1, max_size=6) | SPELLED.map(lambda tx: [tx] * 3))
def test_many_are_identified_as_each_by_itself(txs: list[gelabs.Transaction]) -> None:
    keys, versions, spelled = identify_all(txs, gelabs.CHAIN_IDS)
    assert list(zip(keys, versions, strict=True)) == [identify(tx, gelabs.CHAIN_IDS) for tx in txs]
    assert [*(spelled or [key[2] for key in keys])] == [tx.tx_hash for tx in txs]


def test_the_one_among_many_whose_chain_has_no_id_is_given_the_one_that_is_known() -> None:
    txs = [build.transaction(chain_id=chain_id) for chain_id in (7, None, 7)]
    keys, _, _ = identify_all(txs, {"ethereum": 1})
    assert [key[1] for key in keys] == [7, 1, 7]


def test_versions_of_one_block_are_one_tuple_and_the_name_of_one_chain_is_one_text() -> None:
    txs = [delivered(("ethereum", 1, f"0x{number}")) for number in range(3)]
    keys, versions, spelled = identify_all(txs, gelabs.CHAIN_IDS)
    assert spelled is None
    assert len({*map(id, versions)}) == len({id(key[0]) for key in keys}) == 1


def test_a_time_is_seconds_up_to_a_bound_and_milliseconds_from_it_on() -> None:
    before, at = MILLISECONDS_FROM - 1, MILLISECONDS_FROM
    assert build.transaction(tx_time=before).time == datetime.fromtimestamp(before, UTC)
    assert build.transaction(tx_time=at).time == datetime.fromtimestamp(at / 1000, UTC)


def test_nothing_of_ours_is_in_a_dump_whichever_of_it_is_set() -> None:
    plain = build.transaction().dump()
    assert "pushwire" not in plain
    for received, message_id, sent in ((0.0, "m", 5), (0.0, None, 5), (3.0, "m", 5), (0.0, "m", None)):
        tx = build.transaction()
        arrived((tx,), (gelabs.Arrival(received, KEY, VERSION, message_id, sent, "update"),))
        assert tx.dump() == plain
