"""Each version of a transaction is delivered once, finished once, and ACKed when nothing of its key is unfinished."""

from __future__ import annotations

import json

import pytest

from pushwire.core.commands import Park
from pushwire.core.effects import Identity, Restored
from pushwire.core.events import AckRefused, Unrecognized
from pushwire.errors import LocalProtocolError, StoreError
from pushwire.providers import gelabs
from pushwire.testing import gelabs as build
from tests.providers.gelabs.harness import Client, acked, config
from tests.providers.harness import WALL, expect

PENDING = build.push(tx_status="pending", height=None, message_id="m1")
SUCCESS = build.push(tx_status="success", height=10, message_id="m2")
REORG = build.push(tx_status="success", height=11, is_reorg_resend=True, message_id="m3")
KEY = ("ethereum", 1, build.TX_HASH)


def delivered(client: Client, *messages: str) -> list[gelabs.Transaction]:
    client.receive(*messages)
    return client.take_transactions()


def named(client: Client, *, answer: int = 0) -> list[str]:
    """The message ids of the ACKs that left, of which the first `answer` are confirmed."""
    frames = client.take_frames()
    for frame in frames[:answer]:
        client.receive(build.message("transactionACK", {"txHash": build.TX_HASH}, id=frame["id"]))
    return [frame["data"]["messageId"] for frame in frames]


# Versions


def test_pending_then_success_is_two_deliveries() -> None:
    client = Client().ready()
    transactions = delivered(client, PENDING, SUCCESS)
    assert [(tx.tx_status, tx.delivery, tx.message_id) for tx in transactions] == [
        ("pending", "new", "m1"),
        ("success", "update", "m2"),
    ]
    assert len({tx.identity for tx in transactions}) == 2
    assert {tx.identity.key for tx in transactions} == {KEY}


def test_a_reorganisation_is_delivered_once_a_version() -> None:
    client = Client().ready()
    client.settle(*delivered(client, SUCCESS))
    higher = build.push(tx_status="success", height=12, is_reorg_resend=True)
    assert [tx.delivery for tx in delivered(client, REORG, REORG, higher, higher, REORG)] == ["reorg", "reorg"]
    assert client.machine.status().withheld == 3


def test_a_reorganisation_of_what_was_never_seen_is_new() -> None:
    assert [tx.delivery for tx in delivered(Client().ready(), REORG)] == ["new"]


def test_a_status_that_nobody_documented_is_a_version_of_its_own() -> None:
    client = Client().ready()
    assert len(delivered(client, PENDING, build.push(tx_status="dropped", height=None))) == 2


# Resends


def test_a_resend_of_what_is_in_hand_is_withheld_and_not_acked() -> None:
    client = Client().ready()
    (tx,) = delivered(client, SUCCESS, SUCCESS)
    client.finish(tx.identity)
    assert delivered(client, SUCCESS) == []
    assert client.machine.status().withheld == 2
    assert client.take_frames() == []


def test_a_resend_of_what_is_finished_is_acked_again_and_not_delivered() -> None:
    client = Client().ready()
    client.settle(*delivered(client, SUCCESS))
    assert acked(client.take_frames()) == [build.TX_HASH]
    assert delivered(client, SUCCESS) == []
    assert acked(client.take_frames()) == [build.TX_HASH]


def test_a_resend_of_a_finished_version_is_withheld_while_another_is_unfinished() -> None:
    client = Client().ready()
    pending, _success = delivered(client, PENDING, SUCCESS)
    client.settle(pending)
    assert delivered(client, PENDING) == []
    assert acked(client.take_frames()) == []


def test_a_resend_is_recognised_however_its_hash_or_chain_is_spelled() -> None:
    client = Client().ready()
    assert len(delivered(client, build.push(chain_type="ethereum", tx_hash="0xabc", chain_id=None))) == 1
    assert delivered(client, build.push(chain_type="Ethereum", tx_hash="0xABC", chain_id=1)) == []


def test_base58_hashes_that_differ_in_case_are_two_transactions() -> None:
    client = Client().ready()
    assert len(delivered(client, *(build.push(chain_type="solana", tx_hash=tx_hash) for tx_hash in ("5hXAbc", "5hXabc")))) == 2


# ACKs


def test_an_ack_leaves_only_after_the_commit() -> None:
    client = Client().ready()
    (tx,) = delivered(client, SUCCESS)
    client.finish(tx.identity)
    client.advance(5.0)
    assert client.take_frames() == []
    assert client.take_settled() == []
    client.fulfil()
    assert acked(client.take_frames()) == [build.TX_HASH]
    assert client.the_reply() is None


def test_a_failed_commit_sends_no_ack_and_can_be_tried_again() -> None:
    client = Client().ready()
    (tx,) = delivered(client, SUCCESS)
    client.finish(tx.identity)
    client.fail_store()
    client.the_error(StoreError)
    assert client.take_frames() == []
    client.settle(tx)
    assert acked(client.take_frames()) == [build.TX_HASH]


@pytest.mark.parametrize("first", [0, 1, 2])
def test_finishing_one_version_never_acks_away_another(first: int) -> None:
    client = Client().ready()
    transactions = delivered(client, PENDING, SUCCESS, REORG)
    order = [transactions[(first + i) % 3] for i in range(3)]
    for tx in order[:2]:
        client.settle(tx)
        assert client.take_frames() == []
    client.settle(order[2])
    assert acked(client.take_frames()) == [build.TX_HASH]


def test_a_version_that_arrives_during_the_commit_holds_the_ack_back() -> None:
    client = Client().ready()
    (pending,) = delivered(client, PENDING)
    client.finish(pending.identity)
    (success,) = delivered(client, SUCCESS)
    client.fulfil()
    assert client.take_frames() == []
    client.settle(success)
    assert acked(client.take_frames()) == [build.TX_HASH]


def test_versions_finished_together_are_acked_once() -> None:
    client = Client().ready()
    client.settle(*delivered(client, PENDING, SUCCESS))
    assert acked(client.take_frames()) == [build.TX_HASH]


def test_a_poison_transaction_can_be_parked_with_its_payload() -> None:
    client = Client().ready()
    (tx,) = delivered(client, SUCCESS)
    client.submit(Park(tx.identity, "cannot book", tx.dump()))
    (record,) = client.persists[0].writes[-1].records
    assert (record.kind, record.note, json.loads(record.raw)["txhash"]) == ("parked", "cannot book", build.TX_HASH)
    client.fulfil()
    assert acked(client.take_frames()) == [build.TX_HASH]


def test_what_was_looked_up_cannot_be_finished() -> None:
    client = Client().ready()
    with pytest.raises(LocalProtocolError, match="unseen"):
        client.finish(Identity((), ()))


def test_the_ack_names_the_hash_as_it_was_spelled_on_the_wire() -> None:
    client = Client().ready()
    client.settle(*delivered(client, build.push(chain_type="Ethereum", tx_hash="0xABCdef")))
    (frame,) = client.take_frames()
    assert frame["data"] == {"chain_type": "ethereum", "chain_id": 1, "txHash": "0xABCdef"}
    assert delivered(client, build.push(tx_hash="0xABCdef")) == []
    assert acked(client.take_frames()) == ["0xABCdef"]


def test_an_ack_names_the_message_beside_the_transaction_where_the_provider_heeds_it() -> None:
    client = Client(config(ack_message_id=True)).ready()
    client.settle(*delivered(client, build.push(message_id="m1", tx_hash="0xABC")))
    assert client.take_frames()[0]["data"] == {"chain_type": "ethereum", "chain_id": 1, "txHash": "0xABC", "messageId": "m1"}


def test_every_message_of_a_transaction_gets_an_ack_of_its_own_once_no_version_is_unfinished() -> None:
    client = Client(config(ack_message_id=True)).ready()
    pending, success = delivered(client, PENDING, SUCCESS, build.push(tx_status="success", height=10, message_id="m2-again"))
    client.settle(pending)
    assert client.take_frames() == []
    client.settle(success)
    assert named(client) == ["m1", "m2", "m2-again"]


def test_a_message_that_comes_after_its_ack_left_gets_another() -> None:
    client = Client(config(ack_message_id=True)).ready()
    client.settle(*delivered(client, PENDING))
    (success,) = delivered(client, SUCCESS)
    client.answer({"txHash": build.TX_HASH})
    client.settle(success)
    assert named(client) == ["m2"]
    assert delivered(client, PENDING) == []
    assert "m1" in named(client)


def test_a_message_without_an_id_is_acked_by_its_transaction() -> None:
    client = Client(config(ack_message_id=True)).ready()
    client.receive('{"type":"transaction","data":{"chain_type":"ethereum","txhash":"0x1"}}')
    client.settle(*client.take_transactions())
    assert client.take_frames()[0]["data"] == {"chain_type": "ethereum", "chain_id": 1, "txHash": "0x1"}


def test_messages_not_confirmed_are_acked_again_on_the_next_connection() -> None:
    client = Client(config(ack_message_id=True)).ready()
    client.settle(*delivered(client, PENDING, SUCCESS))
    assert named(client, answer=1) == ["m1", "m2"]
    client.reconnect()
    assert named(client) == ["m2"]


def test_a_message_acked_twice_and_confirmed_once_leaves_no_ack_that_names_the_transaction_alone() -> None:
    client = Client(config(ack_message_id=True)).ready()
    client.settle(*delivered(client, PENDING))
    assert delivered(client, PENDING) == []
    assert named(client, answer=1) == ["m1", "m1"]
    # The other reply is lost. Meanwhile the provider has a version that such an ACK would clear unseen.
    client.reconnect()
    assert client.take_frames() == []


def test_a_chain_id_that_the_message_leaves_out_comes_from_the_table() -> None:
    client = Client(config(chain_ids={"NewChain": 7})).ready()
    transactions = delivered(client, *(build.push(chain_type=chain, chain_id=None) for chain in ("newchain", "bsc")))
    assert [tx.chain_id for tx in transactions] == [None, None]
    client.settle(*transactions)
    assert [frame["data"] for frame in client.take_frames()] == [
        {"chain_type": "newchain", "chain_id": 7, "txHash": build.TX_HASH},
        {"chain_type": "bsc", "txHash": build.TX_HASH},
    ]


# The provider's answers to ACKs


def test_a_confirmed_ack_is_not_sent_again() -> None:
    client = Client().ready()
    client.settle(*delivered(client, SUCCESS))
    client.answer({"txHash": build.TX_HASH})
    assert client.machine.status().acks_confirmed == 1
    client.reconnect()
    client.live(60.0)
    assert client.take_frames() == []


def test_an_ack_that_was_not_confirmed_is_sent_again_on_the_next_connection() -> None:
    client = Client().ready()
    client.settle(*delivered(client, SUCCESS))
    (first,) = client.take_frames()
    client.reconnect()
    (again,) = client.take_frames()
    assert again["data"] == first["data"]
    assert again["id"] != first["id"]


def test_an_ack_freed_while_down_leaves_once_ready() -> None:
    client = Client().ready()
    (tx,) = delivered(client, SUCCESS)
    client.redial()
    client.settle(tx)
    assert client.take_frames() == []
    client.open()
    assert client.take_frames() == []
    client.receive(build.connected())
    assert acked(client.take_frames()) == [build.TX_HASH]


def test_an_ack_without_an_answer_is_repeated_once_and_then_reported() -> None:
    client = Client().ready()
    client.settle(*delivered(client, SUCCESS))
    client.live(10.0)
    assert acked(client.take_frames()) == [build.TX_HASH] * 2
    client.live(10.0)
    assert client.take_events() == [AckRefused(20.0, KEY, None, "no reply")]
    assert client.hangups == []


def test_a_refused_ack_is_an_event_and_the_transaction_stays_finished() -> None:
    client = Client().ready()
    client.settle(*delivered(client, SUCCESS))
    client.answer(None, code=400, msg="chain_type and messageId/txHash required")
    assert client.take_events() == [AckRefused(0.0, KEY, 400, "chain_type and messageId/txHash required")]
    assert delivered(client, SUCCESS) == []


def test_a_refused_ack_may_come_without_a_text() -> None:
    client = Client().ready()
    client.settle(*delivered(client, SUCCESS))
    (frame,) = client.take_frames()
    client.receive(json.dumps({"id": frame["id"], "type": "transactionACK", "code": 404}))
    assert client.take_events() == [AckRefused(0.0, KEY, 404, "")]


def test_an_answer_to_an_ack_of_the_last_connection_reaches_the_user() -> None:
    client = Client().ready()
    client.settle(*delivered(client, SUCCESS))
    (frame,) = client.take_frames()
    client.reconnect()
    client.take_events()
    client.receive(build.message("transactionACK", {"txHash": build.TX_HASH}, id=frame["id"]))
    (event,) = client.take_events()
    assert isinstance(event, Unrecognized)
    assert client.machine.status().acks_confirmed == 0


# Across runs


def test_what_an_earlier_run_finished_is_acked_again_and_not_delivered() -> None:
    finished = build.transaction(tx_hash="0xABC").identity
    client = Client(restored=Restored(finished={finished: WALL - 10}, mark=WALL - 10)).ready()
    assert delivered(client, build.push(tx_hash="0xABC")) == []
    assert acked(client.take_frames()) == ["0xABC"]


def test_what_an_earlier_run_delivered_and_did_not_finish_is_a_redelivery() -> None:
    tx = build.transaction()
    client = Client(restored=Restored(delivered={tx.identity: WALL - 10}, mark=WALL - 10)).ready()
    assert [got.delivery for got in delivered(client, build.push())] == ["redelivery"]


def test_what_an_earlier_run_left_unfinished_holds_back_the_ack_of_its_key() -> None:
    pending, success = build.transaction(tx_status="pending", height=None), build.transaction(height=10)
    restored = Restored(finished={pending.identity: WALL - 10}, delivered={success.identity: WALL - 10}, mark=WALL - 10)
    client = Client(restored=restored).ready()
    assert delivered(client, PENDING) == []
    assert client.take_frames() == []
    (again,) = delivered(client, SUCCESS)
    assert again.delivery == "redelivery"
    client.settle(again)
    assert acked(client.take_frames()) == [build.TX_HASH]


def test_an_unfinished_resend_holds_the_window_open_from_the_mark_it_was_asked_for_from() -> None:
    client = Client(restored=Restored(mark=WALL - 1000)).ready()
    delivered(client, SUCCESS)
    client.live(500.0)
    dial = client.reconnect()
    assert int(expect(str, dial.headers["X-ResendDuration"])) >= 1500


def test_a_stopping_stream_flushes_its_acks_and_then_hangs_up() -> None:
    client = Client().ready()
    (tx,) = delivered(client, SUCCESS)
    client.finish(tx.identity)
    client.machine.stop(client.now)
    client.drain()
    assert client.hangups == []
    client.fulfil()
    assert client.hangups == []
    client.answer({"txHash": build.TX_HASH})
    (hangup,) = client.hangups
    assert hangup.code == 1000
    assert expect(int, client.machine.status().acks_confirmed) == 1
