"""Commands and their replies, and subscriptions that outlive their connection."""

from __future__ import annotations

import json

import pytest

from pushwire.core.events import Down, Malformed, Stale, SubscriptionRefused, Unrecognized, Up
from pushwire.errors import CommandRefused, ConnectionLost, ReplyTimeout
from pushwire.providers import gelabs
from pushwire.testing import gelabs as build
from tests.providers.gelabs.harness import Client, config
from tests.providers.harness import expect

SUBSCRIBE = gelabs.Subscribe("0xABC", "Ethereum")
TOPIC = gelabs.Topic("ethereum", "0xabc")
GET = gelabs.GetTransaction("ethereum", 1, "0xabc")


def subscribed(client: Client, *commands: gelabs.Subscribe) -> Client:
    for command in commands:
        client.submit(command)
        client.answer({"address": command.address, "chain_type": command.chain_type})
    client.take_settled()
    return client


def restored(client: Client) -> list[tuple[str, str]]:
    """The subscriptions asked for again on a new connection."""
    client.reconnect()
    frames = client.take_frames()
    assert {frame["type"] for frame in frames} <= {"subscribe"}
    return [(frame["data"]["chain_type"], frame["data"]["address"]) for frame in frames]


# Replies


def test_replies_are_matched_by_id_in_any_order() -> None:
    client = Client().ready()
    tickets = [client.submit(SUBSCRIBE), client.submit(GET), client.submit(gelabs.Unsubscribe("0x9"))]
    subscribe, get, unsubscribe = client.take_frames()
    client.receive(
        build.message("unsubscribe", {"address": "0x9", "chainType": None}, id=unsubscribe["id"]),
        build.message("getTxHash", id=get["id"], code=404, msg="transaction not found"),
        build.message("subscribe", {"address": "0xABC", "chain_type": "ethereum"}, id=subscribe["id"]),
    )
    replies = {settled.ticket: settled for settled in client.take_settled()}
    assert replies[tickets[0]].reply == gelabs.Subscribed(address="0xABC", chain_type="ethereum")
    refused = expect(CommandRefused, replies[tickets[1]].error)
    assert (refused.command, refused.code, refused.text) == ("GetTransaction", 404, "transaction not found")
    assert replies[tickets[2]].reply == gelabs.Unsubscribed(address="0x9", chain_type=None)


@pytest.mark.parametrize("command", [SUBSCRIBE, gelabs.Unsubscribe("0x9")])
def test_a_success_without_data_is_a_success(command: gelabs.Subscribe | gelabs.Unsubscribe) -> None:
    client = Client().ready()
    client.submit(command)
    client.answer(None)
    assert isinstance(client.the_reply(), gelabs.Subscribed | gelabs.Unsubscribed)


@pytest.mark.parametrize("code, text", [(400, "address and chain_type required"), (500, "internal"), (-1, "")])
def test_an_error_reply_carries_the_providers_code_and_text(code: int, text: str) -> None:
    client = Client().ready()
    client.submit(SUBSCRIBE)
    client.answer(None, code=code, msg=text)
    refused = client.the_error(CommandRefused)
    assert (refused.code, refused.text) == (code, text)
    assert client.take_events() == []


def test_an_error_reply_without_a_text_is_still_an_error() -> None:
    client = Client().ready()
    client.submit(GET)
    client.receive(json.dumps({"id": client.take_frames()[0]["id"], "type": "getTxHash", "code": 404}))
    assert client.the_error(CommandRefused).text == ""


def test_a_lookup_that_finds_null_is_not_found() -> None:
    client = Client().ready()
    client.submit(GET)
    client.answer(None)
    refused = client.the_error(CommandRefused)
    assert (refused.code, refused.text) == (404, "transaction not found")


def test_a_lookup_by_message_id_prefers_nothing_else() -> None:
    client = Client().ready()
    client.submit(gelabs.GetTransaction("ethereum", 1, "0xabc", message_id="msg-1"))
    (frame,) = client.take_frames()
    assert frame["data"] == {"chain_type": "ethereum", "chain_id": 1, "txHash": "0xabc", "messageId": "msg-1"}


def test_a_lookup_does_not_touch_the_ledger() -> None:
    client = Client().ready()
    client.submit(GET)
    client.answer({"chain_type": "ethereum", "chain_id": 1, "txhash": "0xabc"})
    assert expect(gelabs.Transaction, client.the_reply()).identity.key == ()
    assert client.machine.status().unacked == 0
    client.receive(build.push(tx_hash="0xabc"))
    assert [tx.delivery for tx in client.take_transactions()] == ["new"]


def test_a_looked_up_transaction_with_a_wrong_number_is_refused() -> None:
    client = Client().ready()
    client.submit(GET)
    client.answer({"chain_type": "ethereum", "txhash": "0xabc", "amount": "NaN"})
    refused = client.the_error(CommandRefused)
    assert refused.code is None
    assert "malformed reply: amount" in refused.text


@pytest.mark.parametrize(
    "command, kind, data",
    [
        (SUBSCRIBE, "unsubscribe", {"address": "0x9"}),
        (gelabs.Unsubscribe("0x9"), "subscribe", {"address": "0x9"}),
        (GET, "subscribe", None),
        (SUBSCRIBE, "getTxHash", {"chain_type": "ethereum", "txhash": "0x1"}),
        (SUBSCRIBE, "getTxHash", None),
    ],
)
def test_a_success_of_another_command_is_none_of_this_one(
    command: gelabs.Subscribe | gelabs.Unsubscribe | gelabs.GetTransaction, kind: str, data: dict[str, object] | None
) -> None:
    client = Client().ready()
    client.submit(command)
    client.receive(json.dumps({"id": client.take_frames()[0]["id"], "type": kind, "code": 0, "data": data}))
    refused = client.the_error(CommandRefused)
    assert refused.text == "malformed reply: it answers another command"


def test_a_reply_of_the_wrong_shape_answers_its_command_and_is_kept() -> None:
    client = Client().ready()
    client.submit(GET)
    raw = json.dumps({"id": client.take_frames()[0]["id"], "type": "getTxHash", "code": 0, "data": {"txhash": 5}})
    client.receive(raw)
    refused = client.the_error(CommandRefused)
    assert refused.code is None
    assert refused.text.startswith("malformed reply: ")
    assert expect(Malformed, client.take_events()[0]).raw == raw


def test_an_error_of_the_wrong_shape_still_gives_its_code() -> None:
    client = Client().ready()
    client.submit(SUBSCRIBE)
    client.receive(json.dumps({"id": client.take_frames()[0]["id"], "type": "subscribe", "code": 400, "data": "?", "msg": "no"}))
    assert client.the_error(CommandRefused).code == 400


def test_an_error_of_an_unknown_type_answers_its_command_and_is_no_event() -> None:
    client = Client().ready()
    client.submit(SUBSCRIBE)
    client.receive(json.dumps({"id": client.take_frames()[0]["id"], "type": "error", "code": 429}))
    refused = client.the_error(CommandRefused)
    assert (refused.code, refused.text) == (429, "")
    assert client.take_events() == []


@pytest.mark.parametrize("kind", ["subscribe", "unsubscribe", "getTxHash", "transactionACK"])
@pytest.mark.parametrize("command_id", ['"nobody"', "null"])
def test_a_reply_that_nobody_waits_for_reaches_the_user(kind: str, command_id: str) -> None:
    client = Client().ready()
    raw = f'{{"id":{command_id},"type":"{kind}","code":0,"data":null}}'
    client.receive(raw)
    (event,) = client.take_events()
    assert expect(Unrecognized, event).raw == raw


def test_a_command_without_a_reply_times_out_and_its_late_reply_settles_nobody() -> None:
    client = Client().ready()
    client.submit(GET)
    client.advance(10.0)
    client.the_error(ReplyTimeout)
    client.submit(GET)
    first, second = client.take_frames()
    client.receive(build.message("getTxHash", {"chain_type": "e", "txhash": "late"}, id=first["id"]))
    assert client.take_settled() == []
    client.receive(build.message("getTxHash", {"chain_type": "e", "txhash": "mine"}, id=second["id"]))
    assert expect(gelabs.Transaction, client.the_reply()).tx_hash == "mine"
    assert client.hangups == []


def test_a_command_asked_for_while_down_is_sent_once_ready() -> None:
    client = Client()
    client.start()
    client.submit(GET)
    client.submit(SUBSCRIBE)
    assert client.frames == []
    client.ready()
    assert [frame["type"] for frame in client.take_frames()] == ["getTxHash", "subscribe"]


def test_a_command_without_a_reply_is_asked_again_on_the_next_connection_under_a_new_id() -> None:
    client = Client().ready()
    client.submit(GET)
    (first,) = client.take_frames()
    client.reconnect()
    (again,) = client.take_frames()
    assert again["data"] == first["data"]
    assert again["id"] != first["id"]
    client.receive(build.message("getTxHash", {"chain_type": "ethereum", "txhash": "0xabc"}, id=again["id"]))
    assert expect(gelabs.Transaction, client.the_reply()).tx_hash == "0xabc"


def test_an_abandoned_command_is_answered_to_nobody() -> None:
    client = Client().ready()
    ticket = client.submit(GET)
    client.machine.abandon(ticket, client.now)
    client.answer({"chain_type": "ethereum", "txhash": "0xabc"})
    assert client.take_settled() == []
    assert client.take_events() == []


def test_stopping_answers_what_waits() -> None:
    client = Client()
    client.start()
    client.submit(GET)
    client.machine.stop(client.now)
    client.drain()
    client.closed()
    client.the_error(ConnectionLost)


# Subscriptions


def test_subscriptions_are_restored_after_a_reconnect() -> None:
    client = subscribed(Client().ready(), SUBSCRIBE, gelabs.Subscribe("TAbc", "tron"))
    assert restored(client) == [("ethereum", "0xabc"), ("tron", "TAbc")]
    assert [type(event) for event in client.take_events()] == [Down, Up]


def test_a_subscription_asked_for_twice_is_restored_once() -> None:
    client = subscribed(Client().ready(), SUBSCRIBE, gelabs.Subscribe("0xabc", "ETHEREUM"))
    assert restored(client) == [("ethereum", "0xabc")]


def test_a_subscription_not_yet_confirmed_is_asked_for_once_on_the_next_connection() -> None:
    client = Client().ready()
    client.submit(SUBSCRIBE)
    client.take_frames()
    client.reconnect()
    (frame,) = client.take_frames()
    assert frame["data"] == {"address": "0xABC", "chain_type": "Ethereum"}
    client.receive(build.message("subscribe", {}, id=frame["id"]))
    assert isinstance(client.the_reply(), gelabs.Subscribed)


def test_unsubscribing_one_chain_leaves_the_others() -> None:
    client = subscribed(Client().ready(), SUBSCRIBE, gelabs.Subscribe("0xabc", "base"))
    client.submit(gelabs.Unsubscribe("0xAbC", "BASE"))
    client.answer({"address": "0xAbC", "chainType": "base"})
    assert restored(client) == [("ethereum", "0xabc")]


def test_unsubscribing_all_chains_leaves_other_addresses() -> None:
    client = subscribed(Client().ready(), SUBSCRIBE, gelabs.Subscribe("0xabc", "base"), gelabs.Subscribe("0xdef", "base"))
    client.submit(gelabs.Unsubscribe("0xABC"))
    client.answer({"address": "0xABC", "chainType": None})
    assert restored(client) == [("base", "0xdef")]


def test_a_refused_subscription_is_not_restored() -> None:
    client = Client().ready()
    client.submit(SUBSCRIBE)
    client.answer(None, code=400, msg="address and chain_type required")
    client.the_error(CommandRefused)
    assert restored(client) == []


def test_a_restoration_that_is_refused_is_an_event_and_tried_again_at_the_next() -> None:
    client = subscribed(Client().ready(), SUBSCRIBE)
    client.reconnect()
    client.take_events()
    client.answer(None, code=403, msg="not yours")
    assert client.take_events() == [SubscriptionRefused(client.now, TOPIC, 403, "not yours")]
    assert restored(client) == [("ethereum", "0xabc")]


def test_restorations_are_paced() -> None:
    commands = [gelabs.Subscribe(f"0x{n}", "ethereum") for n in range(6)]
    client = subscribed(Client(config(send_rate=1.0, send_burst=2, ping_interval=1000)).ready(), *commands[:2])
    for command in commands[2:]:
        client.advance(10.0)
        subscribed(client, command)
    client.reconnect()
    sent = [len(client.take_frames())]
    for _ in range(4):
        client.advance(1.0)
        sent.append(len(client.take_frames()))
    assert sum(sent) == 6
    assert sent[0] == 2
    assert max(sent[1:]) == 1


# Staleness


def test_a_silent_subscription_is_reported_once_with_its_topic() -> None:
    client = subscribed(Client(config(stale_after=60.0)).ready(), SUBSCRIBE)
    client.live(59.0)
    assert client.take_events() == []
    client.live(100.0)
    assert client.take_events() == [Stale(60.0, TOPIC, 0.0)]


def test_data_for_its_address_however_spelled_keeps_a_subscription_fresh() -> None:
    client = subscribed(Client(config(stale_after=60.0)).ready(), SUBSCRIBE)
    client.live(50.0)
    client.receive(build.push(chain_type="ETHEREUM", listen_addresses=("0xother", "0xAbC")))
    client.live(59.0)
    assert not any(isinstance(event, Stale) for event in client.take_events())
    client.live(1.0)
    assert client.take_events() == [Stale(110.0, TOPIC, 50.0)]


def test_data_for_other_addresses_does_not_keep_it_fresh() -> None:
    client = subscribed(Client(config(stale_after=60.0)).ready(), SUBSCRIBE)
    client.live(50.0)
    client.receive(build.push(listen_addresses=("0xother",)), build.push(tx_hash="0x2", listen_addresses=None))
    client.take_events()
    client.live(10.0)
    assert client.take_events() == [Stale(60.0, TOPIC, 0.0)]


def test_what_is_unsubscribed_goes_stale_no_more() -> None:
    client = subscribed(Client(config(stale_after=60.0)).ready(), SUBSCRIBE)
    client.submit(gelabs.Unsubscribe("0xabc"))
    client.answer({})
    client.live(1000.0)
    assert client.take_events() == []
