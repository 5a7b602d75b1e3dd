"""The builders for SatoriEx, which users' tests rely on."""

from __future__ import annotations

import doctest
import json

import pytest

from pushwire.errors import CommandRefused
from pushwire.providers import satoriex
from pushwire.providers.satoriex import values
from pushwire.testing import satoriex as build


def test_an_event_is_what_a_stream_makes_of_the_message() -> None:
    event = build.event("trade", market_id=build.MARKET_ID, price=4200, received=2.0)
    assert isinstance(event, satoriex.Trade)
    assert (event.received, event.market_id, event.price) == (2.0, "mkt_abc123", 4200)
    assert event.raw == json.loads(build.push("trade", market_id=build.MARKET_ID, price=4200))


def test_there_is_no_event_of_an_unknown_name() -> None:
    with pytest.raises(KeyError):
        build.event("news")


def test_replies_are_read_by_the_calls_they_answer() -> None:
    assert satoriex.GetOrder("a").decode(build.reply({"id": "a"})).order_id == "a"
    with pytest.raises(CommandRefused, match="trace t1"):
        satoriex.GetOrder("a").decode(build.refusal(50000, trace_id="t1", status=500))


def test_the_examples_hold() -> None:
    assert doctest.testmod(build).failed == 0
    assert doctest.testmod(values).failed == 0
