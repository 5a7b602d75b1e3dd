"""How hashes were spelled and which messages an ACK must name, and what is made of pushes and replies of one read."""

from __future__ import annotations

import json

import pytest

from pushwire.core.events import AckRefused, SubscriptionRefused
from pushwire.providers import gelabs
from pushwire.providers.gelabs.naming import Naming, _Run
from pushwire.testing import gelabs as build
from tests.providers.gelabs.harness import Client
from tests.providers.harness import WALL, expect

KEY = ("ethereum", 1, "0xab")
OTHER = ("ethereum", 1, "0xcd")


def test_each_message_of_a_key_is_acked_until_it_is_confirmed_and_the_first_spelling_counts() -> None:
    naming = Naming(by_message=True)
    for spelled, message in (("0xAB", "m1"), ("0xab", "m2"), ("0xab", "m1")):
        naming.add((KEY,), (spelled,), [message])
    naming.add((OTHER,), None, ["m9"])
    assert naming.acks([KEY, OTHER]) == [(KEY, "m1"), (KEY, "m2"), (OTHER, "m9")]
    naming.confirm([(KEY, "m1")], {KEY})
    assert (naming.acks([KEY]), naming.spelled([KEY, OTHER])) == ([(KEY, "m2")], ["0xAB", "0xcd"])
    naming.confirm([(KEY, "m2")], {KEY})
    assert (naming.acks([KEY]), naming.spelled([KEY])) == ([], ["0xAB"])
    naming.add((KEY,), None, ["m3"])
    assert (naming.acks([KEY]), naming.spelled([KEY])) == ([(KEY, "m3")], ["0xAB"])


@pytest.mark.parametrize(
    "ids", [["m1", "m2"], ["m1", None], [None, None], ["m1\n", "m2"], ["m1\nm2", "m3"], ["", ""], ["\n", None], ["\ud800", "m2"]]
)
def test_ids_are_what_they_were_whatever_is_in_them(ids: list[str | None]) -> None:
    naming = Naming(by_message=True)
    naming.add((KEY, OTHER), None, ids)
    assert naming.acks([KEY, OTHER]) == [(KEY, ids[0]), (OTHER, ids[1])]


def test_most_ids_of_a_read_are_kept_as_one_text() -> None:
    naming = Naming(by_message=True)
    naming.add((KEY, OTHER), None, ["m1", "m2"])
    naming.add((KEY, OTHER), None, ["m3", None])
    assert [run.packed for run in naming._fresh if isinstance(run, _Run)] == ["m1\nm2", ("m3", None)]


def test_one_that_comes_alone_has_its_place_among_those_that_come_together() -> None:
    naming = Naming(by_message=True)
    naming.add((KEY,), ("0xAB",), ["m1"])
    naming.add((KEY, OTHER), ("0xab", "0xCD"), ["m2", "m3"])
    naming.add((OTHER,), None, ["m4"])
    assert naming.acks([KEY, OTHER]) == [(KEY, "m1"), (KEY, "m2"), (OTHER, "m3"), (OTHER, "m4")]
    assert naming.spelled([KEY, OTHER]) == ["0xAB", "0xCD"]


@pytest.mark.parametrize("spelled", [("0xab", "0xcd", "0xab"), None])
def test_two_messages_of_a_key_that_come_together_are_both_acked(spelled: tuple[str, ...] | None) -> None:
    naming = Naming(by_message=True)
    naming.add((KEY, OTHER, KEY), spelled, ["m1", "m2", "m3"])
    assert naming.acks([KEY, OTHER]) == [(KEY, "m1"), (KEY, "m3"), (OTHER, "m2")]
    assert naming.spelled([KEY, OTHER]) == ["0xab", "0xcd"]


@pytest.mark.parametrize("spelled", ["0xab", "0xAB"])
@pytest.mark.parametrize("by_message", [True, False])
def test_a_key_with_nothing_left_to_confirm_is_forgotten_unless_it_is_kept(by_message: bool, spelled: str) -> None:
    naming = Naming(by_message=by_message)
    for key in (KEY, OTHER):
        naming.add((key,), (spelled,), [f"m{key[2]}"])
    naming.confirm(naming.acks([KEY, OTHER]), {OTHER})
    # Asked for as it is, the other is still spelled as it came.
    assert naming.spelled([KEY, OTHER]) == [KEY[2], spelled]
    naming.add((KEY,), ("0xaB",), ["m5"])
    assert naming.spelled([KEY]) == ["0xaB"]
    assert naming.acks([KEY]) == [(KEY, "m5" if by_message else None)]
    naming.confirm([*naming.acks([KEY]), (OTHER, None)], ())
    assert naming.spelled([KEY, OTHER]) == [KEY[2], OTHER[2]]


def test_one_that_is_not_known_is_spelled_as_its_key_and_confirming_it_changes_nothing() -> None:
    naming = Naming(by_message=True)
    naming.confirm([(KEY, "m1")], ())
    assert naming.spelled([KEY]) == ["0xab"]
    naming.confirm([(KEY, "m1")], {KEY})
    assert naming.spelled([KEY]) == ["0xab"]


# One read


def test_pushes_of_one_read_are_new_or_updates_each_by_its_own_key() -> None:
    client = Client().ready()
    client.receive(build.push(tx_hash="0xa", tx_status="pending", height=None), build.push(tx_hash="0xb"))
    client.take_transactions()
    reads = [
        ("0x1", "success"),
        ("0xa", "success"),
        ("0x2", "success"),
        ("0xb", "failed"),
        ("0x3", "success"),
        ("0x3", "success"),
    ]
    client.receive(*(build.push(tx_hash=name, tx_status=status) for name, status in reads))
    told = [(tx.tx_hash, tx.delivery) for tx in client.take_transactions()]
    assert told == [("0x1", "new"), ("0xa", "update"), ("0x2", "new"), ("0xb", "update"), ("0x3", "new")]
    client.receive(*(build.push(tx_hash=name) for name in ("0x4", "0x1", "0x5", "0x4", "0x6")))
    assert [tx.tx_hash for tx in client.take_transactions()] == ["0x4", "0x5", "0x6"]


def test_of_the_ack_replies_of_one_read_each_counts_for_its_own() -> None:
    client = Client().ready()
    client.receive(*(build.push(tx_hash=name) for name in ("0x1", "0x2", "0x3")))
    client.settle(*client.take_transactions())
    frames = client.take_frames()
    assert [frame["type"] for frame in frames] == ["transactionACK"] * 3
    codes = (0, 500, 0)
    client.receive(
        *(build.message("transactionACK", {}, id=frame["id"], code=code) for frame, code in zip(frames, codes, strict=True))
    )
    assert client.machine.status().acks_confirmed == 2
    refused = [event for event in client.take_events() if isinstance(event, AckRefused)]
    assert len(refused) <= 1
    assert all(event.code == 500 for event in refused)


def test_a_restoration_whose_answer_cannot_be_read_is_told_with_its_time() -> None:
    client = Client().ready()
    client.submit(gelabs.Subscribe("0xABC", "ethereum"))
    client.answer({"address": "0xABC", "chain_type": "ethereum"})
    client.reconnect()
    client.fulfil()
    (frame,) = client.take_frames()
    client.events.clear()
    client.now += 2.0
    client.receive(json.dumps({"type": frame["type"], "id": frame["id"], "code": 0, "data": 5}))
    refused = [event for event in client.take_events() if isinstance(event, SubscriptionRefused)]
    assert [event.received for event in refused] == [client.now]
    assert expect(gelabs.Topic, refused[0].topic).address == "0xabc"


def test_what_is_not_finished_keeps_the_mark_at_the_time_from_which_it_could_be_sent_again() -> None:
    client = Client().ready()
    client.now = 50.0
    client.receive(build.push(tx_hash="0x1"), build.push(tx_hash="0x2"))
    _, second = client.take_transactions()
    client.finish(second.identity)
    (persist,) = client.persists
    assert WALL <= persist.mark <= WALL + 50.0
