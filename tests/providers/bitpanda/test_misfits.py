"""What fits no shape: told of with its own text, time and reason, in its place among what does fit."""

from __future__ import annotations

import pytest

from pushwire.core.events import Malformed, Unrecognized
from pushwire.errors import CommandRefused, LocalProtocolError
from pushwire.providers import gelabs
from pushwire.providers.bitpanda import PRICE_CHANGES, PRICES, Price, PriceChange, Subscribe, Unsubscribe
from pushwire.testing import bitpanda as build
from pushwire.testing.bitpanda import BTC
from tests.providers.bitpanda.harness import Client
from tests.providers.bitpanda.test_prices import price_with
from tests.providers.bitpanda.test_silence import BTC_EUR, after, ready, stale
from tests.providers.harness import expect

NO_NUMBER = "the ask or the bid is not a decimal number"


def test_each_of_a_read_is_told_in_its_order_with_its_own_text_and_the_time_of_the_read() -> None:
    client = Client().ready()
    client.now = 7.0
    change, good, other = build.push(build.price_change()), price_with(U=1), price_with(U=2)
    bad, worse = price_with(AP="NaN"), price_with(BP="one")
    client.receive(change, good, bad, other, worse, "{", good, change, bad)
    events = client.take_events()
    kinds = [PriceChange, Price, Malformed, Price, Malformed, Malformed, Price, PriceChange, Malformed]
    assert [type(event) for event in events] == kinds
    assert [event.received for event in events] == [7.0] * 9
    broken = [event for event in events if isinstance(event, Malformed)]
    assert [event.raw for event in broken] == [bad, worse, "{", bad]
    assert [event.reason for event in broken if event.raw != "{"] == [NO_NUMBER] * 3
    assert "JSON" in broken[2].reason or "truncated" in broken[2].reason


def test_a_reply_that_nobody_waits_for_bears_the_time_it_came() -> None:
    client = Client().ready()
    client.now = 5.0
    raw = build.success("subscribe", PRICES)
    client.receive(raw)
    assert client.take_events() == [Unrecognized(5.0, raw, "a reply that nobody waits for")]


def test_more_prices_or_fewer_changes_leave_what_is_known_of_the_silence_of_prices() -> None:
    # A pair that comes because of its fiat is watched from its first price on; whoever forgets that it came watches it no more.
    for command in (Subscribe(PRICES, fiats=["USD"]), Unsubscribe(PRICE_CHANGES)):
        client = ready(Subscribe(PRICES, fiats=["EUR"]), Subscribe(PRICE_CHANGES, fiats=["EUR"]))
        assert after(client, 15.0, build.price()) == []
        client.ask(command)
        client.live(61.0)
        assert BTC_EUR in stale(client)


def test_a_refusal_that_names_no_asset_and_no_fiat_is_of_all_that_was_asked_for() -> None:
    client = Client().ready()
    ticket = client.submit(Subscribe(PRICES, [BTC]))
    client.refuse_one("subscribe cr/BTC/EUR", "too many of them")
    (settled,) = client.take_settled()
    assert (settled.ticket, expect(CommandRefused, settled.error).text) == (ticket, "too many of them")
    assert client.desired() == set()


def test_a_command_of_another_provider_is_refused_by_name() -> None:
    # At once, also where nothing could be sent yet.
    for client in (Client().ready(), Client()):
        with pytest.raises(LocalProtocolError, match=r"^Subscribe is not a bitpanda command$"):
            client.submit(gelabs.Subscribe("0x1", "ethereum"))
        assert client.frames == []


def test_two_changes_of_a_pair_are_told_apart_by_what_they_say() -> None:
    change = build.price_change(raw_daily_percent="1")
    assert change.identity.key == (PRICE_CHANGES, *BTC)
    assert change.identity == build.price_change(raw_daily_percent="1", received=9.0).identity
    assert change.identity != build.price_change(raw_daily_percent="2").identity
