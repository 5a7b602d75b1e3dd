"""What is pushed: the names, where they stand, and the views of what a message holds."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from pushwire.core.events import Malformed, Unrecognized
from pushwire.providers import satoriex
from pushwire.providers.satoriex.messages import kinds
from pushwire.testing.satoriex import Json, event, push
from tests.providers.harness import expect
from tests.providers.satoriex.harness import Client, config

USER = [
    "wallet_changed",
    "deposit_confirmed",
    "withdraw_requested",
    "withdraw_submitted",
    "withdraw_approved",
    "withdraw_rejected",
    "withdraw_confirmed",
    "withdraw_failed",
    "kyc_approved",
    "kyc_rejected",
    "proposal_approved",
    "proposal_rejected",
    "referral_bonus",
    "dispute_filed",
    "mention",
    "market_resolved",
    "order_filled",
]
MARKET = ["trade", "order", "order_update", "settlement", "comment"]
DATA = ["price_update"]


def received(raw: str, client: Client | None = None) -> satoriex.Event:
    """What a stream that has subscribed to the sample market makes of one message."""
    client = client or Client()
    client.subscribed(satoriex.SubscribeMarket("mkt_abc123"), satoriex.SubscribeMarketData("mkt_abc123"))
    client.receive(raw)
    (found,) = client.take_events()
    return found


# Names


def test_there_is_a_class_for_each_of_the_23_names() -> None:
    assert [name for name, kind in satoriex.EVENTS.items() if kind.channel == "user"] == USER
    assert [name for name, kind in satoriex.EVENTS.items() if kind.channel == "market"] == MARKET
    assert [name for name, kind in satoriex.EVENTS.items() if kind.channel == "marketdata"] == DATA
    assert len(set(satoriex.EVENTS.values())) == 23
    for name, kind in satoriex.EVENTS.items():
        assert kind.__name__ == "".join(word.capitalize() for word in name.split("_"))


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("name", satoriex.EVENTS)
def test_every_name_is_delivered_as_its_class_wherever_it_stands(name: str, wrapped: bool) -> None:
    raw = push(name, wrapped=wrapped, market_id="mkt_abc123", serial=7)
    found = received(raw)
    assert type(found) is satoriex.EVENTS[name]
    assert expect(satoriex.Push, found).raw == json.loads(raw)
    assert expect(satoriex.Push, found).fields["serial"] == 7


@pytest.mark.parametrize(
    "raw, kind",
    [
        ('{"type":"trade","payload":{"type":"order"}}', satoriex.Trade),
        ('{"type":"event","payload":{"type":"order"}}', satoriex.Order),
        ('{"type":5,"payload":{"type":"mention"}}', satoriex.Mention),
        ('{"type":"mention","payload":"text"}', satoriex.Mention),
        ('{"type":"mention","payload":{"type":["order"]}}', satoriex.Mention),
    ],
)
def test_of_two_names_the_known_one_counts_and_of_two_known_ones_that_at_the_top(raw: str, kind: type[object]) -> None:
    assert type(received(raw)) is kind


@pytest.mark.parametrize(
    "raw, name",
    [
        ('{"type":"news"}', "news"),
        ('{"payload":{"type":"news"}}', "news"),
        ('{"type":"news","payload":{"type":"more"}}', "news"),
        ('{"type":"Trade"}', "Trade"),
        ('{"type":"error","message":"no such market"}', "error"),
    ],
)
def test_an_unknown_name_reaches_the_user_raw(raw: str, name: str) -> None:
    assert received(raw) == Unrecognized(0.0, raw, name)


@pytest.mark.parametrize("raw", ["{}", '{"type":""}', '{"type":null}', '{"payload":{}}', '{"payload":[]}'])
def test_a_message_without_a_name_is_malformed(raw: str) -> None:
    assert received(raw) == Malformed(0.0, raw, "a message without a type")


@pytest.mark.parametrize("name", satoriex.ORDERBOOK_NAMES)
def test_order_book_updates_may_be_called_many_things(name: str) -> None:
    assert type(received(push(name, market_id="mkt_abc123"))) is satoriex.OrderBookUpdate


def test_what_order_book_updates_are_called_is_a_setting() -> None:
    settings = config(orderbook_names=("depth",))
    assert type(received(push("depth", market_id="mkt_abc123"), Client(settings))) is satoriex.OrderBookUpdate
    assert type(received(push("orderbook", market_id="mkt_abc123"), Client(settings))) is Unrecognized


def test_an_event_that_was_renamed_can_be_told_so() -> None:
    settings = config(aliases={"fill": "order_filled"})
    assert type(received(push("fill"), Client(settings))) is satoriex.OrderFilled
    assert type(received(push("order_filled"), Client(settings))) is satoriex.OrderFilled


def test_no_setting_changes_what_a_documented_name_means() -> None:
    known = kinds(("trade",), {"order": "mention", "book": "price_update"})
    assert (known["trade"], known["order"], known["book"]) == (satoriex.Trade, satoriex.Order, satoriex.PriceUpdate)


def test_events_are_told_apart_by_match() -> None:
    match event("order_filled", order_id="ord_1", price=4200):
        case satoriex.OrderFilled(order_id=order_id, price=price):
            assert (order_id, price) == ("ord_1", 4200)
        case _:
            raise AssertionError("not an OrderFilled")


# Views


def test_what_can_be_told_of_a_message_is_a_view() -> None:
    found = event(
        "order",
        market_id="mkt_abc123",
        outcome_id="out_yes",
        order_id="ord_1",
        side=2,
        price=4200,
        quantity=100,
        status="partial",
        received=3.0,
    )
    assert (found.received, found.market_id, found.outcome_id, found.order_id) == (3.0, "mkt_abc123", "out_yes", "ord_1")
    assert (found.side, found.price, found.quantity, found.status) == (satoriex.Side.SELL, 4200, 100, "partial")
    assert (found.mid, found.best_bid, found.best_ask) == (None, None, None)
    assert type(found.price) is int


def test_a_price_update_has_its_mid_and_its_best_prices() -> None:
    found = event("price_update", mid=4200.5, best_bid=4150, best_ask=4251)
    assert (found.mid, found.best_bid, found.best_ask) == (Decimal("4200.5"), 4150, 4251)


def test_the_fields_of_a_payload_go_before_those_beside_it() -> None:
    raw = '{"type":"trade","market_id":"mkt_abc123","price":1,"payload":{"price":4200,"quantity":5}}'
    found = expect(satoriex.Trade, received(raw))
    assert (found.market_id, found.price, found.quantity) == ("mkt_abc123", 4200, 5)
    assert found.raw["price"] == 1


@pytest.mark.parametrize(
    "name, value",
    [
        ("market_id", 5),
        ("market_id", ""),
        ("market_id", None),
        ("outcome_id", ["a"]),
        ("order_id", {"id": "a"}),
        ("status", True),
        ("price", "4200"),
        ("price", 0.42),
        ("price", 4200.5),
        ("price", -1),
        ("price", 10_001),
        ("price", True),
        ("quantity", -1),
        ("quantity", 1.5),
        ("quantity", 2**63),
        ("side", 1.0),
        ("side", True),
        ("side", "BUY"),
        ("side", 128),
        ("side", None),
        ("mid", 0.42),
        ("mid", 10_001),
        ("mid", -4200),
        ("mid", "much"),
        ("mid", True),
        ("best_bid", 0.41),
        ("best_ask", "4200"),
    ],
)
def test_a_field_of_another_kind_is_no_view_and_stays_in_the_raw_message(name: str, value: Any) -> None:
    raw = push("order_filled", **{name: value})
    found = expect(satoriex.OrderFilled, received(raw))
    assert getattr(found, name) is None
    assert found.raw[name] == (Decimal(str(value)) if isinstance(value, float) else value)


@pytest.mark.parametrize("value", [0, 1, 4200, 10_000])
def test_prices_are_whole_basis_points(value: int) -> None:
    found = event("price_update", price=value, mid=value, best_bid=value)
    assert {found.price, found.mid, found.best_bid} == {value}


def test_the_raw_numbers_are_exact() -> None:
    raw = '{"type":"wallet_changed","amount":0.1,"large":123456789012345678901234567890,"small":1.10,"text":"12.30","e":1e2}'
    found = expect(satoriex.WalletChanged, received(raw))
    assert found.raw["amount"] == Decimal("0.1")
    assert str(found.raw["small"]) == "1.10"
    assert found.amount("amount") == Decimal("0.1")
    assert found.amount("large") == Decimal(123456789012345678901234567890)
    assert found.amount("text") == Decimal("12.30")
    assert found.amount("e") == 100
    assert found.amount("type") is None
    assert found.amount("nothing") is None


@pytest.mark.parametrize(
    "book, levels",
    [
        ([], ()),
        ([{"price": 4200, "quantity": 10}, [4100, 5]], ((4200, 10), (4100, 5))),
        ([[4200, 10, "more"]], ((4200, 10),)),
        ([[4200]], None),
        ([{"price": 0.42, "quantity": 10}], None),
        ([{"price": 4200}], None),
        (["4200"], None),
        ({"4200": 10}, None),
        (None, None),
    ],
)
def test_the_sides_of_a_book_are_read_whole_or_not_at_all(book: Json, levels: tuple[tuple[int, int], ...] | None) -> None:
    raw = push("orderbook", market_id="mkt_abc123", bids=book, asks=book)
    found = expect(satoriex.OrderBookUpdate, received(raw))
    assert found.bids == found.asks == levels


# What a side is


def test_a_side_that_is_not_known_stays_its_number() -> None:
    unknown = satoriex.Side(3)
    assert unknown == 3
    assert (unknown.name, unknown.value) == ("UNKNOWN_3", 3)
    assert unknown not in list(satoriex.Side)
    assert event("order", side=3).side == 3
    assert event("order", side="sell").side is satoriex.Side.SELL
    with pytest.raises(ValueError, match="is not a valid Side"):
        satoriex.Side("up")  # type: ignore[arg-type]  # what an untyped caller does


@pytest.mark.parametrize("price, money", [(4200, "0.4200"), (10_000, "1.0000"), (1, "0.0001"), (0, "0.0000"), (-5, "-0.0005")])
def test_a_price_in_dollars_is_exact(price: int, money: str) -> None:
    assert satoriex.dollars(satoriex.Bps(price)) == Decimal(money)
