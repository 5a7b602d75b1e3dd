"""REST calls: what they ask, what they read, and what they make of refusals."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from pushwire.core.http import Endpoint, Response
from pushwire.core.secrets import Secret
from pushwire.errors import AuthenticationRefused, CommandRefused, LocalProtocolError, OutcomeUnknown, RemoteProtocolError
from pushwire.providers import satoriex
from pushwire.testing.satoriex import refusal, reply
from tests.providers.satoriex.harness import TOKEN, config

API = "https://staging.satoriex.io/api/v1"
BUY = satoriex.PlaceOrder(market_id="MKT_ID", outcome_id="OUT_ID", side=satoriex.Side.BUY, price=satoriex.Bps(4200), quantity=100)
CALLS: dict[str, Endpoint[satoriex.Config, Any]] = {  # whatever they answer with
    "POST /orders": BUY,
    "POST /orders/ord_1/cancel": satoriex.CancelOrder("ord_1"),
    "GET /orders": satoriex.ListOrders(),
    "GET /orders/ord_1": satoriex.GetOrder("ord_1"),
    "GET /markets": satoriex.ListMarkets(),
    "GET /markets/m": satoriex.GetMarket("m"),
    "GET /markets/m/trades": satoriex.ListMarketTrades("m"),
    "GET /markets/m/orderbook": satoriex.GetMarketOrderBook("m"),
    "GET /orderbook/m/o": satoriex.GetOrderBook("m", "o"),
    "GET /feed": satoriex.GetFeed(),
    "GET /me/positions": satoriex.ListPositions(),
    "GET /wallet/balance": satoriex.GetBalance(),
    "GET /wallet/transactions": satoriex.ListWalletTransactions(),
}
LISTS = ("GET /orders", "GET /markets", "GET /markets/m/trades", "GET /markets/m/orderbook", "GET /me/positions")
OBJECTS = ("GET /orders/ord_1", "GET /markets/m", "GET /orderbook/m/o", "GET /wallet/balance", "GET /feed")

each_call = pytest.mark.parametrize("asked", CALLS)


def body(call: Endpoint[satoriex.Config, Any]) -> dict[str, Any]:  # JSON
    request = call.request(config(), Secret(TOKEN))
    assert request.headers["content-type"] == "application/json"
    data: dict[str, Any] = json.loads(request.body)
    return data


# Asking


@each_call
def test_each_call_asks_at_its_path_with_the_token_where_it_needs_one(asked: str) -> None:
    call = CALLS[asked]
    request = call.request(config(), None if call.auth == "none" else Secret(TOKEN))
    method, _, path = asked.partition(" ")
    assert (request.method, request.url) == (method, f"{API}{path}")
    public = path.startswith(("/markets", "/orderbook", "/feed"))
    assert call.auth == ("none" if public else "token")
    assert request.headers.get("authorization") == (None if public else Secret(f"Bearer {TOKEN}"))
    assert TOKEN not in repr(request)


@each_call
def test_each_call_counts_against_limits_that_there_are(asked: str) -> None:
    buckets = CALLS[asked].buckets
    limits = config().rate_limits
    assert (limits[buckets[0]].count, limits[buckets[0]].per) == (100, 60.0)
    shared = [(limits[name].count, limits[name].per) for name in buckets[1:]]
    assert shared == ([(60, 60.0), (30, 60.0)] if asked.startswith("POST") else [])


def test_each_path_has_a_limit_of_its_own() -> None:
    assert len({call.buckets[0] for call in CALLS.values()}) == len(CALLS) == 13
    assert set(config().rate_limits) == {name for call in CALLS.values() for name in call.buckets} | {"tokens"}


def test_an_order_is_written_as_documented() -> None:
    assert body(BUY) == {"market_id": "MKT_ID", "outcome_id": "OUT_ID", "side": 1, "price": 4200, "quantity": 100}
    assert b'"side":1,"price":4200,"quantity":100' in BUY.request(config(), Secret(TOKEN)).body


def test_an_order_may_name_a_builder() -> None:
    order = satoriex.PlaceOrder(
        market_id="m", outcome_id="o", side=satoriex.Side.SELL, price=satoriex.Bps(1), quantity=1, builder_code="BLD_A1B2C3"
    )
    assert body(order)["builder_code"] == "BLD_A1B2C3"
    assert body(order)["side"] == 2


def test_only_a_new_order_must_not_be_repeated() -> None:
    assert [asked for asked, call in CALLS.items() if not call.repeatable] == ["POST /orders"]


@pytest.mark.parametrize(
    "field, value",
    [
        ("market_id", ""),
        ("outcome_id", 5),
        ("side", 1),
        ("side", satoriex.Side(3)),
        ("price", 0),
        ("price", 10_000),
        ("price", 0.42),
        ("price", True),
        ("quantity", 0),
        ("quantity", 1.0),
        ("quantity", 2**63),
        ("quantity", True),
        ("builder_code", "A1B2"),
        ("builder_code", "BLD_ü"),
        ("builder_code", 5),
    ],
)
def test_an_order_is_checked_before_it_is_sent(field: str, value: Any) -> None:
    fields: dict[str, Any] = {"market_id": "m", "outcome_id": "o", "side": satoriex.Side.BUY, "price": 1, "quantity": 1}
    with pytest.raises(LocalProtocolError, match=f"^PlaceOrder: {field} "):
        satoriex.PlaceOrder(**{**fields, field: value})


@pytest.mark.parametrize("wrong", ["", ".", "..", None, "\ud800"])
def test_an_id_must_be_one_part_of_a_path(wrong: Any) -> None:
    makers: list[Any] = [satoriex.CancelOrder, satoriex.GetOrder, satoriex.GetMarket, satoriex.ListMarketTrades]
    for make in (*makers, satoriex.GetMarketOrderBook):
        with pytest.raises(LocalProtocolError):
            make(wrong)
    for ids in (("m", wrong), (wrong, "o")):
        with pytest.raises(LocalProtocolError):
            satoriex.GetOrderBook(*ids)


def test_an_id_is_escaped() -> None:
    request = satoriex.GetOrderBook("a/b?c", "ü #").request(config(), None)
    assert request.url == f"{API}/orderbook/a%2Fb%3Fc/%C3%BC%20%23"


def test_a_page_of_the_feed_may_be_named() -> None:
    assert satoriex.GetFeed(page=2, size=50).request(config(), None).url == f"{API}/feed?page=2&size=50"
    assert satoriex.GetFeed(size=50).request(config(), None).url == f"{API}/feed?size=50"
    for wrong in (0, -1, 1.5, True):
        with pytest.raises(LocalProtocolError, match="page must be a whole number from 1"):
            satoriex.GetFeed(page=wrong)  # type: ignore[arg-type]  # what an untyped caller does


# Reading


def test_a_new_order_is_answered_before_it_is_matched() -> None:
    order = BUY.decode(reply({"id": "ord_1", "status": "pending", "trades": []}, status=202))
    assert (order.order_id, order.status, order.trades, order.done) == ("ord_1", "pending", (), False)


def test_an_order_beside_its_trades_is_found_as_well() -> None:
    order = BUY.decode(reply({"order": {"id": "ord_1", "price": 4200}, "trades": []}, status=202))
    assert (order.order_id, order.price, order.trades) == ("ord_1", 4200, ())
    assert set(order.raw) == {"order", "trades"}


def test_a_cancelled_order_comes_back_whole() -> None:
    full: dict[str, Any] = {"id": "ord_1", "market_id": "m", "outcome_id": "o", "side": 2, "price": 4200, "quantity": 5}
    full["status"] = "cancelled"
    order = satoriex.CancelOrder("ord_1").decode(reply(full, status=202))
    assert (order.side, order.market_id, order.outcome_id, order.quantity) == (satoriex.Side.SELL, "m", "o", 5)
    assert order.done
    assert order.trades is None


@pytest.mark.parametrize("asked", LISTS)
@pytest.mark.parametrize("under", [None, "items"])
def test_a_list_may_be_bare_or_under_a_name(asked: str, under: str | None) -> None:
    rows: Any = [{"market_id": "m", "outcome_id": "o"}, {"market_id": "n"}]
    found = CALLS[asked].decode(reply(rows if under is None else {under: rows, "total": 2}))
    assert [record.market_id for record in found] == ["m", "n"]
    assert CALLS[asked].decode(reply(None)) == ()
    assert CALLS[asked].decode(reply([])) == ()


@pytest.mark.parametrize("asked", LISTS)
@pytest.mark.parametrize("data", [5, "text", {}, {"items": 5}, ["text"], [{}, 5]])
def test_what_should_be_a_list_and_is_none_is_the_peers_fault(asked: str, data: Any) -> None:
    with pytest.raises(RemoteProtocolError, match="no list of objects"):
        CALLS[asked].decode(reply(data))


@pytest.mark.parametrize("asked", OBJECTS)
@pytest.mark.parametrize("data", [None, 5, []])
def test_what_should_be_an_object_and_is_none_as_well(asked: str, data: Any) -> None:
    with pytest.raises(RemoteProtocolError, match="no object"):
        CALLS[asked].decode(reply(data))


def test_a_position_has_shares_a_price_in_basis_points_and_a_cost_in_dollars() -> None:
    raw = b'{"code":0,"data":[{"market_id":"m","outcome_id":"o","shares":30,"avg_buy_price":4150,"cost_basis":12.45}]}'
    (position,) = satoriex.ListPositions().decode(Response(200, body=raw))
    assert (position.market_id, position.outcome_id, position.shares) == ("m", "o", 30)
    assert (position.avg_buy_price, position.cost_basis) == (4150, Decimal("12.45"))


def test_a_market_has_outcomes() -> None:
    market = satoriex.GetMarket("m").decode(reply({"id": "m", "status": "trading", "min_size": 5, "outcomes": [{"id": "yes"}]}))
    assert (market.market_id, market.status, market.amount("min_size")) == ("m", "trading", Decimal(5))
    assert [outcome.outcome_id for outcome in market.outcomes or ()] == ["yes"]
    assert satoriex.GetMarket("m").decode(reply({"market_id": "m", "outcomes": 5})).outcomes is None


def test_an_order_book_has_levels() -> None:
    book = satoriex.GetOrderBook("m", "o").decode(reply({"bids": [{"price": 4100, "quantity": 5}], "asks": [[4300, 1]]}))
    assert book.bids == (satoriex.Level(satoriex.Bps(4100), 5),)
    assert book.asks == (satoriex.Level(satoriex.Bps(4300), 1),)
    assert satoriex.GetOrderBook("m", "o").decode(reply({})).bids is None


def test_a_trade_has_the_price_of_the_order_that_rested() -> None:
    (trade,) = satoriex.ListMarketTrades("m").decode(reply([{"price": 4100, "quantity": 5, "side": 1}]))
    assert (trade.price, trade.quantity, trade.side) == (4100, 5, satoriex.Side.BUY)


def test_the_feed_comes_in_pages() -> None:
    page = satoriex.GetFeed().decode(reply({"items": [{"market_id": "m"}], "page": 1, "size": 20, "total": 41}))
    assert ([item.market_id for item in page.items], page.page, page.size, page.total) == (["m"], 1, 20, 41)
    assert satoriex.GetFeed().decode(reply({"items": None})).items == ()


def test_amounts_of_the_wallet_are_exact() -> None:
    balance = satoriex.GetBalance().decode(Response(200, body=b'{"code":0,"data":{"available":0.10,"locked":"2.50"}}'))
    assert str(balance.amount("available")) == "0.10"
    assert balance.amount("locked") == Decimal("2.50")
    (movement,) = satoriex.ListWalletTransactions().decode(reply({"transactions": [{"id": "tx_1", "amount": "-5"}]}))
    assert movement.amount("amount") == -5


# Refusals


@pytest.mark.parametrize("code", [2025, 3001, 5002, 5004, 5007, 5008])
def test_a_refusal_bears_the_providers_code(code: int) -> None:
    with pytest.raises(CommandRefused) as caught:
        BUY.decode(refusal(code, "ErrSomething"))
    assert (caught.value.command, caught.value.code, caught.value.text) == ("PlaceOrder", code, "ErrSomething")


@each_call
def test_an_internal_error_bears_its_trace(asked: str) -> None:
    answer = refusal(50000, "internal error", status=500, trace_id="abc123def456")
    with pytest.raises((CommandRefused, OutcomeUnknown)) as caught:
        CALLS[asked].decode(answer)
    error = caught.value if isinstance(caught.value, CommandRefused) else caught.value.__cause__
    assert isinstance(error, CommandRefused)
    assert (error.code, error.trace_id) == (50000, "abc123def456")
    assert "abc123def456" in str(caught.value)


@each_call
def test_an_expired_token_is_told_apart(asked: str) -> None:
    with pytest.raises(AuthenticationRefused) as caught:
        CALLS[asked].decode(refusal(2002, "token expired", status=401))
    assert (caught.value.status, caught.value.code) == (401, 2002)
    with pytest.raises(AuthenticationRefused):
        CALLS[asked].decode(Response(401, body=b"<html>"))
    with pytest.raises(AuthenticationRefused):
        CALLS[asked].decode(refusal(2002, status=200))


@pytest.mark.parametrize("status, code", [(200, 5007), (202, 5007), (400, 5007), (403, 1), (404, 1), (409, 0), (429, 1)])
def test_a_code_or_a_status_alone_refuses(status: int, code: int) -> None:
    for call in (BUY, satoriex.CancelOrder("ord_1")):
        with pytest.raises(CommandRefused) as caught:
            call.decode(refusal(code, status=status))
        assert caught.value.code == code


@pytest.mark.parametrize("code", [0, 5007, 50000])
@pytest.mark.parametrize("status", [0, 100, 199, 300, 302, 399])
def test_what_a_redirect_says_of_a_call_is_not_believed(status: int, code: int) -> None:
    for call in (BUY, satoriex.CancelOrder("ord_1"), satoriex.ListOrders()):
        with pytest.raises(RemoteProtocolError, match=f"HTTP {status}, and no reply") as caught:
            call.decode(refusal(code, status=status))
        assert type(caught.value) is RemoteProtocolError


UNREADABLE = [b"", b"<html>", b"[]", b'{"msg":"ok"}', b'{"code":"0","data":{}}', b'{"code":null}', b'{"code":0,"data":', b"\xff"]


@pytest.mark.parametrize("raw", UNREADABLE)
@pytest.mark.parametrize("status", [200, 302, 404, 429, 502])
def test_what_cannot_be_read_is_the_peers_fault(raw: bytes, status: int) -> None:
    with pytest.raises(RemoteProtocolError, match=f"^CancelOrder: HTTP {status}, and no reply that can be read$") as caught:
        satoriex.CancelOrder("ord_1").decode(Response(status, body=raw))
    assert not isinstance(caught.value, CommandRefused)


def test_deeply_nested_replies_are_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        satoriex.ListOrders().decode(Response(200, body=b'{"a":' * 100_000))


@pytest.mark.parametrize("status, code", [(500, 50000), (202, 50000), (500, 0), (500, 9999)])
def test_an_internal_error_does_not_tell_what_became_of_an_order(status: int, code: int) -> None:
    with pytest.raises(OutcomeUnknown, match="may have been placed") as caught:
        BUY.decode(refusal(code, "internal error", status=status))
    assert caught.value.command is BUY
    assert isinstance(caught.value.__cause__, CommandRefused)


@pytest.mark.parametrize("answer", [Response(502, body=b"<html>"), Response(202, body=b"<html>"), reply(None, status=202)])
def test_that_a_reply_to_an_order_cannot_be_read_is_left_to_the_caller(answer: Response) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        BUY.decode(answer)
    assert type(caught.value) is RemoteProtocolError


def test_an_order_that_is_one_too_many_was_not_placed_whatever_the_code() -> None:
    with pytest.raises(CommandRefused) as caught:
        BUY.decode(refusal(50000, "internal error", status=429, trace_id="abc"))
    assert (caught.value.code, caught.value.trace_id) == (50000, "abc")
