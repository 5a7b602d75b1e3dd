"""Prices that do not come: what is reported as stale, when, and what is silent by design."""

from __future__ import annotations

import math

import pytest

from pushwire.core.events import Stale
from pushwire.providers.bitpanda import PRICE_CHANGES, PRICES, Config, Drop, Price, Subscribe, Topic, Unsubscribe
from pushwire.testing import bitpanda as build
from pushwire.testing.bitpanda import AAPL, BTC
from tests.providers.bitpanda.harness import Client, config

BTC_EUR, AAPL_EUR = Topic.of(PRICES, BTC), Topic.of(PRICES, AAPL)
EUR, ALL = Topic(PRICES, "EUR"), Topic(PRICES)


def aapl() -> Price:
    return build.price(type="s", asset="AAPL")


def ready(*commands: Subscribe, settings: Config | None = None) -> Client:
    """A client with these subscriptions, all confirmed at second 0."""
    return Client(settings).ready().subscribed(*commands)


def stale(client: Client) -> list[Topic]:
    """What was reported as stale since the last call."""
    return [event.topic for event in client.take_events() if isinstance(event, Stale)]


def after(client: Client, seconds: float, *updates: Price) -> list[Topic]:
    """What is reported as stale while this time passes, with these prices every 15 seconds."""
    until = client.now + seconds
    while client.now < until:
        client.live(min(15.0, until - client.now))
        client.receive(*map(build.push, updates))
    return stale(client)


def test_a_pair_without_a_price_for_four_updates_is_stale_and_told_once() -> None:
    client = ready(Subscribe(PRICES, [BTC, AAPL]))
    client.live(59.9)
    assert stale(client) == []
    client.live(0.1)
    assert client.take_events() == [build.stale(topic, received=60.0, since=0.0) for topic in (BTC_EUR, AAPL_EUR)]
    client.live(600.0)
    assert stale(client) == []


def test_each_pair_counts_for_itself_and_comes_back_with_a_price() -> None:
    client = ready(Subscribe(PRICES, [BTC, AAPL]))
    assert after(client, 90.0, build.price()) == [AAPL_EUR]
    assert after(client, 90.0, build.price(), aapl()) == []
    assert after(client, 90.0, build.price()) == [AAPL_EUR]


@pytest.mark.parametrize("command, topic", [(Subscribe(PRICES, fiats=["EUR"]), EUR), (Subscribe(PRICES), ALL)])
def test_a_fiat_or_a_channel_is_stale_when_none_of_its_prices_come(command: Subscribe, topic: Topic) -> None:
    assert after(ready(command), 60.0) == [topic]


@pytest.mark.parametrize("command", [Subscribe(PRICES, fiats=["EUR"]), Subscribe(PRICES)])
def test_under_a_fiat_or_a_channel_a_pair_that_was_heard_once_counts_for_itself(command: Subscribe) -> None:
    client = ready(command)
    assert after(client, 15.0, build.price(), aapl()) == []
    assert after(client, 120.0, build.price()) == [AAPL_EUR]


def test_a_price_that_no_subscription_covers_is_not_waited_for() -> None:
    client = ready(Subscribe(PRICES, fiats=["USD"]))
    client.receive(build.push())
    assert after(client, 120.0, build.price(fiat="USD")) == []


def test_after_an_unsubscribe_nothing_is_waited_for() -> None:
    client = ready(Subscribe(PRICES, fiats=["EUR"]))
    after(client, 15.0, build.price(), aapl())
    client.ask(Unsubscribe(PRICES))
    client.receive(build.push())
    assert after(client, 120.0) == []


def test_after_a_drop_the_rest_is_waited_for_and_what_was_dropped_is_not() -> None:
    client = ready(Subscribe(PRICES, fiats=["EUR", "USD"]))
    after(client, 15.0, build.price(), build.price(fiat="USD"))
    client.ask(Drop(PRICES, fiats=["USD"]))
    assert after(client, 15.0, build.price()) == []
    assert set(after(client, 120.0)) == {BTC_EUR, EUR}
    client = ready(Subscribe(PRICES, [BTC, AAPL]))
    after(client, 15.0, build.price(), aapl())
    client.ask(Drop(PRICES, [AAPL]))
    assert after(client, 120.0) == [BTC_EUR]


def test_a_refused_unsubscribe_leaves_the_heard_pairs_waited_for() -> None:
    client = ready(Subscribe(PRICES, fiats=["EUR"]))
    after(client, 15.0, build.price())
    client.submit(Unsubscribe(PRICES))
    client.refuse_one("unsubscribe", "no")
    assert after(client, 120.0) == [BTC_EUR]


def test_changes_are_silent_by_design() -> None:
    client = ready(Subscribe(PRICE_CHANGES, fiats=["USD"]), Subscribe("news-v1"))
    client.receive(build.push(build.price_change()))
    assert after(client, 600.0) == []


def test_a_new_connection_begins_anew() -> None:
    client = ready(Subscribe(PRICES, fiats=["EUR"]))
    after(client, 15.0, build.price(), aapl())
    client.reconnect()
    client.accept()
    assert after(client, 45.0) == []
    assert after(client, 15.0) == [EUR]
    client.receive(build.push())
    assert set(after(client, 60.0)) == {BTC_EUR, EUR}


def test_the_time_is_a_setting_and_may_be_infinite() -> None:
    assert after(ready(Subscribe(PRICES, [BTC]), settings=config(stale_after=5.0)), 5.0) == [BTC_EUR]
    client = ready(Subscribe(PRICES), settings=config(stale_after=math.inf))
    client.receive(build.push())
    assert after(client, 3600.0) == []


def test_of_the_pairs_of_a_fiat_the_one_heard_last_counts_for_it() -> None:
    client = ready(Subscribe(PRICES, fiats=["EUR"]))
    for price in (build.price(), aapl(), build.price()):
        client.receive(build.push(price))
        client.live(10.0)
    # Heard at 0, 10 and 20.
    assert after(client, 40.0) == [AAPL_EUR]
    assert set(after(client, 10.0)) == {BTC_EUR, EUR}


def test_it_counts_for_it_whichever_of_them_came_first() -> None:
    client = ready(Subscribe(PRICES, fiats=["EUR"]))
    for price in (build.price(), aapl(), build.price(), aapl()):
        client.receive(build.push(price))
        client.live(10.0)
    # Heard at 0, 10, 20 and 30.
    assert after(client, 40.0) == [BTC_EUR]
    assert set(after(client, 10.0)) == {AAPL_EUR, EUR}


def test_a_pair_heard_before_its_subscription_was_confirmed_is_waited_for_from_its_next_price() -> None:
    client = ready(Subscribe(PRICES, fiats=["USD"]))
    client.receive(build.push(aapl()))
    client.subscribed(Subscribe(PRICES, fiats=["USD", "EUR"]))
    client.receive(build.push(aapl()))
    assert AAPL_EUR in after(client, 60.0)
