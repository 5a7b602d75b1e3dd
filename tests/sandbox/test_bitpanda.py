"""Bitpanda's server side: each documented reply, who gets which update, and what is remembered of them."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from pushwire.core.secrets import Secret
from pushwire.errors import ConfigError
from pushwire.providers.bitpanda import PRICE_CHANGES, PRICES, Pair, Price, PriceChange, Topic
from pushwire.providers.bitpanda.messages import decode
from pushwire.sandbox.base import Accept, CloseConn, ConnectRequest, Cut, Refuse, SendTo
from pushwire.sandbox.bitpanda import BitpandaServer
from pushwire.sandbox.bitpanda_settings import BitpandaSettings
from pushwire.testing.bitpanda import AAPL, BTC

WALL = 1_706_521_000.0
NO_ITEMS: list[str] = []
NO_NAMES: dict[str, str] = {}
SUBSCRIBE_BTC = [{"type": "cr", "asset": "BTC", "fiat": "EUR"}]


def server(**settings: Any) -> BitpandaServer:  # forwarded to BitpandaSettings, which checks them
    settings.setdefault("tokens", None)
    return BitpandaServer(BitpandaSettings(**settings), random.Random(7))


def request(token: str = "t", **query: str) -> ConnectRequest:
    return ConnectRequest("/ws", query, {"authorization": f"Bearer {token}"})


def connected(machine: BitpandaServer, conn: int = 1, now: float = 0.0) -> BitpandaServer:
    assert machine.connect(conn, request(), now, WALL + now) == Accept()
    return machine


def sent(machine: BitpandaServer, conn: int = 1) -> list[dict[str, Any]]:  # JSON objects
    return [json.loads(e.text) for e in machine.take_effects() if isinstance(e, SendTo) and e.conn == conn]


def ask(
    machine: BitpandaServer, action: str = "subscribe", payload: object = None, *, channel: str = PRICES, conn: int = 1
) -> dict[str, Any]:  # a JSON object
    frame: dict[str, object] = {"action": action, "channel": channel}
    machine.receive(conn, json.dumps(frame if payload is None else {**frame, "payload": payload}), 0.0)
    (reply,) = sent(machine, conn)
    assert (reply.pop("action"), reply.pop("channel")) == (action, channel)
    return reply


SUCCESS = {"status": "success"}


# Handshakes


def test_without_a_token_or_with_a_wrong_one_a_handshake_is_refused_with_401() -> None:
    machine = server(tokens=("t1", Secret("t2")))
    for refused in (ConnectRequest(), request("nope"), ConnectRequest(headers={"authorization": "Basic t1"}), request(token="")):
        answer = machine.connect(1, refused, 0.0, WALL)
        assert isinstance(answer, Refuse)
        assert answer.status == 401
    assert machine.connections == []
    assert machine.connect(2, request("t2"), 0.0, WALL) == Accept()


def test_the_token_may_be_expected_in_the_query() -> None:
    machine = server(token_parameter="access_token")
    assert isinstance(machine.connect(1, request(), 0.0, WALL), Refuse)
    assert machine.connect(1, request(access_token="t"), 0.0, WALL) == Accept()


def test_no_greeting_is_sent() -> None:
    assert connected(server()).take_effects() == []


# Replies


def test_pairs_fiats_or_all_can_be_subscribed_to() -> None:
    machine = connected(server())
    assert ask(machine, payload=SUBSCRIBE_BTC) == SUCCESS
    assert machine.topics(1) == [Topic.of(PRICES, BTC)]
    assert ask(machine, payload=[{"fiat": "EUR"}, {"fiat": "USD"}]) == SUCCESS
    assert machine.topics(1) == [Topic(PRICES, "EUR"), Topic(PRICES, "USD")]
    assert ask(machine) == SUCCESS
    assert machine.topics(1) == [Topic(PRICES)]


@pytest.mark.parametrize("merge, assets", [("add", ["BTC", "ETH"]), ("replace", ["ETH"])])
def test_a_second_subscribe_adds_or_replaces(merge: str, assets: list[str]) -> None:
    machine = connected(server(merge=merge))
    ask(machine, payload=SUBSCRIBE_BTC)
    ask(machine, payload=[{"type": "cr", "asset": "ETH", "fiat": "EUR"}])
    assert [topic.asset for topic in machine.topics(1)] == assets


def test_an_unsubscribe_drops_the_whole_channel_and_no_other() -> None:
    machine = connected(server())
    ask(machine, payload=SUBSCRIBE_BTC)
    ask(machine, channel=PRICE_CHANGES)
    assert ask(machine, "unsubscribe") == SUCCESS
    assert machine.topics(1) == [Topic(PRICE_CHANGES)]
    assert ask(machine, "unsubscribe") == SUCCESS


@pytest.mark.parametrize(
    "channel, payload, error",
    [
        ("non-existent-channel", None, "channel not supported"),
        (PRICE_CHANGES, [{"fiat": "XXX"}], "fiat not found: XXX"),
        (PRICES, [{"type": "cr", "asset": "BTC", "fiat": "XXX"}], "fiat not found: XXX"),
        (PRICE_CHANGES, [{"type": "cr", "asset": "ABC", "fiat": "EUR"}], "asset not found for domain: ABC"),
        (PRICES, [*SUBSCRIBE_BTC, {"type": "s", "asset": "BTC", "fiat": "EUR"}], "asset not found for domain: BTC"),
        (PRICES, [*SUBSCRIBE_BTC, {"fiat": "EUR"}], "invalid payload"),
        (PRICES, NO_ITEMS, "invalid payload"),
        (PRICES, [NO_NAMES], "invalid payload"),
        (PRICES, [{"type": "cr", "asset": "BTC"}], "invalid payload"),
        (PRICES, [{"asset": "BTC", "fiat": "EUR"}], "invalid payload"),
    ],
)
def test_what_cannot_be_subscribed_to_is_answered_with_an_error_and_changes_nothing(
    channel: str, payload: object, error: str
) -> None:
    machine = connected(server())
    assert ask(machine, payload=payload, channel=channel) == {"error": error}
    assert machine.topics(1) == []


def test_an_unknown_action_is_an_error() -> None:
    assert ask(connected(server()), "dance") == {"error": "action not supported"}


@pytest.mark.parametrize("message", ["{", b"\xff", "[]", '{"action":5,"channel":"x"}', '{"channel":"x"}', "[" * 10_000])
def test_nonsense_is_an_error(message: str | bytes) -> None:
    machine = connected(server())
    machine.receive(1, message, 0.0)
    assert sent(machine) == [{"action": "", "channel": "", "error": "invalid message"}]


def test_of_an_unknown_connection_nothing_is_taken() -> None:
    machine = server()
    machine.receive(1, "{}", 0.0)
    machine.sign_of_life(1, 0.0)
    machine.disconnected(1, 0.0)
    assert machine.take_effects() == []


# Updates


def test_an_update_goes_to_those_who_subscribed_to_its_pair_its_fiat_or_all() -> None:
    machine = server()
    payloads: list[object] = [SUBSCRIBE_BTC, [{"fiat": "EUR"}], None, [{"fiat": "USD"}]]
    for conn, payload in enumerate(payloads):
        connected(machine, conn)
        ask(machine, payload=payload, conn=conn)
    machine.push(BTC, 1.0)
    assert [effect.conn for effect in machine.take_effects()] == [0, 1, 2]
    machine.push(BTC, 1.0, PRICE_CHANGES)
    assert machine.take_effects() == []


@pytest.mark.parametrize("channel, kind", [(PRICES, Price), (PRICE_CHANGES, PriceChange)])
def test_an_update_is_spelled_as_documented_and_known_by_what_the_client_knows_it_by(
    channel: str, kind: type[Price] | type[PriceChange]
) -> None:
    machine = connected(server())
    ask(machine, channel=channel)
    updates = [machine.push(AAPL, 5.0, channel) for _ in range(100)]
    received = [decode(update.text) for update in updates]
    assert {type(update) for update in received} == {kind}
    assert [update.identity for update in received] == [update.identity for update in updates]
    assert machine.sent == {update.identity: WALL + 5.0 for update in updates}
    assert len(machine.sent) == 100


def test_no_more_is_remembered_than_history_allows() -> None:
    machine = connected(server(history=3))
    updates = [machine.push(BTC, 0.0) for _ in range(5)]
    assert list(machine.sent) == [update.identity for update in updates[2:]]


def test_any_message_can_be_said() -> None:
    machine = connected(server())
    machine.say({"CH": "prices-v2"})
    assert sent(machine) == [{"CH": "prices-v2"}]


# The feed


def run(machine: BitpandaServer, until: float, step: float = 0.25) -> None:
    """Handle the timer every `step` seconds."""
    for tick in range(int(until / step) + 1):
        machine.handle_timer(tick * step, WALL + tick * step)


def test_the_feed_keeps_its_rate_for_what_is_subscribed_to() -> None:
    machine = connected(server(rate=10.0))
    ask(machine, payload=SUBSCRIBE_BTC)
    run(machine, 10.25)
    updates = sent(machine)
    assert len(updates) == machine.generated == len(machine.sent) == 102
    assert {(update["CH"], update["A"], update["F"]) for update in updates} == {(PRICES, "BTC", "EUR")}


def test_while_nobody_has_subscribed_nothing_is_generated() -> None:
    machine = connected(server(rate=10.0))
    run(machine, 1.0)
    assert machine.generated == 0


def test_changes_of_other_fiats_are_accepted_and_silent() -> None:
    machine = connected(server(rate=10.0))
    assert ask(machine, payload=[{"fiat": "USD"}], channel=PRICE_CHANGES) == SUCCESS
    run(machine, 1.0)
    assert machine.generated == 0
    assert ask(machine, channel=PRICE_CHANGES) == SUCCESS
    run(machine, 2.0)
    assert {update["F"] for update in sent(machine)} == {"EUR"}


def test_while_a_client_is_away_its_feed_goes_on_and_is_remembered() -> None:
    machine = connected(server(rate=10.0))
    ask(machine, payload=SUBSCRIBE_BTC)
    machine.disconnected(1, 0.0)
    run(machine, 1.0)
    assert machine.generated > 0
    assert machine.take_effects() == []
    before = machine.generated
    connected(machine, 2, 1.0)
    run(machine, 2.0)
    assert machine.generated == before


def test_the_feed_ends_by_itself_or_when_it_is_stopped() -> None:
    machine = connected(server(rate=10.0, max_messages=5))
    ask(machine)
    run(machine, 2.0)
    assert machine.done
    assert machine.generated == 5
    assert machine.next_deadline() == 60.0
    machine = connected(server(rate=10.0))
    ask(machine)
    machine.stop()
    run(machine, 1.0)
    assert (machine.generated, machine.done) == (0, False)


def test_the_feed_may_begin_before_anybody_came() -> None:
    machine = server(rate=10.0, wait_for_client=False)
    machine.handle_timer(0.0, WALL)
    assert machine.next_deadline() == 0.1
    waiting = server(rate=10.0)
    waiting.handle_timer(0.0, WALL)
    assert waiting.next_deadline() == float("inf")


def test_a_seed_gives_the_same_feed_however_often_the_timer_runs() -> None:
    feeds: list[list[dict[str, Any]]] = []
    for step in (0.25, 0.75):
        machine = connected(server(rate=10.0, max_messages=50))
        ask(machine)
        run(machine, 10.0, step)
        feeds.append(sent(machine))
    assert feeds[0] == feeds[1]


def test_what_is_late_counts_as_sent_when_it_was() -> None:
    machine = connected(server(rate=1.0))
    ask(machine, payload=SUBSCRIBE_BTC)
    machine.handle_timer(3.5, WALL + 3.5)
    assert [update["U"] for update in sent(machine)] == [WALL + 1, WALL + 2, WALL + 3]
    assert list(machine.sent.values()) == [WALL + 3.5] * 3


# Ends


def test_a_connection_that_is_silent_for_a_minute_is_closed() -> None:
    machine = connected(server())
    machine.sign_of_life(1, 30.0)
    assert machine.next_deadline() == 90.0
    machine.handle_timer(89.0, WALL)
    assert machine.take_effects() == []
    machine.handle_timer(90.0, WALL)
    assert machine.take_effects() == [CloseConn(1, 1001, "idle")]
    assert machine.connections == []


def test_a_deadline_that_floating_point_rounds_is_met_all_the_same() -> None:
    machine = connected(server())
    machine.sign_of_life(1, 43.27670679050534)
    due = machine.next_deadline()
    machine.handle_timer(due, WALL)
    assert machine.next_deadline() > due


def test_commands_are_signs_of_life_and_updates_are_not() -> None:
    machine = connected(server())
    machine.receive(1, '{"action":"subscribe","channel":"prices-v1"}', 50.0)
    machine.push(BTC, 100.0)
    assert machine.next_deadline() == 110.0


def test_connections_are_cut_every_so_many_updates() -> None:
    machine = connected(server(rate=10.0, drop_every=3))
    ask(machine)
    run(machine, 0.35, 0.05)
    assert [type(effect) for effect in machine.take_effects()] == [SendTo, SendTo, SendTo, Cut]


def test_a_test_may_cut_or_close_all() -> None:
    machine = connected(connected(server()), 2)
    machine.cut_all(0.0)
    assert machine.take_effects() == [Cut(1), Cut(2)]
    connected(machine, 3)
    machine.close_all(4000, "bye", 0.0)
    assert machine.take_effects() == [CloseConn(3, 4000, "bye")]
    assert machine.path == "/ws"


# Settings


def test_every_wrong_setting_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        server(
            tokens=(),
            token_lifetime=0,
            refresh_lifetime=0,
            max_messages=0,
            drop_every=0,
            idle_after=0,
            history=0,
            rate=-1,
            merge="both",
            fiats=(),
            assets=("BTC",),
            change_fiats=("EUR",),
            idle_close=1,
        )
    assert len(caught.value.problems) == 13
    with pytest.raises(ConfigError, match="assets"):
        server(assets=())


def test_a_pair_outside_the_domain_is_not_generated() -> None:
    machine = connected(server(rate=10.0, assets=("cr/BTC",), fiats=("EUR",)))
    ask(machine)
    run(machine, 2.0)
    assert {Pair(update["T"], update["A"], update["F"]) for update in sent(machine)} == {BTC}
