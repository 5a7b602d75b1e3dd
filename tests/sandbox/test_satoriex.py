"""The sandbox's SatoriEx: who is let in, what is subscribed to, and what is generated."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import pytest

from pushwire.core.secrets import Secret
from pushwire.errors import ConfigError, LocalProtocolError
from pushwire.providers.satoriex import EVENTS, USER, Topic
from pushwire.sandbox.base import Accept, CloseConn, ConnectRequest, Cut, Refuse, SendTo
from pushwire.sandbox.satoriex import SatoriexServer
from pushwire.sandbox.satoriex_settings import SatoriexSettings

WALL = 1e9
MARKET = Topic("market", "mkt_abc123")
DATA = Topic("marketdata", "mkt_abc123")


def server(*tokens: str, seed: int = 1, **settings: Any) -> SatoriexServer:
    return SatoriexServer(SatoriexSettings(tokens=tokens or None, **settings), random.Random(seed))


def connect(machine: SatoriexServer, conn: int = 1, token: str | None = "t", now: float = 0.0) -> Accept | Refuse:
    return machine.connect(conn, ConnectRequest("/ws", {} if token is None else {"token": token}), now, WALL + now)


def say(machine: SatoriexServer, kind: str, market_id: str = "mkt_abc123", conn: int = 1) -> None:
    machine.receive(conn, json.dumps({"type": kind, "market_id": market_id}), 0.0)


def pushed(machine: SatoriexServer) -> list[tuple[int, dict[str, Any]]]:
    """What was sent since the last call: to whom, and what."""
    return [(effect.conn, json.loads(effect.text)) for effect in machine.take_effects() if isinstance(effect, SendTo)]


def run(machine: SatoriexServer, until: float) -> None:
    while (now := machine.next_deadline()) <= until:
        machine.handle_timer(now, WALL + now)


# Who is let in


def test_a_known_token_in_the_url_is_let_in_without_a_word() -> None:
    machine = server("a", "b")
    assert connect(machine, 1, "a") == Accept()
    assert connect(machine, 2, "b") == Accept()
    assert machine.take_effects() == []
    assert machine.connections == [1, 2]


@pytest.mark.parametrize("token", [None, "", "c"])
def test_any_other_is_refused(token: str | None) -> None:
    answer = connect(server("a", "b"), 1, token)
    assert isinstance(answer, Refuse)
    assert answer.status == 401


def test_without_known_tokens_any_will_do_but_none_will_not() -> None:
    assert connect(server(), 1, "whatever") == Accept()
    assert isinstance(connect(server(), 1, None), Refuse)


def test_a_revoked_token_closes_its_connections_and_opens_no_more() -> None:
    machine = server("a", "b", auth_close=4003)
    connect(machine, 1, "a")
    connect(machine, 2, "b")
    connect(machine, 3, "a")
    machine.revoke(Secret("a"), 1.0)
    assert machine.take_effects() == [CloseConn(conn, 4003, "the token is no longer accepted") for conn in (1, 3)]
    assert machine.connections == [2]
    assert isinstance(connect(machine, 4, "a"), Refuse)


# What is subscribed to


def test_subscriptions_are_taken_without_a_reply() -> None:
    machine = server()
    connect(machine)
    say(machine, "subscribe")
    say(machine, "subscribe_marketdata")
    say(machine, "subscribe")
    assert machine.topics(1) == [MARKET, DATA]
    say(machine, "unsubscribe")
    assert machine.topics(1) == [DATA]
    say(machine, "unsubscribe_marketdata")
    assert machine.topics(1) == []
    assert machine.take_effects() == []


@pytest.mark.parametrize(
    "message", ["", "{", "[]", "{}", '{"type":"subscribe"}', '{"type":5,"market_id":"m"}', b"\xff", "[" * 9999]
)
def test_what_is_no_command_is_not_answered(message: str | bytes) -> None:
    machine = server()
    connect(machine)
    machine.receive(1, message, 0.0)
    machine.receive(1, '{"type":"dance","market_id":"m"}', 0.0)
    machine.receive(99, '{"type":"subscribe","market_id":"m"}', 0.0)
    assert machine.topics(1) == []
    assert machine.take_effects() == []


def test_events_go_to_whom_they_are_for() -> None:
    machine = server("a", "b", spelling="top")
    connect(machine, 1, "a")
    connect(machine, 2, "b")
    connect(machine, 3, "a")
    say(machine, "subscribe", conn=2)
    mine = machine.push("wallet_changed", {"amount": "1"}, 1.0)
    theirs = machine.push("mention", {}, 1.0, account=1)
    market = machine.push("trade", {"market_id": "mkt_abc123"}, 1.0, topic=MARKET)
    machine.push("price_update", {"market_id": "mkt_abc123"}, 1.0, topic=DATA)
    assert [sent.conns for sent in (mine, theirs, market)] == [(1, 3), (2,), (2,)]
    assert pushed(machine) == [
        (1, {"type": "wallet_changed", "amount": "1", "serial": 1}),
        (3, {"type": "wallet_changed", "amount": "1", "serial": 1}),
        (2, {"type": "mention", "serial": 2}),
        (2, {"type": "trade", "market_id": "mkt_abc123", "serial": 3}),
    ]
    assert [(sent.serial, sent.at) for sent in machine.sent] == [(n, WALL + 1.0) for n in (1, 2, 3, 4)]
    with pytest.raises(LocalProtocolError, match="no account 2"):
        machine.push("mention", {}, 1.0, account=2)


@pytest.mark.parametrize(
    "spelling, wrapped", [("top", [False] * 4), ("payload", [True] * 4), ("both", [False, True, False, True])]
)
def test_the_name_stands_where_it_is_told_to(spelling: str, wrapped: list[bool]) -> None:
    machine = server(spelling=spelling)
    connect(machine)
    for _ in range(4):
        machine.push("mention", {}, 0.0)
    messages = [message for _, message in pushed(machine)]
    assert ["payload" in message for message in messages] == wrapped
    assert all((message.get("payload") or message)["type"] == "mention" for message in messages)


# What is generated


def test_the_feed_makes_every_kind_of_what_is_subscribed_to() -> None:
    machine = server(rate=10.0, orderbook_name="depth")
    connect(machine)
    say(machine, "subscribe")
    say(machine, "subscribe_marketdata")
    say(machine, "subscribe", "mkt_unknown")
    run(machine, 200.05)
    assert machine.generated == len(machine.sent) == 2_000
    assert {sent.name for sent in machine.sent} == {*EVENTS, "depth"}
    assert {sent.topic for sent in machine.sent} == {USER, MARKET, DATA}
    messages = [message.get("payload") or message for _, message in pushed(machine)]
    assert [message["serial"] for message in messages] == list(range(1, 2_001))
    assert all(message["market_id"] == "mkt_abc123" for message in messages if message["type"] in {"trade", "depth"})


def test_without_subscriptions_it_makes_events_of_the_user() -> None:
    machine = server("a", "b", rate=10.0)
    connect(machine, 1, "a")
    run(machine, 20.05)
    assert {sent.topic for sent in machine.sent} == {USER}
    assert {sent.account for sent in machine.sent} == {0, 1}
    assert all(sent.conns == ((1,) if sent.account == 0 else ()) for sent in machine.sent)


def test_while_nobody_is_there_it_goes_on_with_what_was_subscribed_to_last() -> None:
    machine = server(rate=10.0)
    connect(machine)
    say(machine, "subscribe")
    machine.disconnected(1, 0.0)
    machine.disconnected(1, 0.0)
    run(machine, 20.05)
    assert {sent.topic for sent in machine.sent} == {USER, MARKET}
    assert {sent.conns for sent in machine.sent} == {()}
    assert machine.take_effects() == []


def test_a_seed_gives_the_same_feed_again() -> None:
    feeds: list[list[str]] = []
    for _ in range(2):
        machine = server(rate=10.0, seed=7)
        connect(machine)
        say(machine, "subscribe_marketdata")
        run(machine, 10.0)
        feeds.append([sent.text for sent in machine.sent])
    assert feeds[0] == feeds[1]


def test_what_is_late_counts_as_sent_when_it_was() -> None:
    machine = server(rate=1.0)
    connect(machine)
    machine.handle_timer(3.5, WALL + 3.5)
    assert [sent.at for sent in machine.sent] == [WALL + 3.5] * 3


def test_it_ends_after_so_many() -> None:
    machine = server(rate=1_000.0, max_messages=25)
    connect(machine)
    run(machine, 10.0)
    assert machine.generated == 25
    assert machine.done
    assert machine.next_deadline() == math.inf


def test_it_can_be_stopped_and_need_not_wait_for_a_client() -> None:
    machine = server(rate=10.0, wait_for_client=False)
    assert machine.next_deadline() == math.inf
    machine.handle_timer(0.0, WALL)
    run(machine, 1.05)
    assert machine.generated == 10
    machine.stop()
    assert machine.next_deadline() == math.inf
    assert not machine.done


def test_connections_can_be_cut_every_so_often() -> None:
    machine = server(rate=10.0, drop_every=5)
    connect(machine)
    run(machine, 0.55)
    assert [effect for effect in machine.take_effects() if isinstance(effect, Cut)] == [Cut(1)]
    assert machine.connections == []


def test_connections_can_be_cut_and_closed_at_will() -> None:
    machine = server()
    connect(machine, 1)
    machine.cut_all(0.0)
    connect(machine, 2)
    machine.close_all(1012, "restart", 0.0)
    assert machine.take_effects() == [Cut(1), CloseConn(2, 1012, "restart")]


# Settings


def test_every_wrong_setting_is_named_at_once() -> None:
    wrong: dict[str, Any] = {
        "tokens": (),
        "rate": -1,
        "max_messages": 0,
        "drop_every": 0,
        "fill_after": 0,
        "token_lifetime": 0,
        "spelling": "side",
        "markets": (),
        "auth_close": 200,
    }
    with pytest.raises(ConfigError) as caught:
        SatoriexSettings(**wrong)
    assert {problem.partition(":")[0] for problem in caught.value.problems} == set(wrong)


def test_tokens_show_in_no_repr() -> None:
    assert "hidden" not in repr(SatoriexSettings(tokens=["hidden-1", Secret("hidden-2")]))


def test_it_is_dialled_at_its_path() -> None:
    assert server().path == "/ws"
