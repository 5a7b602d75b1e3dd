"""Subscriptions through their life: made, merged, dropped in part, given back, restored."""

from __future__ import annotations

import pytest

from pushwire.core.commands import Leave
from pushwire.core.effects import Close
from pushwire.core.events import Down, Gap, SubscriptionRefused, Unrecognized, Up
from pushwire.errors import CommandRefused, ReplyTimeout
from pushwire.providers.bitpanda import PRICE_CHANGES, PRICES, Drop, Pair, Subscribe, Topic, Unsubscribe
from pushwire.testing import bitpanda as build
from pushwire.testing.bitpanda import AAPL, BTC
from tests.providers.bitpanda.harness import Client, brief, config, payload
from tests.providers.harness import WALL, expect

ETH = Pair("cr", "ETH", "EUR")


def said(client: Client) -> list[str]:
    """The frames, answered with success one after the other, in short."""
    return [brief(frame) for frame in client.accept()]


# Merging


def test_a_second_subscribe_names_what_is_subscribed_to_already() -> None:
    client = Client().ready()
    client.ask(Subscribe(PRICES, [BTC]))
    client.submit(Subscribe(PRICES, [AAPL]))
    assert said(client) == ["subscribe cr/BTC/EUR,s/AAPL/EUR"]
    client.submit(Subscribe(PRICES, [BTC]))
    assert said(client) == ["subscribe cr/BTC/EUR,s/AAPL/EUR"]


def test_fiats_are_merged_as_well_and_the_whole_channel_is_just_asked_for_again() -> None:
    client = Client().ready()
    client.ask(Subscribe(PRICES, fiats=["EUR"]))
    client.submit(Subscribe(PRICES, fiats=["USD"]))
    assert said(client) == ["subscribe EUR,USD"]
    client.ask(Subscribe(PRICE_CHANGES))
    client.submit(Subscribe(PRICE_CHANGES))
    assert said(client) == ["subscribe"]


def test_a_pair_that_is_not_confirmed_yet_harms_nobody_elses_frame() -> None:
    client = Client().ready()
    client.submit(Subscribe(PRICES, [BTC]))
    client.submit(Subscribe(PRICES, [Pair("cr", "NOPE", "EUR")]))
    client.submit(Subscribe(PRICES, [AAPL]))
    client.accept_one("subscribe cr/BTC/EUR")
    client.refuse_one("subscribe cr/BTC/EUR,cr/NOPE/EUR", "asset not found for domain: NOPE")
    client.accept_one("subscribe cr/BTC/EUR,s/AAPL/EUR")
    assert [type(settled.error) for settled in client.take_settled()] == [type(None), CommandRefused, type(None)]


def test_where_the_provider_adds_only_what_is_new_may_be_named() -> None:
    client = Client(config(merge="only_new")).ready()
    client.ask(Subscribe(PRICES, [BTC]))
    client.submit(Subscribe(PRICES, [BTC, AAPL]))
    assert said(client) == ["subscribe s/AAPL/EUR"]
    client.submit(Subscribe(PRICES, [BTC, AAPL]))
    assert said(client) == ["subscribe cr/BTC/EUR,s/AAPL/EUR"]


# One command at a time on a channel


def test_commands_of_one_channel_wait_for_one_another_and_other_channels_do_not() -> None:
    client = Client().ready()
    client.submit(Subscribe(PRICES, [BTC]))
    client.submit(Unsubscribe(PRICES))
    client.submit(Subscribe(PRICE_CHANGES))
    assert [(frame["action"], frame["channel"]) for frame in client.take_frames()] == [
        ("subscribe", PRICES),
        ("subscribe", PRICE_CHANGES),
    ]
    client.receive(build.success("subscribe", PRICES))
    assert [frame["action"] for frame in client.take_frames()] == ["unsubscribe"]


def test_a_reply_to_another_action_answers_nobody() -> None:
    client = Client().ready()
    client.submit(Subscribe(PRICES, [BTC]))
    client.receive(build.success("unsubscribe"), build.success(channel=PRICE_CHANGES), build.refused("x", "unsubscribe"))
    events = client.take_events()
    assert [expect(Unrecognized, event).type for event in events] == ["a reply that nobody waits for"] * 3
    assert client.settled == []
    client.receive(build.success())
    client.the_reply()


def test_a_command_without_a_reply_ends_the_connection_since_a_late_reply_would_answer_the_next() -> None:
    client = Client().ready()
    client.submit(Subscribe(PRICES, [BTC]))
    client.advance(10.0)
    client.the_error(ReplyTimeout)
    assert client.hangups[0].reason == "no reply to Subscribe within 10 s"


def test_a_refused_subscription_is_forgotten() -> None:
    client = Client().ready()
    client.submit(Subscribe(PRICES, [BTC]))
    client.refuse_one("subscribe cr/BTC/EUR", "asset not found for domain: BTC")
    error = client.the_error(CommandRefused)
    assert (error.command, error.code, error.text) == ("Subscribe", None, "asset not found for domain: BTC")
    client.reconnect()
    assert client.frames == []


# Giving up


def test_unsubscribing_gives_up_all_of_the_channel() -> None:
    client = Client().ready()
    client.ask(Subscribe(PRICES, [BTC, AAPL]))
    client.ask(Subscribe(PRICE_CHANGES))
    client.submit(Unsubscribe(PRICES))
    assert said(client) == ["unsubscribe"]
    client.reconnect()
    assert [frame["channel"] for frame in client.take_frames()] == [PRICE_CHANGES]


def test_dropping_a_pair_unsubscribes_and_subscribes_to_the_rest_in_this_order() -> None:
    client = Client().ready()
    client.ask(Subscribe(PRICES, [BTC, AAPL, ETH]))
    client.submit(Drop(PRICES, [AAPL]))
    client.submit(Subscribe(PRICES, [Pair("cr", "SOL", "EUR")]))
    client.accept_one("unsubscribe")
    client.the_reply()
    client.accept_one("subscribe cr/BTC/EUR,cr/ETH/EUR")
    client.accept_one("subscribe cr/BTC/EUR,cr/ETH/EUR,cr/SOL/EUR")
    client.reconnect()
    assert said(client) == ["subscribe cr/BTC/EUR,cr/ETH/EUR,cr/SOL/EUR"]


def test_dropping_the_last_pair_just_unsubscribes() -> None:
    client = Client().ready()
    client.ask(Subscribe(PRICES, [BTC]))
    client.submit(Drop(PRICES, [BTC]))
    assert said(client) == ["unsubscribe"]


def test_a_fiat_can_be_dropped_too_and_another_channel_does_not_notice() -> None:
    client = Client().ready()
    client.ask(Subscribe(PRICES, fiats=["EUR", "USD"]))
    client.ask(Subscribe(PRICE_CHANGES, fiats=["EUR", "USD"]))
    client.submit(Drop(PRICES, fiats=["USD"]))
    assert said(client) == ["unsubscribe", "subscribe EUR"]


def test_a_pair_that_was_dropped_before_its_subscribe_left_costs_the_others_nothing() -> None:
    client = Client().ready()
    client.ask(Subscribe(PRICES, [BTC]))
    client.submit(Subscribe(PRICES, [ETH]))
    client.submit(Subscribe(PRICES, [AAPL]))
    client.submit(Drop(PRICES, [AAPL]))
    assert said(client) == ["subscribe cr/BTC/EUR,cr/ETH/EUR"]
    assert [settled.error for settled in client.take_settled()] == [None] * 3
    assert client.desired() == {Topic.of(PRICES, BTC), Topic.of(PRICES, ETH)}


def test_a_pair_that_was_dropped_while_down_costs_the_others_nothing_on_the_next_connection() -> None:
    client = Client().ready().subscribed(Subscribe(PRICES, [BTC, AAPL, ETH]))
    client.submit(Drop(PRICES, [BTC]))
    client.redial()
    client.take_frames()
    client.submit(Drop(PRICES, [AAPL]))
    client.open()
    assert said(client) == ["subscribe cr/ETH/EUR"]
    assert [settled.error for settled in client.take_settled()] == [None, None]
    client.ask(Drop(PRICES, [ETH]))
    assert client.desired() == set()


def test_what_is_refused_when_the_rest_is_subscribed_to_again_is_told() -> None:
    client = Client().ready()
    client.ask(Subscribe(PRICES, [BTC, AAPL, ETH]))
    client.submit(Drop(PRICES, [AAPL]))
    client.accept_one("unsubscribe")
    client.refuse_one("subscribe cr/BTC/EUR,cr/ETH/EUR", "asset not found for domain: ETH")
    assert client.take_events() == [SubscriptionRefused(0.0, Topic.of(PRICES, ETH), None, "asset not found for domain: ETH")]
    client.accept_one("subscribe cr/BTC/EUR")


def test_the_last_to_leave_unsubscribes() -> None:
    client = Client().ready()
    client.ask(Subscribe(PRICES, [BTC, AAPL]))
    client.ask(Subscribe(PRICES, [BTC]))
    client.submit(Leave(Subscribe(PRICES, [BTC])))
    assert client.frames == []
    client.submit(Leave(Subscribe(PRICES, [BTC, AAPL])))
    assert said(client) == ["unsubscribe"]
    client.reconnect()
    assert client.frames == []


def test_who_is_refused_as_the_last_to_want_a_pair_unsubscribes_from_it() -> None:
    client = Client().ready()
    client.submit(Subscribe(PRICES, [BTC]))
    client.submit(Subscribe(PRICES, [BTC, Pair("cr", "NOPE", "EUR")]))
    client.accept_one("subscribe cr/BTC/EUR")
    client.submit(Leave(Subscribe(PRICES, [BTC])))
    client.refuse_one("subscribe cr/BTC/EUR,cr/NOPE/EUR", "asset not found for domain: NOPE")
    assert said(client) == ["unsubscribe"]
    client.live(120.0)
    assert client.take_events() == []


def test_when_all_leave_before_the_answer_it_is_unsubscribed_from() -> None:
    client = Client().ready()
    command = Subscribe(PRICES)
    tickets = [client.submit(command) for _ in range(2)]
    for ticket in tickets:
        client.submit(Leave(command, ticket))
    assert said(client) == ["subscribe", "unsubscribe"]


def test_who_leaves_some_of_a_channel_drops_it_for_those_who_stay() -> None:
    client = Client().ready()
    client.ask(Subscribe(PRICES, [BTC]))
    client.ask(Subscribe(PRICES, [AAPL]))
    client.submit(Leave(Subscribe(PRICES, [AAPL])))
    assert said(client) == ["unsubscribe", "subscribe cr/BTC/EUR"]
    client.ask(Subscribe(PRICE_CHANGES, fiats=["EUR"]))
    client.ask(Subscribe(PRICE_CHANGES, fiats=["USD"]))
    client.submit(Leave(Subscribe(PRICE_CHANGES, fiats=["EUR"])))
    assert said(client) == ["unsubscribe", "subscribe USD"]


def test_nothing_is_unsubscribed_from_on_a_connection_that_was_asked_for_nothing() -> None:
    client = Client().ready()
    client.submit(Unsubscribe(PRICES))
    assert client.frames == []
    client.the_reply()
    client.ask(Subscribe(PRICES, [BTC]))
    client.redial()
    client.submit(Unsubscribe(PRICES))
    client.open()
    assert client.frames == []
    client.the_reply()


# Reconnects


def test_everything_desired_is_restored_grouped_by_channel() -> None:
    client = Client().ready()
    client.ask(Subscribe(PRICES, [BTC]))
    client.ask(Subscribe(PRICE_CHANGES, fiats=["EUR"]))
    client.ask(Subscribe(PRICES, [AAPL]))
    client.reconnect()
    assert [(frame["channel"], payload(frame)) for frame in client.take_frames()] == [
        (PRICES, ["cr/BTC/EUR", "s/AAPL/EUR"]),
        (PRICE_CHANGES, ["EUR"]),
    ]


def test_a_restoration_is_divided_into_frames_that_the_provider_takes() -> None:
    client = Client(config(merge="only_new", items_per_frame=2)).ready()
    for pair in (BTC, AAPL, ETH):
        client.ask(Subscribe(PRICES, [pair]))
    client.reconnect()
    assert said(client) == ["subscribe cr/BTC/EUR,s/AAPL/EUR", "subscribe cr/ETH/EUR"]


def test_a_gap_is_told_once_the_subscriptions_stand_again() -> None:
    client = Client().ready()
    client.ask(Subscribe(PRICES, [BTC]))
    client.live(40.0)
    client.reconnect()
    down, up = client.take_events()
    assert isinstance(down, Down)
    assert isinstance(up, Up)
    client.now += 1.0
    client.accept()
    # What came since the last ping that was answered may not be all.
    assert client.take_events() == [Gap(client.now, WALL + 25.0, client.wall)]


def test_one_asset_that_is_gone_does_not_cost_the_others_their_restoration() -> None:
    client = Client().ready()
    client.ask(Subscribe(PRICES, [BTC, AAPL, ETH]))
    client.reconnect()
    client.take_events()
    client.refuse_one("subscribe cr/BTC/EUR,s/AAPL/EUR,cr/ETH/EUR", "asset not found for domain: AAPL")
    assert client.take_events() == [
        SubscriptionRefused(client.now, Topic.of(PRICES, AAPL), None, "asset not found for domain: AAPL")
    ]
    client.accept_one("subscribe cr/BTC/EUR,cr/ETH/EUR")
    assert [type(event) for event in client.take_events()] == [Gap]
    client.reconnect()
    assert said(client) == ["subscribe cr/BTC/EUR,s/AAPL/EUR,cr/ETH/EUR"]


def test_one_fiat_that_is_gone_does_not_cost_the_others_theirs() -> None:
    client = Client().ready()
    client.ask(Subscribe(PRICES, fiats=["EUR", "USD"]))
    client.reconnect()
    client.take_events()
    client.refuse_one("subscribe EUR,USD", "fiat not found: USD")
    assert client.take_events() == [
        build.subscription_refused(Topic(PRICES, "USD"), received=client.now, text="fiat not found: USD")
    ]
    client.accept_one("subscribe EUR")


def test_a_new_pair_that_is_refused_does_not_cost_those_that_come_with_it_their_restoration() -> None:
    client = Client().ready()
    client.ask(Subscribe(PRICES, [BTC]))
    client.redial()
    ticket = client.submit(Subscribe(PRICES, [BTC, Pair("cr", "NOPE", "EUR")]))
    client.open()
    client.refuse_one("subscribe cr/BTC/EUR,cr/NOPE/EUR", "asset not found for domain: NOPE")
    assert [settled.ticket for settled in client.take_settled()] == [ticket]
    client.accept_one("subscribe cr/BTC/EUR")
    assert [type(event) for event in client.take_events()] == [Down, Up, Gap]


def test_a_subscribe_that_nobody_desires_any_more_when_its_turn_comes_is_not_sent() -> None:
    client = Client().ready()
    client.submit(Subscribe(PRICES, [BTC]))
    client.submit(Leave(Subscribe(PRICES, [BTC])))
    client.frames.clear()
    client.reconnect()
    assert client.frames == []
    assert [settled.error for settled in client.take_settled()] == [None, None]


@pytest.mark.parametrize("text", ["channel not supported", "asset not found for domain: XYZ", "go away"])
def test_a_refusal_that_names_none_of_them_is_told_of_all(text: str) -> None:
    client = Client().ready()
    client.ask(Subscribe(PRICES, [BTC, AAPL]))
    client.reconnect(Close(code=1001))
    client.take_events()
    client.refuse_one("subscribe cr/BTC/EUR,s/AAPL/EUR", text)
    refused = [event for event in client.take_events() if isinstance(event, SubscriptionRefused)]
    assert refused == [build.subscription_refused(Topic.of(PRICES, p), received=client.now, text=text) for p in (BTC, AAPL)]
    assert client.frames == []
