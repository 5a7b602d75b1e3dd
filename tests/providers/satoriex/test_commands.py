"""What may be asked, how it is written, and what is delivered of what was not asked for."""

from __future__ import annotations

from typing import Any

import pytest

from pushwire.core.commands import Command, Leave
from pushwire.core.effects import Settled
from pushwire.errors import LocalProtocolError
from pushwire.providers import satoriex
from pushwire.providers.satoriex.commands import SatoriexDialect
from pushwire.testing.satoriex import push
from tests.providers.satoriex.harness import Client, config

MARKET = satoriex.SubscribeMarket("mkt_abc123")
DATA = satoriex.SubscribeMarketData("mkt_abc123")
TEMPLATES = {
    "unsubscribe_market": '{"type":"unsubscribe","market_id":$market_id}',
    "unsubscribe_marketdata": '{"type":"unsubscribe_marketdata","market_id":$market_id}',
}
EVERY_KIND = (satoriex.SubscribeMarket, satoriex.SubscribeMarketData, satoriex.UnsubscribeMarket, satoriex.UnsubscribeMarketData)


@pytest.mark.parametrize(
    "command, frame",
    [
        (MARKET, {"type": "subscribe", "market_id": "mkt_abc123"}),
        (DATA, {"type": "subscribe_marketdata", "market_id": "mkt_abc123"}),
        (satoriex.SubscribeMarket('a"b\\ü'), {"type": "subscribe", "market_id": 'a"b\\ü'}),
    ],
)
def test_a_subscription_is_over_when_its_frame_has_left(command: Command[Any, Any], frame: dict[str, str]) -> None:
    client = Client().ready()
    ticket = client.submit(command)
    assert client.take_frames() == [frame]
    assert client.take_settled() == [Settled(ticket, None)]


@pytest.mark.parametrize("kind", EVERY_KIND)
@pytest.mark.parametrize("market_id", ["", None, 5, "\ud800"])
def test_a_market_is_named_by_a_text(kind: Any, market_id: Any) -> None:
    with pytest.raises(LocalProtocolError, match="market_id"):
        kind(market_id)


def test_commands_wait_for_a_connection() -> None:
    client = Client()
    client.start()
    client.submit(MARKET)
    client.submit(satoriex.UnsubscribeMarketData("mkt_other"))
    assert client.take_settled() == []
    client.give_token()
    client.open()
    assert client.take_frames() == [{"type": "subscribe", "market_id": "mkt_abc123"}]
    assert len(client.take_settled()) == 2


def test_another_providers_command_is_refused() -> None:
    class Foreign(Command[object, None]):
        pass

    client = Client().ready()
    with pytest.raises(LocalProtocolError, match="Foreign is not a satoriex command"):
        client.submit(Foreign())
    with pytest.raises(LocalProtocolError, match="Foreign is not a satoriex command"):
        SatoriexDialect({}).encode(Foreign(), str, (), None)


# Unsubscribing


@pytest.mark.parametrize(
    "subscribe, unsubscribe, name",
    [
        (MARKET, satoriex.UnsubscribeMarket("mkt_abc123"), "trade"),
        (DATA, satoriex.UnsubscribeMarketData("mkt_abc123"), "price_update"),
    ],
)
def test_without_a_documented_frame_what_was_given_up_is_no_longer_delivered(
    subscribe: Command[Any, Any], unsubscribe: Command[Any, Any], name: str
) -> None:
    client = Client().subscribed(subscribe)
    client.receive(push(name, market_id="mkt_abc123"))
    assert len(client.take_events()) == 1
    ticket = client.submit(unsubscribe)
    assert client.take_frames() == []
    assert client.take_settled() == [Settled(ticket, None)]
    client.receive(push(name, market_id="mkt_abc123"))
    assert client.take_events() == []
    client.reconnect()
    assert client.take_frames() == []


@pytest.mark.parametrize(
    "subscribe, unsubscribe, frame",
    [
        (MARKET, satoriex.UnsubscribeMarket("mkt_abc123"), {"type": "unsubscribe", "market_id": "mkt_abc123"}),
        (DATA, satoriex.UnsubscribeMarketData("mkt_abc123"), {"type": "unsubscribe_marketdata", "market_id": "mkt_abc123"}),
    ],
)
@pytest.mark.parametrize("leave", [False, True])
def test_with_a_template_it_is_told_to_the_provider(
    subscribe: Command[Any, Any], unsubscribe: Command[Any, Any], frame: dict[str, str], leave: bool
) -> None:
    client = Client(config(**TEMPLATES)).subscribed(subscribe)
    client.submit(Leave(subscribe) if leave else unsubscribe)
    client.advance(0.0)
    client.machine.receive((), client.now)
    client.drain()
    assert client.take_frames() == [frame]


def test_a_template_takes_any_id() -> None:
    client = Client(config(**TEMPLATES)).ready()
    client.submit(satoriex.UnsubscribeMarket('a"b\n$market_id'))
    assert client.take_frames() == [{"type": "unsubscribe", "market_id": 'a"b\n$market_id'}]


def test_the_last_to_leave_ends_a_subscription() -> None:
    client = Client().subscribed(MARKET, MARKET)
    client.submit(Leave(MARKET))
    client.receive(push("trade", market_id="mkt_abc123"))
    assert len(client.take_events()) == 1
    client.submit(Leave(MARKET))
    client.receive(push("trade", market_id="mkt_abc123"))
    assert client.take_events() == []
    assert client.take_frames() == []


# What is delivered


def test_events_of_the_user_come_unasked() -> None:
    client = Client().ready()
    client.receive(push("order_filled", market_id="mkt_abc123"), push("mention"))
    assert [type(event) for event in client.take_events()] == [satoriex.OrderFilled, satoriex.Mention]


def test_the_two_channels_of_a_market_are_two_subscriptions() -> None:
    client = Client().subscribed(DATA)
    client.receive(push("trade", market_id="mkt_abc123"), push("price_update", market_id="mkt_abc123"))
    assert [type(event) for event in client.take_events()] == [satoriex.PriceUpdate]


def test_an_event_that_does_not_say_its_market_is_delivered() -> None:
    client = Client().ready()
    client.receive(push("trade"), push("price_update", market_id=5))
    assert [type(event) for event in client.take_events()] == [satoriex.Trade, satoriex.PriceUpdate]
