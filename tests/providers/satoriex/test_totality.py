"""Whatever a peer sends, `receive` accepts it or says what was wrong with it, as an event; it never raises."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.events import Malformed, Unrecognized
from pushwire.core.machine import Phase
from pushwire.providers import satoriex
from pushwire.testing.satoriex import push
from tests.providers.harness import expect
from tests.providers.satoriex.harness import TOKEN, Client, config
from tests.providers.totality import LONG, NO_MESSAGES, anything, is_malformed, values

MARKET = satoriex.SubscribeMarket("m")
DATA = satoriex.SubscribeMarketData("m")


@pytest.mark.parametrize(
    "raw",
    [
        *NO_MESSAGES,
        '{"type":"trade"} trailing',
        '{"type":"trade","price":NaN}',
        '{"type":"trade","price":Infinity}',
        '{"type":"trade","price":1_0}',
        '{"type":"trade","price":1e100}',
        '{"type":"trade","price":1e999999999}',
        '{"type":"trade","price":1.' + "1" * 79 + "}",
        '{"type":"trade","price":' + "9" * 5000 + "}",
        '{"type":"\\ud800"}',
        '{"payload":' * 100_000,
        b'{"type":"\xff"}',
    ],
    ids=lambda raw: repr(raw[:30]),
)
def test_what_cannot_be_decoded_is_malformed_and_kept_whole(raw: str | bytes) -> None:
    is_malformed(Client().ready(), raw)


def test_binary_messages_are_read_like_text() -> None:
    client = Client().ready()
    client.receive(push("mention").encode())
    client.the_event(satoriex.Mention)


def test_a_bad_message_does_not_harm_its_neighbours_in_the_same_read() -> None:
    client = Client().ready()
    client.receive(push("mention"), "{", push("kyc_approved"), '{"type":"news"}', push("mention", wrapped=True))
    kinds = [type(event) for event in client.take_events()]
    assert kinds == [satoriex.Mention, Malformed, satoriex.KycApproved, Unrecognized, satoriex.Mention]


# Generated

VALUES = values("trade", "m", 4200, "42")
NAMES = st.sampled_from([*satoriex.EVENTS, *satoriex.ORDERBOOK_NAMES, "news"])
VIEWS = ("market_id", "outcome_id", "order_id", "price", "quantity", "side", "status", "best_bid", "best_ask")
FIELDS = (*VIEWS, "mid", "bids", "asks", "type", "payload")


@st.composite
def messages(draw: st.DrawFn) -> str:
    """A message with fields of any kind."""
    body: dict[str, Any] = {
        "market_id": "m",
        **draw(st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=6)),
        "type": draw(NAMES),
    }
    return json.dumps({"payload": body} if draw(st.booleans()) else body)


ANYTHING = anything(messages(), VALUES, *FIELDS)


def check_views(event: satoriex.Push) -> None:
    """A view is None, or exactly what the message holds."""
    fields = cast("dict[str, object]", event.fields)
    for name in VIEWS:
        value = getattr(event, name)
        assert value is None or value == fields[name] or isinstance(fields[name], str)
    assert event.mid is None or event.mid == Decimal(str(fields["mid"]))
    if isinstance(event, satoriex.OrderBookUpdate):
        assert event.bids is None or len(event.bids) == len(cast("list[object]", fields["bids"]))
        assert event.asks is None or len(event.asks) == len(cast("list[object]", fields["asks"]))
    assert all(not isinstance(value, float) for value in fields.values())
    assert repr(event)


def check_any_messages(received: list[str | bytes]) -> None:
    client = Client(config(stale_after=1000.0)).subscribed(MARKET, DATA)
    for raw in received:
        client.receive(raw)
        events = client.take_events()
        assert len(events) <= 1
        for event in events:
            if isinstance(event, Malformed | Unrecognized):
                assert event.raw == raw
            else:
                check_views(expect(satoriex.Push, event))
            assert TOKEN not in repr(event)
    assert client.machine.status().phase is Phase.READY
    assert (client.frames, client.hangups) == ([], [])


@given(st.lists(ANYTHING, max_size=8))
def test_receive_accepts_anything_or_says_what_was_wrong(received: list[str | bytes]) -> None:
    check_any_messages(received)


@pytest.mark.fuzz
@pytest.mark.slow
@LONG
@given(st.lists(ANYTHING, min_size=5, max_size=30))
def test_receive_accepts_long_conversations_of_anything(received: list[str | bytes]) -> None:
    check_any_messages(received)
