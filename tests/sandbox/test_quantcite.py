"""QuantCite's server side: each documented reply, what it pushes and to whom."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from pushwire.core.secrets import Secret
from pushwire.errors import ConfigError
from pushwire.sandbox.base import Accept, CloseConn, ConnectRequest, Cut, Refuse, SendTo
from pushwire.sandbox.quantcite import QuantciteServer
from pushwire.sandbox.quantcite_book import EXCHANGES, Account, Place
from pushwire.sandbox.quantcite_settings import QuantciteSettings
from pushwire.testing import quantcite as build

WALL = 1_745_000_000.0
SUBSCRIBE = {"action": "subscribe_transactions", "exchange": "bybit", "testnet": False, "transaction_types": ["deposits"]}
OWN = {"api_key": "ok-1", "secret": "s"}

Reply = dict[str, Any]  # decoded JSON, whatever its shape


def server(**settings: Any) -> QuantciteServer:  # forwarded to the settings, which check them
    given: dict[str, Any] = {"keys": ("k1", Secret("k2")), "history": 0, **settings}
    return QuantciteServer(QuantciteSettings(**given), random.Random(7))


def sent(machine: QuantciteServer, conn: int = 1) -> list[Reply]:
    return [json.loads(e.text) for e in machine.take_effects() if isinstance(e, SendTo) and e.conn == conn]


def connect(machine: QuantciteServer, conn: int = 1, key: str | None = "k1") -> list[Reply]:
    """Connect and, with a key, authenticate. Returns all that was said."""
    assert machine.connect(conn, ConnectRequest("/x"), 0.0, WALL) == Accept()
    if key is not None:
        machine.receive(conn, json.dumps({"type": "authenticate", "api_key": key}), 0.0)
    return sent(machine, conn)


def ask(machine: QuantciteServer, fields: object, conn: int = 1, now: float = 1.0) -> Reply:
    machine.receive(conn, json.dumps(fields), now)
    [reply] = sent(machine, conn)
    return reply


def ready(**settings: Any) -> QuantciteServer:  # as for `server`
    machine = server(**settings)
    connect(machine)
    return machine


class TestAuthentication:
    def test_the_right_key_is_welcomed(self) -> None:
        machine = server()
        [welcome] = connect(machine, key="k2")
        assert welcome["type"] == "welcome"
        assert welcome["user_id"] == machine.users[1].user_id
        assert (welcome["user_tier"], len(welcome["session_id"])) == ("premium", 36)
        assert welcome["authentication"] == {"api_key": "demo_key...", "status": "authenticated"}

    def test_any_key_will_do_where_none_are_named(self) -> None:
        assert connect(server(keys=None), key="whatever")[0]["type"] == "welcome"

    @pytest.mark.parametrize("success, kind", [("short", "welcome"), ("legacy", "authentication_success")])
    def test_success_has_older_forms(self, success: str, kind: str) -> None:
        [welcome] = connect(server(success=success))
        assert welcome["type"] == kind
        assert "session_id" not in welcome

    def test_a_socket_may_be_greeted_first(self) -> None:
        greeting, welcome = connect(server(greeting=True))
        assert "user_tier" not in greeting
        assert greeting["type"] == welcome["type"] == "welcome"

    @pytest.mark.parametrize("key", ["wrong", "", None, 5])
    def test_a_wrong_key_is_refused_in_either_form(self, key: object) -> None:
        for refusal, expected in (
            ("error", {"type": "error", "error": "Authentication failed", "code": 4001}),
            (
                "authentication_error",
                {"type": "authentication_error", "error": "api_key_not_found", "message": "API key not found"},
            ),
        ):
            machine = server(refusal=refusal)
            connect(machine, key=None)
            assert ask(machine, {"type": "authenticate", "api_key": key}) == expected

    def test_a_key_in_the_url_is_taken_too(self) -> None:
        machine = server()
        assert machine.connect(1, ConnectRequest("/x", {"api_key": "k1"}), 0.0, WALL) == Accept()
        assert sent(machine)[0]["user_tier"] == "premium"
        assert machine.connect(2, ConnectRequest("/x", {"api_key": "no"}), 0.0, WALL) == Refuse(401, "unknown API key")

    def test_commands_need_it(self) -> None:
        machine = server()
        connect(machine, key=None)
        reply = ask(machine, {"action": "get_exchanges"})
        assert (reply["type"], reply["error"], "code" in reply) == ("error", "authentication_required", False)
        assert machine.commands == []


class TestCommands:
    def test_exchanges_are_listed_with_what_they_need(self) -> None:
        reply = ask(ready(), {"action": "get_exchanges"})
        assert reply["type"] == "exchanges_response"
        assert {row["exchange_name"]: row["requires_passphrase"] for row in reply["exchanges"]} == {
            "bybit": False,
            "binance": False,
            "okx": True,
        }

    def test_credentials_are_validated(self) -> None:
        machine = ready(credentials=("ok-1",))
        validate = {"action": "validate_credentials", "exchange": "bybit", "testnet": False}
        assert ask(machine, validate) == {
            "type": "validation_response",
            "success": True,
            "message": "Credentials are valid (using internal credentials)",
            "exchange": "bybit",
            "credentials_source": "internal",
            "account_info": {"account_type": "UNIFIED", "status": "active"},
        }
        assert ask(machine, {**validate, "credentials": OWN})["credentials_source"] == "user"
        assert ask(machine, {**validate, "credentials": {"api_key": "no", "secret": "s"}}) == {
            "type": "validation_response",
            "success": False,
            "message": "Invalid credentials provided",
            "exchange": "bybit",
            "error": "authentication_failed",
        }
        assert ask(machine, {**validate, "exchange": "binance"})["success"] is False

    def test_a_json_ping_is_answered_if_it_is_to_be(self) -> None:
        pong = ask(ready(), {"type": "ping"})
        assert (pong["type"], pong["latency_ms"], pong["timestamp"]) == ("pong", 2.5, "2025-04-18T18:13:21.000")
        assert ask(ready(answers_pings=False), {"type": "ping"})["code"] == 4002

    @pytest.mark.parametrize(
        "fields, code, error",
        [
            ({"action": "fly"}, 4002, "invalid_action"),
            ({}, 4002, "invalid_action"),
            ({"action": "subscribe_transactions"}, 4003, "missing_parameters"),
            ({"action": "validate_credentials", "exchange": 5}, 4003, "missing_parameters"),
            ({**SUBSCRIBE, "transaction_types": "deposits"}, 4003, "missing_parameters"),
            ({**SUBSCRIBE, "exchange": "okx", "credentials": OWN}, 4003, "missing_parameters"),
            ({**SUBSCRIBE, "exchange": "nowhere"}, 4004, "exchange_error"),
            ({**SUBSCRIBE, "exchange": "binance"}, 4004, "exchange_error"),
        ],
    )
    def test_what_cannot_be_done_is_an_error_by_its_code(self, fields: Reply, code: int, error: str) -> None:
        reply = ask(ready(), fields)
        assert (reply["type"], reply["code"], reply["error"]) == ("error", code, error)
        assert reply["timestamp"] == "2025-04-18T18:13:21.000Z"

    @pytest.mark.parametrize("message", ["", "{", "5", b"\xff", "[" * 100_000])
    def test_what_is_no_message_is_an_error_too(self, message: str | bytes) -> None:
        machine = ready()
        machine.receive(1, message, 1.0)
        [reply] = sent(machine)
        assert (reply["code"], reply["message"]) == (4002, "invalid JSON")

    @pytest.mark.parametrize("told", [True, False])
    def test_beyond_the_rate_commands_are_refused_until_the_minute_is_over(self, told: bool) -> None:
        machine = ready(requests_a_minute=1, retry_after=told)
        assert ask(machine, {"action": "get_exchanges"}, now=30.0)["type"] == "exchanges_response"
        refused = ask(machine, {"action": "get_exchanges"}, now=30.5)
        assert (refused["code"], refused.get("retry_after")) == (4005, 30 if told else None)
        assert ask(machine, {"action": "get_exchanges"}, now=60.0)["type"] == "exchanges_response"
        assert machine.commands == ["get_exchanges"] * 3

    def test_of_an_unknown_connection_nothing_is_heard(self) -> None:
        machine = server()
        machine.receive(9, "{}", 0.0)
        machine.disconnected(9, 0.0)
        assert machine.take_effects() == []


def batches(effects: Sequence[object]) -> list[tuple[int, str, list[str]]]:
    """Connection, kind and transaction ids of each batch."""
    found: list[tuple[int, str, list[str]]] = []
    for effect in effects:
        assert isinstance(effect, SendTo)
        found.append((effect.conn, effect.kind, [tx["transactionId"] for tx in json.loads(effect.text)["transactions"]]))
    return found


class TestTransactions:
    def test_a_subscription_is_answered_with_the_history_of_its_types(self) -> None:
        machine = ready(history=20, history_limit=2)
        reply = ask(machine, {**SUBSCRIBE, "transaction_types": ["deposits", "withdrawals"]})
        assert (reply["type"], reply["success"], reply["exchange"]) == ("transaction_response", True, "bybit")
        assert reply["total_transactions"] == len(reply["transactions"]) == reply["summary"]["total_count"] == 2
        assert {tx["label"] for tx in reply["transactions"]} <= {"Deposit", "Withdrawal"}
        assert sum(reply["summary"]["by_type"].values()) == 2
        whole = ask(machine, {"action": "subscribe_transactions", "exchange": "bybit", "testnet": True})
        assert len(whole["transactions"]) == 2
        assert {tx["transactionId"] for tx in whole["transactions"]}.isdisjoint(
            tx["transactionId"] for tx in reply["transactions"]
        )

    def test_a_push_goes_to_those_who_follow_the_account_and_the_type(self) -> None:
        machine = server()
        for conn, key, fields in (
            (1, "k1", SUBSCRIBE),
            (2, "k1", {**SUBSCRIBE, "transaction_types": []}),
            (3, "k1", {**SUBSCRIBE, "transaction_types": ["withdrawals"]}),
            (4, "k1", {**SUBSCRIBE, "testnet": True}),
            (5, "k1", {**SUBSCRIBE, "credentials": OWN}),
            (6, "k2", SUBSCRIBE),
            (7, "k1", {"action": "get_exchanges"}),
        ):
            connect(machine, conn, key)
            ask(machine, fields, conn)
        connect(machine, 8, key=None)
        record = machine.push(build.wire(), 5.0)
        assert batches(machine.take_effects()) == [(conn, "push", [build.TRANSACTION_ID]) for conn in (1, 2)]
        assert (record.pushed_to, record.at, record.kind) == ([1, 2], WALL + 5.0, "deposits")
        assert record.identity == build.transaction().identity

    def test_what_is_subscribed_to_in_several_goes_adds_up(self) -> None:
        machine = ready()
        ask(machine, SUBSCRIBE)
        ask(machine, {**SUBSCRIBE, "transaction_types": ["trades"]})
        for kind in ("deposits", "trades", "withdrawals"):
            machine.push(build.wire(transaction_id=kind), 5.0, kind=kind)
        assert [ids for _, _, ids in batches(machine.take_effects())] == [["deposits"], ["trades"]]
        ask(machine, {**SUBSCRIBE, "transaction_types": []})
        ask(machine, SUBSCRIBE)
        machine.push(build.wire(transaction_id="x"), 5.0, kind="transfers")
        assert len(machine.take_effects()) == 1

    def test_the_feed_begins_with_the_first_subscription_and_goes_on_without_a_client(self) -> None:
        machine = ready(rate=10.0)
        assert machine.next_deadline() == float("inf")
        ask(machine, SUBSCRIBE, now=1.0)
        machine.handle_timer(1.5, WALL + 1.5)
        assert len(batches(machine.take_effects())) == 5
        machine.disconnected(1, 1.5)
        machine.handle_timer(2.0, WALL + 2.0)
        assert (machine.take_effects(), machine.generated) == ([], 10)
        connect(machine, 2)
        assert len(ask(machine, SUBSCRIBE, 2)["transactions"]) == 10
        assert len(machine.sent()) == 10
        assert all(WALL + 1.0 < at <= WALL + 2.0 for at in machine.sent().values())

    def test_the_feed_ends_when_it_is_told_to_or_has_made_enough(self) -> None:
        machine = ready(rate=10.0, max_messages=3)
        ask(machine, SUBSCRIBE, now=0.0)
        machine.handle_timer(1.0, WALL + 1.0)
        assert (machine.generated, machine.done, machine.next_deadline()) == (3, True, float("inf"))
        machine = ready(rate=10.0)
        ask(machine, SUBSCRIBE, now=0.0)
        machine.stop()
        machine.handle_timer(1.0, WALL + 1.0)
        assert (machine.generated, machine.done) == (0, False)

    def test_connections_are_cut_every_so_many_transactions(self) -> None:
        machine = ready(rate=10.0, drop_every=2)
        ask(machine, SUBSCRIBE, now=0.0)
        machine.handle_timer(0.21, WALL + 0.21)
        *_, last = machine.take_effects()
        assert last == Cut(1)
        assert machine.connections == []

    def test_connections_can_be_closed_and_told_anything(self) -> None:
        machine = ready()
        machine.say({"type": "rate_limit_warning", "message": "80 %"})
        assert sent(machine) == [{"type": "rate_limit_warning", "message": "80 %"}]
        machine.close_all(1001, "bye", 1.0)
        assert machine.take_effects() == [CloseConn(1, 1001, "bye")]

    def test_a_seed_gives_the_same_feed(self) -> None:
        feeds: list[Sequence[object]] = []
        for _ in range(2):
            machine = ready(rate=10.0, history=3)
            ask(machine, {**SUBSCRIBE, "transaction_types": []}, now=0.0)
            machine.handle_timer(2.0, WALL + 2.0)
            feeds.append(machine.take_effects())
        assert feeds[0] == feeds[1]

    @pytest.mark.parametrize("kind", sorted({kind for exchange in EXCHANGES.values() for kind in exchange.types}))
    def test_amounts_are_numbers_with_more_digits_than_a_float_holds(self, kind: str) -> None:
        account = Account(Place("bybit", False, ""))
        records = [account.make(kind, WALL, random.Random(seed)) for seed in range(50)]
        for record in records:
            assert record.data["label"]
            for name in ("sentCurrency", "receivedCurrency", "fee"):
                part = record.data.get(name)
                amount = msgspec.convert(part, dict[str, Any])["amount"] if part is not None else Decimal(0)
                assert isinstance(amount, Decimal)
        assert len({record.identity for record in records}) == 50


def test_every_wrong_setting_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        QuantciteSettings(
            keys=(),
            rate=-1.0,
            history=-1,
            history_limit=0,
            max_messages=0,
            drop_every=-1,
            requests_a_minute=0,
            success="odd",  # type: ignore[arg-type]  # what an untyped caller does
            refusal="odd",  # type: ignore[arg-type]  # as above
        )
    assert sorted(problem.partition(":")[0] for problem in caught.value.problems) == [
        "drop_every",
        "history",
        "history_limit",
        "keys",
        "max_messages",
        "rate",
        "refusal",
        "requests_a_minute",
        "success",
    ]
