"""Whatever a peer sends, `receive` accepts it or says what was wrong with it, as an event; it never raises."""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.commands import AnyCommand, Leave
from pushwire.core.events import Malformed, Unrecognized
from pushwire.core.machine import Phase
from pushwire.errors import LocalProtocolError
from pushwire.providers.bitpanda import PRICE_CHANGES, PRICES, Drop, Price, PriceChange, Subscribe, Unsubscribe
from pushwire.testing import bitpanda as build
from pushwire.testing.bitpanda import AAPL, BTC
from tests.providers.bitpanda.harness import TOKEN, Client
from tests.providers.totality import LONG, NO_MESSAGES, anything, hides_what_was_not_understood, is_malformed, mutated, values

# What is no message at all


@pytest.mark.parametrize(
    "raw",
    [
        *NO_MESSAGES,
        "{}",
        '{"CH":null}',
        '{"CH":5}',
        '{"CH":"prices-v1"}',
        '{"CH":"prices-v1","CH":"price-changes-v1"}',
        '{"action":null,"channel":null}',
        build.push() + " trailing",
        build.push().replace("BTC", "\\ud800"),
        '{"action":"subscribe","channel":"prices-v1","status":' + "[" * 100_000,
        '{"CH":"prices-v1","U":' + "9" * 5000 + "}",
        '{"CH":"\udcff"}',
        b'{"CH":"\xff"}',
    ],
    ids=lambda raw: repr(raw[:30]),
)
def test_what_cannot_be_decoded_is_malformed_and_kept_whole(raw: str | bytes) -> None:
    client = Client().ready()
    client.submit(Subscribe(PRICES))
    is_malformed(client, raw)


def test_binary_messages_are_read_like_text() -> None:
    client = Client().ready()
    client.receive(build.push().encode())
    assert client.take_events() == [build.price()]


def test_a_bad_message_does_not_harm_its_neighbours_in_the_same_read() -> None:
    client = Client().ready()
    client.submit(Subscribe(PRICES))
    client.receive(build.push(), "{", build.success(), '{"CH":"news"}', build.push(build.price_change()))
    kinds = [type(event) for event in client.take_events()]
    assert kinds == [Price, Malformed, Unrecognized, PriceChange]
    client.the_reply()


def test_the_repr_of_what_was_not_understood_shows_its_size_alone() -> None:
    hides_what_was_not_understood(Client().ready(), '{"CH":"news","secret":"hunter2"}')


# Generated

VALUES = values("NaN", "1e5", "1")
MESSAGES = [
    json.loads(raw)
    for raw in (
        build.push(),
        build.push(build.price_change()),
        build.success(),
        build.success("unsubscribe"),
        build.refused("asset not found for domain: BTC"),
        build.refused("fiat not found: EUR", channel=PRICE_CHANGES),
    )
]
NEARLY = mutated(MESSAGES, VALUES)
ANSWERS = st.sampled_from([build.success(), build.success("unsubscribe"), build.refused("asset not found for domain: BTC")])
ANYTHING = anything(NEARLY | ANSWERS, VALUES, *{name: None for message in MESSAGES for name in message})
COMMANDS: st.SearchStrategy[AnyCommand] = st.sampled_from(
    [
        Subscribe(PRICES, [BTC]),
        Subscribe(PRICES, [BTC, AAPL]),
        Subscribe(PRICE_CHANGES, fiats=["EUR"]),
        Unsubscribe(PRICES),
        Drop(PRICES, [BTC]),
        Leave(Subscribe(PRICES, [BTC])),
    ]
)
KINDS = (Price, PriceChange, Malformed, Unrecognized)


def check(inputs: list[str | bytes | AnyCommand]) -> None:
    client = Client().ready()
    for given_ in inputs:
        if not isinstance(given_, str | bytes):
            with contextlib.suppress(LocalProtocolError):
                client.submit(given_)
            continue
        client.receive(given_)
        for event in client.take_events():
            assert TOKEN not in repr(event)
            if isinstance(event, Malformed | Unrecognized):
                assert event.raw == given_
            if isinstance(event, KINDS):
                # What is delivered is whole: every property can be read.
                assert [getattr(event, name) for name in dir(event) if not name.startswith("_")]
        client.advance(0.5)
    assert client.machine.status().phase in {Phase.READY, Phase.HANGING_UP}
    # It can still go on: the connection ends, and the next one is dialled.
    client.closed()
    assert client.machine.status().phase is Phase.BACKING_OFF


@given(st.lists(ANYTHING | COMMANDS, max_size=10))
def test_receive_accepts_anything_or_says_what_was_wrong(inputs: list[str | bytes | AnyCommand]) -> None:
    check(inputs)


@pytest.mark.fuzz
@pytest.mark.slow
@LONG
@given(st.lists(ANYTHING | COMMANDS, min_size=5, max_size=30))
def test_receive_accepts_long_conversations_of_anything(inputs: list[str | bytes | AnyCommand]) -> None:
    check(inputs)


@given(NEARLY)
def test_a_mutated_price_is_delivered_exactly_or_not_at_all(raw: str) -> None:
    client = Client().ready()
    client.receive(raw)
    for event in client.take_events():
        wire = json.loads(raw)
        if isinstance(event, Price):
            assert (event.ask, event.bid, event.updated) == (Decimal(wire["AP"]), Decimal(wire["BP"]), wire["U"])
            assert event.pair == (wire["T"], wire["A"], wire["F"])
