"""gelabs' server side: each documented reply, and what it pushes, to whom, and how often."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

import pytest

from pushwire.core.effects import Identity
from pushwire.core.secrets import Secret
from pushwire.errors import ConfigError, LocalProtocolError
from pushwire.sandbox.base import Accept, CloseConn, ConnectRequest, Cut, Refuse, SendTo, ServerEffect
from pushwire.sandbox.gelabs import GelabsServer
from pushwire.sandbox.gelabs_feed import Mix
from pushwire.sandbox.gelabs_settings import GelabsSettings

WALL = 1_745_000_000.0
ALICE = "0x" + "aA" * 20
HASH = "0x" + "Bb" * 32

Reply = dict[str, Any]  # decoded JSON, whatever its shape


def server(**settings: Any) -> GelabsServer:  # forwarded to GelabsSettings, which checks them
    given: dict[str, Any] = {"keys": ("k1",), "addresses": {"ethereum": [ALICE]}, **settings}
    return GelabsServer(GelabsSettings(**given), random.Random(7))


def connect(machine: GelabsServer, conn: int = 1, now: float = 0.0, key: str = "k1", window: str | None = None) -> list[Reply]:
    headers = {"x-api-key": key} | ({} if window is None else {"x-resendduration": window})
    assert machine.connect(conn, ConnectRequest("/x", {}, headers), now, WALL + now) == Accept()
    return sent(machine, conn)


def sent(machine: GelabsServer, conn: int = 1) -> list[Reply]:
    effects = machine.take_effects()
    return [json.loads(e.text) for e in effects if isinstance(e, SendTo) and e.conn == conn]


def ask(machine: GelabsServer, kind: str, conn: int = 1, /, **data: object) -> Reply:
    machine.receive(conn, json.dumps({"id": "c-1", "type": kind, "data": data}), 1.0)
    [reply] = sent(machine, conn)
    return reply


def transaction(**changes: object) -> dict[str, object]:
    data = {"chain_type": "ethereum", "chain_id": 1, "height": 5, "txhash": HASH, "txStatus": "success"}
    return {**data, "listenAddress": [ALICE], "is_reorg_resend": False, **changes}


class TestHandshake:
    def test_a_missing_key_is_refused_with_400(self) -> None:
        answer = server().connect(1, ConnectRequest(), 0.0, WALL)
        assert isinstance(answer, Refuse)
        assert answer.status == 400

    def test_a_wrong_key_is_refused_with_401(self) -> None:
        answer = server().connect(1, ConnectRequest(headers={"x-api-key": "nope"}), 0.0, WALL)
        assert isinstance(answer, Refuse)
        assert answer.status == 401

    def test_a_refused_connection_gets_nothing(self) -> None:
        machine = server()
        machine.connect(1, ConnectRequest(), 0.0, WALL)
        machine.push(transaction(), 1.0)
        machine.receive(1, "{}", 1.0)
        assert machine.take_effects() == []

    def test_the_greeting_comes_first_and_names_client_and_account(self) -> None:
        machine = server(keys=("k1", Secret("k2")))
        assert connect(machine, key="k2") == [
            {
                "id": "msg-client-000001",
                "time": 1_745_000_000_000,
                "type": "connected",
                "code": 0,
                "data": {"clientId": "client-000001", "appId": "app-2"},
                "msg": "success",
            }
        ]

    def test_each_connection_has_a_client_id_of_its_own(self) -> None:
        machine = server()
        first, second = connect(machine, 1)[0], connect(machine, 2)[0]
        assert first["data"]["clientId"] != second["data"]["clientId"]

    def test_without_keys_any_will_do_and_all_are_one_account(self) -> None:
        machine = server(keys=None)
        assert {connect(machine, conn, key=key)[0]["data"]["appId"] for conn, key in ((1, "a"), (2, "b"))} == {"app-1"}

    def test_a_request_does_not_show_its_credentials(self) -> None:
        assert "hunter2" not in repr(ConnectRequest("/", {"token": "hunter2"}, {"x-api-key": "hunter2"}))


class TestReplies:
    def test_ping_is_answered_with_pong(self) -> None:
        machine = server()
        connect(machine)
        expected = {"id": "c-1", "time": 1_745_000_001_000, "type": "pong", "code": 0, "data": None, "msg": "success"}
        assert ask(machine, "ping") == expected

    def test_subscribe_repeats_the_address_and_lowers_the_chain_type(self) -> None:
        machine = server()
        connect(machine)
        reply = ask(machine, "subscribe", address="0xAB", chain_type="Polygon")
        data = {"API Key": "app-1", "address": "0xAB", "chain_type": "polygon"}
        assert reply == {"id": "c-1", "type": "subscribe", "code": 0, "data": data, "msg": "success"}

    def test_unsubscribe_from_one_chain(self) -> None:
        machine = server(addresses={})
        connect(machine)
        ask(machine, "subscribe", address="0xAB", chain_type="polygon")
        ask(machine, "subscribe", address="0xAB", chain_type="base")
        reply = ask(machine, "unsubscribe", address="0xab", chain_type="BASE")
        assert reply["data"] == {"address": "0xab", "chainType": "base"}
        assert [there.chain_type for there in machine.watched()] == ["polygon"]

    def test_unsubscribe_without_a_chain_type_is_for_all_chains(self) -> None:
        machine = server(addresses={})
        connect(machine)
        ask(machine, "subscribe", address="0xAB", chain_type="polygon")
        ask(machine, "subscribe", address="0xAB", chain_type="base")
        ask(machine, "subscribe", address="0xCD", chain_type="base")
        assert ask(machine, "unsubscribe", address="0xAB")["data"] == {"address": "0xAB", "chainType": None}
        assert [there.address for there in machine.watched()] == ["0xCD"]

    @pytest.mark.parametrize(
        "kind,data,text",
        [
            ("subscribe", {}, "address and chain_type required"),
            ("subscribe", {"address": "0x1"}, "address and chain_type required"),
            ("subscribe", {"address": 5, "chain_type": "base"}, "address and chain_type required"),
            ("unsubscribe", {"chain_type": "base"}, "address required"),
            ("getTxHash", {"chain_type": "ethereum", "chain_id": 1}, "chain_type, chain_id, txHash required"),
            ("getTxHash", {"chain_type": "ethereum", "txHash": HASH}, "chain_type, chain_id, txHash required"),
            ("getTxHash", {"chain_type": "e", "chain_id": True, "txHash": HASH}, "chain_type, chain_id, txHash required"),
            ("transactionACK", {"txHash": HASH}, "chain_type and messageId/txHash required"),
            ("transactionACK", {"chain_type": "ethereum"}, "chain_type and messageId/txHash required"),
            ("dance", {}, "unknown command"),
        ],
    )
    def test_what_is_missing_is_answered_with_400(self, kind: str, data: dict[str, object], text: str) -> None:
        machine = server()
        connect(machine)
        reply = ask(machine, kind, **data)
        assert reply == {"id": "c-1", "type": kind, "code": 400, "data": None, "msg": text}

    @pytest.mark.parametrize("text", ["{", "", "[]", "null", b"\xff\xfe", "[" * 100_000, "NaN"])
    def test_bad_json_is_answered_with_400_and_no_id(self, text: str | bytes) -> None:
        machine = server()
        connect(machine)
        machine.receive(1, text, 1.0)
        assert sent(machine) == [{"id": "", "type": "error", "code": 400, "data": None, "msg": "invalid JSON"}]

    @pytest.mark.parametrize("text", ["{}", '{"id":7,"type":[]}', '{"type":{},"data":[1]}'])
    def test_wrong_types_are_an_unknown_command(self, text: str) -> None:
        machine = server()
        connect(machine)
        machine.receive(1, text, 1.0)
        [reply] = sent(machine)
        assert (reply["id"], reply["code"], reply["msg"]) == ("", 400, "unknown command")

    def test_data_that_is_no_object_counts_as_empty(self) -> None:
        machine = server()
        connect(machine)
        machine.receive(1, '{"id":"c","type":"subscribe","data":[]}', 1.0)
        assert sent(machine)[0]["code"] == 400


class TestGetTransaction:
    def test_by_hash_gives_the_newest_version_whatever_the_case(self) -> None:
        machine = server()
        connect(machine)
        machine.push(transaction(txStatus="pending", height=None), 0.5)
        machine.push(transaction(), 0.6)
        machine.take_effects()
        reply = ask(machine, "getTxHash", chain_type="Ethereum", chain_id=1, txHash=HASH.lower())
        assert (reply["code"], reply["data"]) == (0, transaction())

    def test_a_message_id_is_preferred(self) -> None:
        machine = server()
        connect(machine)
        machine.push(transaction(txStatus="pending", height=None), 0.5, message_id="first")
        machine.push(transaction(), 0.6)
        machine.take_effects()
        reply = ask(machine, "getTxHash", chain_type="ethereum", chain_id=1, messageId="first", txHash=HASH)
        assert reply["data"]["txStatus"] == "pending"

    def test_an_unknown_message_id_falls_back_to_the_hash(self) -> None:
        machine = server()
        connect(machine)
        machine.push(transaction(), 0.6)
        machine.take_effects()
        assert ask(machine, "getTxHash", chain_type="ethereum", chain_id=1, messageId="?", txHash=HASH)["code"] == 0

    @pytest.mark.parametrize("wanted", [{"txHash": "0x00"}, {"messageId": "?"}])
    def test_what_is_unknown_is_not_found(self, wanted: dict[str, str]) -> None:
        machine = server()
        connect(machine)
        reply = ask(machine, "getTxHash", chain_type="ethereum", chain_id=1, **wanted)
        assert reply == {"id": "c-1", "type": "getTxHash", "code": 404, "data": None, "msg": "transaction not found"}

    def test_another_chain_id_or_account_is_not_found(self) -> None:
        machine = server(keys=("k1", "k2"))
        connect(machine)
        connect(machine, 2, key="k2")
        machine.push(transaction(), 0.6, message_id="mine")
        machine.take_effects()
        assert ask(machine, "getTxHash", chain_type="ethereum", chain_id=2, txHash=HASH)["code"] == 404
        assert ask(machine, "getTxHash", 2, chain_type="ethereum", chain_id=1, messageId="mine")["code"] == 404


class TestAcks:
    def test_by_hash_it_clears_every_version(self) -> None:
        machine = server()
        connect(machine)
        machine.push(transaction(txStatus="pending", height=None), 0.5)
        machine.push(transaction(), 0.6)
        machine.push(transaction(txhash="0x11"), 0.7)
        machine.take_effects()
        reply = ask(machine, "transactionACK", chain_type="ethereum", chain_id=1, txHash=HASH)
        assert reply == {"id": "c-1", "type": "transactionACK", "code": 0, "data": {"txHash": HASH}, "msg": "success"}
        assert [m.tx_hash for m in machine.unacked()] == ["0x11"]
        assert machine.acks == 1

    def test_a_version_that_comes_after_it_is_unacked(self) -> None:
        machine = server()
        connect(machine)
        machine.push(transaction(txStatus="pending", height=None), 0.5)
        machine.take_effects()
        ask(machine, "transactionACK", chain_type="ethereum", chain_id=1, txHash=HASH)
        later = machine.push(transaction(), 2.0)
        assert machine.unacked() == [later]

    def test_it_needs_no_chain_id(self) -> None:
        machine = server()
        connect(machine)
        machine.push(transaction(), 0.5)
        machine.take_effects()
        ask(machine, "transactionACK", chain_type="ethereum", txHash=HASH.lower())
        assert machine.unacked() == []

    def test_of_another_chain_id_it_clears_nothing(self) -> None:
        machine = server()
        connect(machine)
        machine.push(transaction(), 0.5)
        machine.take_effects()
        assert ask(machine, "transactionACK", chain_type="ethereum", chain_id=9, txHash=HASH)["code"] == 0
        assert len(machine.unacked()) == 1

    @pytest.mark.parametrize("scope,left", [("message", ["first"]), ("key", [])])
    def test_a_message_id_clears_as_the_scope_says(self, scope: str, left: list[str]) -> None:
        machine = server(ack_scope=scope)
        connect(machine)
        machine.push(transaction(txStatus="pending", height=None), 0.5, message_id="first")
        machine.push(transaction(), 0.6, message_id="second")
        machine.take_effects()
        reply = ask(machine, "transactionACK", chain_type="ethereum", messageId="second")
        assert reply["data"] == {"txHash": HASH}
        assert [m.id for m in machine.unacked()] == left

    def test_on_one_connection_it_is_enough_for_all_of_the_account(self) -> None:
        machine = server()
        connect(machine)
        connect(machine, 2)
        first, second = (machine.push(transaction(txhash=tx_hash), 0.5) for tx_hash in ("0x11", "0x12"))
        assert first.pushed_to == second.pushed_to == [1, 2]
        machine.take_effects()
        ask(machine, "transactionACK", chain_type="ethereum", messageId=first.id)
        machine.disconnected(2, 1.0)
        assert [m["id"] for m in connect(machine, 3, now=2.0)[1:]] == [second.id]

    def test_an_unknown_message_id_is_not_found(self) -> None:
        machine = server()
        connect(machine)
        reply = ask(machine, "transactionACK", chain_type="ethereum", messageId="?")
        assert (reply["code"], reply["msg"]) == (404, "transaction not found")


class TestBroadcast:
    def test_every_connection_of_the_account_gets_a_push_and_no_other(self) -> None:
        machine = server(keys=("k1", "k2"))
        for conn, key in ((1, "k1"), (2, "k1"), (3, "k2")):
            connect(machine, conn, key=key)
        message = machine.push(transaction(), 1.0)
        assert machine.take_effects() == [SendTo(1, message.text, "push"), SendTo(2, message.text, "push")]
        assert message.pushed_to == [1, 2]

    def test_with_matching_only_those_that_watch_the_address(self) -> None:
        machine = server(broadcast="matching", addresses={})
        connect(machine, 1)
        connect(machine, 2)
        ask(machine, "subscribe", 2, address=ALICE.lower(), chain_type="ethereum")
        assert machine.push(transaction(), 2.0).pushed_to == [2]

    def test_with_matching_the_address_list_counts_for_all(self) -> None:
        machine = server(broadcast="matching", addresses={})
        connect(machine, 1)
        machine.watch("Ethereum", ALICE)
        assert machine.push(transaction(), 2.0).pushed_to == [1]
        machine.unwatch("ethereum", ALICE.lower())
        assert machine.push(transaction(txhash="0x2"), 2.0).pushed_to == []

    def test_a_push_is_the_documented_envelope(self) -> None:
        machine = server()
        connect(machine)
        machine.push(transaction(), 1.0, message_id="m")
        envelope = {"id": "m", "time": 1_745_000_001_000, "type": "transaction", "code": 0}
        assert sent(machine) == [{**envelope, "data": transaction(), "msg": "success"}]

    def test_a_push_is_known_by_key_and_version(self) -> None:
        message = server().push(transaction(), 1.0)
        assert message.identity == Identity(("ethereum", 1, HASH.lower()), ("success", 5, False))

    def test_a_chain_id_that_is_left_out_comes_from_the_table(self) -> None:
        sparse = {"chain_type": "bsc", "txhash": "0x1"}
        assert server().push(sparse, 1.0).identity == Identity(("bsc", 56, "0x1"), (None, None, False))

    def test_what_cannot_be_pushed_is_a_local_error(self) -> None:
        machine = server()
        machine.push(transaction(), 1.0, message_id="m")
        with pytest.raises(LocalProtocolError, match="txhash"):
            machine.push({"chain_type": "bsc"}, 1.0)
        with pytest.raises(LocalProtocolError, match="app-9"):
            machine.push(transaction(), 1.0, app_id="app-9")
        with pytest.raises(LocalProtocolError, match="used before"):
            machine.push(transaction(), 1.0, message_id="m")


class TestResends:
    def test_what_is_unacked_comes_again_right_after_the_greeting_unchanged(self) -> None:
        machine = server()
        connect(machine)
        first, second = machine.push(transaction(), 1.0), machine.push(transaction(txhash="0x2"), 2.0)
        machine.take_effects()
        ask(machine, "transactionACK", chain_type="ethereum", txHash="0x2")
        machine.disconnected(1, 3.0)
        assert [m["type"] for m in connect(machine, 2, now=4.0)] == ["connected", "transaction"]
        assert (first.pushed_to, second.pushed_to) == ([1, 2], [1])

    def test_they_are_told_apart_from_pushes(self) -> None:
        machine = server()
        machine.handle_timer(0.0, WALL)
        machine.push(transaction(), 1.0)
        machine.connect(1, ConnectRequest(headers={"x-api-key": "k1"}), 2.0, WALL + 2)
        assert [e.kind for e in machine.take_effects() if isinstance(e, SendTo)] == ["reply", "resend"]

    @pytest.mark.parametrize("window,count", [("60", 1), ("120", 2), (None, 2), ("soon", 2), ("-1", 2), ("nan", 2), ("0", 0)])
    def test_only_what_is_in_the_window_comes_again(self, window: str | None, count: int) -> None:
        machine = server()
        machine.handle_timer(0.0, WALL)
        machine.push(transaction(), 10.0)
        machine.push(transaction(txhash="0x2"), 70.0)
        assert len(connect(machine, now=110.0, window=window)) == 1 + count

    def test_what_a_subscription_brought_comes_again_without_it(self) -> None:
        machine = server(addresses={}, broadcast="matching")
        connect(machine)
        ask(machine, "subscribe", address=ALICE, chain_type="ethereum")
        machine.push(transaction(), 1.0)
        machine.disconnected(1, 2.0)
        assert machine.watched() == []
        assert len(connect(machine, 2, now=3.0)) == 2

    def test_on_a_live_connection_nothing_comes_again_unless_asked_for(self) -> None:
        machine = server()
        connect(machine)
        machine.push(transaction(), 1.0)
        assert machine.next_deadline() == float("inf")

    def test_resend_every_repeats_until_the_ack(self) -> None:
        machine = server(resend_every=10.0)
        connect(machine, 1)
        connect(machine, 2)
        message = machine.push(transaction(), 0.0)
        machine.take_effects()
        assert machine.next_deadline() == 10.0
        machine.handle_timer(10.0, WALL + 10)
        assert machine.take_effects() == [SendTo(1, message.text, "resend"), SendTo(2, message.text, "resend")]
        ask(machine, "transactionACK", chain_type="ethereum", txHash=HASH)
        machine.handle_timer(20.0, WALL + 20)
        assert machine.take_effects() == []

    def test_resend_every_rests_while_nobody_is_connected(self) -> None:
        machine = server(resend_every=10.0)
        connect(machine)
        machine.disconnected(1, 1.0)
        assert machine.next_deadline() == float("inf")

    def test_the_oldest_are_forgotten_beyond_the_history(self) -> None:
        machine = server(history=2)
        connect(machine)
        for n in range(3):
            machine.push(transaction(txhash=f"0x{n}"), 1.0, message_id=f"m{n}")
        machine.take_effects()
        assert list(machine.messages) == ["m1", "m2"]
        assert [m.id for m in machine.unacked()] == ["m1", "m2"]
        assert ask(machine, "getTxHash", chain_type="ethereum", chain_id=1, txHash="0x0")["code"] == 404


def run(machine: GelabsServer, until: float) -> None:
    while (now := machine.next_deadline()) <= until:
        machine.handle_timer(now, WALL + now)


class TestGeneration:
    def test_it_begins_with_the_first_client(self) -> None:
        machine = server(rate=10.0)
        machine.handle_timer(0.0, WALL)
        assert machine.next_deadline() == float("inf")
        connect(machine, now=5.0)
        assert machine.next_deadline() == pytest.approx(5.1)

    def test_it_can_begin_at_once_and_goes_on_with_nobody_there(self) -> None:
        machine = server(rate=10.0, wait_for_client=False)
        machine.handle_timer(0.0, WALL)
        run(machine, 1.05)
        assert machine.generated == 10
        assert len(connect(machine, now=2.0)) == 11

    def test_the_rate_counts_all_versions(self) -> None:
        machine = server(rate=100.0)
        connect(machine)
        run(machine, 20.005)
        assert machine.generated == 2_000
        assert len(sent(machine)) == 2_000

    def test_it_stops_at_max_messages(self) -> None:
        machine = server(rate=1_000.0, max_messages=25)
        connect(machine)
        run(machine, 10.0)
        assert machine.done
        assert len(machine.messages) == machine.generated == 25

    def test_it_stops_on_demand_for_good(self) -> None:
        machine = server(rate=10.0)
        connect(machine)
        run(machine, 1.05)
        machine.stop()
        connect(machine, 2, now=2.0)
        assert machine.next_deadline() == float("inf")

    def test_no_address_no_transactions(self) -> None:
        machine = server(rate=10.0, addresses={})
        connect(machine)
        run(machine, 5.0)
        assert machine.generated == 0
        ask(machine, "subscribe", address="bc1qxyz", chain_type="bitcoin")
        run(machine, 6.0)
        assert {m["data"]["listenAddress"][0] for m in sent(machine)} == {"bc1qxyz"}

    def test_drop_every_cuts_all_connections(self) -> None:
        machine = server(rate=100.0, drop_every=10)
        connect(machine, 1)
        connect(machine, 2)
        run(machine, 0.105)
        effects = machine.take_effects()
        assert [e for e in effects if isinstance(e, Cut)] == [Cut(1), Cut(2)]
        assert effects[-1] == Cut(2)
        assert machine.connections == []

    def test_the_same_seed_gives_the_same_messages(self) -> None:
        outputs: list[Sequence[ServerEffect]] = []
        for _ in range(2):
            machine = server(rate=50.0, addresses=None)
            connect(machine)
            run(machine, 10.0)
            outputs.append(machine.take_effects())
        assert outputs[0] == outputs[1]
        assert len(outputs[0]) == 500

    def test_late_timers_change_no_message(self) -> None:
        texts: list[list[str]] = []
        for step in (0.0, 0.7):
            machine = server(rate=50.0, addresses=None)
            connect(machine)
            now = 0.0
            while now < 10.0:
                now = max(machine.next_deadline(), now + step)
                machine.handle_timer(now, WALL + now)
            texts.append([m.text for m in machine.messages.values()][:400])
        assert [json.loads(t)["data"]["txhash"] for t in texts[0]] == [json.loads(t)["data"]["txhash"] for t in texts[1]]

    def test_accounts_without_a_list_get_different_addresses(self) -> None:
        machine = server(keys=("k1", "k2"), addresses=None)
        assert {t.address for t in machine.watched("app-1")}.isdisjoint(t.address for t in machine.watched("app-2"))

    def test_all_connections_can_be_closed_in_good_order(self) -> None:
        machine = server()
        connect(machine)
        machine.close_all(1012, "restart", 1.0)
        assert machine.take_effects() == [CloseConn(1, 1012, "restart")]
        machine.disconnected(1, 1.1)


def test_wrong_settings_are_all_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        GelabsSettings(keys=(), rate=-1, drop_every=0, history=0, mix=Mix(pending=2))
    assert len(caught.value.problems) == 5


def test_keys_are_not_shown() -> None:
    assert "hunter2" not in repr(GelabsSettings(keys=("hunter2",)))
