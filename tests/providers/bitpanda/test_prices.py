"""Prices and price changes: each field under its readable name, exact, and nothing delivered that is not a number."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal, localcontext

import pytest

from pushwire.core.effects import Identity
from pushwire.core.events import Malformed
from pushwire.providers.bitpanda import PRICE_CHANGES, PRICES, Price, PriceChange, Topic
from pushwire.testing import bitpanda as build
from pushwire.testing.bitpanda import BTC
from tests.providers.bitpanda.harness import Client, config
from tests.providers.harness import expect

SPELLINGS = {
    "daily_percent": "D",
    "intraday_percent": "I",
    "weekly_percent": "W",
    "monthly_percent": "M",
    "six_month_percent": "6M",
    "yearly_percent": "Y",
    "five_year_percent": "5Y",
    "daily_value": "DV",
    "intraday_value": "IV",
    "weekly_value": "WV",
    "monthly_value": "MV",
    "six_month_value": "6MV",
    "yearly_value": "YV",
    "five_year_value": "5YV",
    "monthly_volatility": "MVOL",
}


def delivered(raw: str) -> object:
    client = Client().ready()
    client.now = 7.0
    client.receive(raw)
    (event,) = client.take_events()
    return event


def price_with(**fields: object) -> str:
    return json.dumps({**json.loads(build.push()), **fields})


def change_with(**fields: object) -> str:
    return json.dumps({**json.loads(build.push(build.price_change())), **fields})


def test_a_price_is_delivered_with_exact_numbers_and_its_time() -> None:
    price = expect(Price, delivered(build.push()))
    assert (price.ask, price.bid) == (Decimal("65544.85350"), Decimal("65217.84675"))
    assert str(price.ask) == "65544.85350"
    assert price.updated == 1_706_521_791
    assert price.time == datetime(2024, 1, 29, 9, 49, 51, tzinfo=UTC)
    assert (price.pair, price.channel, price.received) == (BTC, PRICES, 7.0)


def test_a_change_has_each_field_under_a_readable_name() -> None:
    change = expect(PriceChange, delivered(build.push(build.price_change())))
    wire = json.loads(build.push(build.price_change()))
    assert {name: str(getattr(change, name)) for name in SPELLINGS} == {name: wire[key] for name, key in SPELLINGS.items()}
    assert (change.pair, change.channel, change.received) == (BTC, PRICE_CHANGES, 7.0)


@pytest.mark.parametrize("name, key", SPELLINGS.items())
def test_a_period_that_is_left_out_or_null_is_none(name: str, key: str) -> None:
    wire = json.loads(build.push(build.price_change()))
    del wire[key]
    for raw in (json.dumps(wire), change_with(**{key: None})):
        change = expect(PriceChange, delivered(raw))
        assert getattr(change, name) is None
        assert sum(getattr(change, other) is None for other in SPELLINGS) == 1


@pytest.mark.parametrize("text", ["0", "-0.5", "1" * 78, "0." + "3" * 78, "007.10", "0.00000001"])
def test_numbers_are_exact_whatever_their_length(text: str) -> None:
    with localcontext() as context:
        context.prec = 5
        assert str(expect(Price, delivered(price_with(AP=text))).ask) == str(Decimal(text))
        assert str(expect(PriceChange, delivered(change_with(D=text))).daily_percent) == str(Decimal(text))


NO_NUMBERS = [
    "",
    " 1",
    "1 ",
    "1\n",
    "NaN",
    "Infinity",
    "-inf",
    "1_000",
    "1e5",
    "1E999999",
    "0x1",
    ".5",
    "5.",
    "+1",
    "\u0661",
    "1" * 79,
]


@pytest.mark.parametrize("text", [*NO_NUMBERS, None, 1.5, 5, True, [], {}])
@pytest.mark.parametrize("key", ["AP", "BP"])
def test_a_price_that_is_no_number_is_malformed(key: str, text: object) -> None:
    raw = price_with(**{key: text})
    assert expect(Malformed, delivered(raw)).raw == raw


@pytest.mark.parametrize("key", SPELLINGS.values())
def test_a_change_that_is_no_number_is_malformed(key: str) -> None:
    for text in (*NO_NUMBERS, 1.5, True):
        assert isinstance(delivered(change_with(**{key: text})), Malformed)


@pytest.mark.parametrize("moment", [None, -1, 1.5, "1706521791", 253_402_300_800, 1e400, True])
def test_a_time_that_is_no_whole_number_of_seconds_is_malformed(moment: object) -> None:
    assert isinstance(delivered(price_with(U=moment).replace("Infinity", "1e400")), Malformed)


@pytest.mark.parametrize("moment", [0, 1_706_521_791, 253_402_300_799])
def test_every_time_that_is_delivered_is_a_datetime(moment: int) -> None:
    assert expect(Price, delivered(price_with(U=moment))).time.timestamp() == moment


@pytest.mark.parametrize("key", ["T", "A", "F", "AP", "BP", "U"])
def test_a_price_with_a_field_missing_is_malformed(key: str) -> None:
    wire = json.loads(build.push())
    del wire[key]
    assert isinstance(delivered(json.dumps(wire)), Malformed)


@pytest.mark.parametrize("code", ["cr", "s", "f", "i", "co", "es", "xyz"])
def test_every_type_code_passes_through(code: str) -> None:
    assert expect(Price, delivered(price_with(T=code))).type == code
    assert expect(PriceChange, delivered(change_with(T=code))).type == code


def test_unknown_fields_are_ignored_and_a_peer_cannot_set_ours() -> None:
    price = expect(Price, delivered(price_with(**{"NEW": 1, "received": 99, "(set by pushwire) received": 99})))
    assert price.received == 7.0


def test_an_update_belongs_to_its_pair_its_fiat_and_the_whole_channel() -> None:
    for update, channel in ((build.price(), PRICES), (build.price_change(), PRICE_CHANGES)):
        topics = (Topic.of(channel, BTC), Topic(channel, "EUR"), Topic(channel))
        assert config().topics(update) == topics
        assert config().expendable(update) == topics[0]


def test_silence_of_a_pair_belongs_to_its_fiat_and_the_whole_channel_too() -> None:
    for topic, wider in (
        (Topic.of(PRICES, BTC), (Topic(PRICES, "EUR"), Topic(PRICES))),
        (Topic(PRICES, "EUR"), (Topic(PRICES),)),
        (Topic(PRICES), ()),
    ):
        assert config().topics(build.stale(topic)) == (topic, *wider)
        assert config().expendable(build.stale(topic)) is None
    assert config().topics(build.subscription_refused()) == ()


def test_an_update_is_told_from_others_by_what_it_says() -> None:
    assert build.price().identity == Identity((PRICES, "cr", "BTC", "EUR"), (1_706_521_791, "65544.85350", "65217.84675"))
    assert build.price(received=5.0).identity == build.price().identity
    assert build.price_change().identity == build.price_change(received=5.0).identity
    assert build.price_change().identity != build.price_change(raw_daily_value=None).identity
    assert len(build.price_change().identity.version) == 15
