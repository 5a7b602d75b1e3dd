"""Each REST call by itself: what it is called in an error, where its rows may stand, and which records they become."""

from __future__ import annotations

from typing import Any

import pytest

from pushwire.core.http import Response
from pushwire.core.secrets import Secret
from pushwire.errors import AuthenticationRefused, CommandRefused, LocalProtocolError, RemoteProtocolError
from pushwire.providers import satoriex
from pushwire.providers.satoriex.records import OrderBook, OrderRecord, Position, TradeRecord, WalletTransaction
from pushwire.testing.satoriex import refusal, reply
from tests.providers.satoriex.harness import TOKEN, config
from tests.providers.satoriex.test_rest import BUY, CALLS, each_call

ROWS: dict[str, tuple[type, tuple[str, ...]]] = {
    "GET /orders": (OrderRecord, ("items", "orders")),
    "GET /markets": (satoriex.Market, ("items", "markets")),
    "GET /markets/m/trades": (TradeRecord, ("items", "trades")),
    "GET /markets/m/orderbook": (OrderBook, ("outcomes", "items", "orderbooks")),
    "GET /me/positions": (Position, ("items", "positions")),
    "GET /wallet/transactions": (WalletTransaction, ("items", "transactions")),
}
ONE: dict[str, type] = {
    "POST /orders": OrderRecord,
    "POST /orders/ord_1/cancel": OrderRecord,
    "GET /orders/ord_1": OrderRecord,
    "GET /markets/m": satoriex.Market,
    "GET /orderbook/m/o": OrderBook,
    "GET /feed": satoriex.FeedPage,
    "GET /wallet/balance": satoriex.Balance,
}


def test_every_call_is_here() -> None:
    assert {*ROWS, *ONE} == set(CALLS)


@each_call
def test_an_error_names_the_call(asked: str) -> None:
    call = CALLS[asked]
    name = type(call).__name__
    with pytest.raises(CommandRefused, match=f"^{name} refused: no") as refused:
        call.decode(refusal(5007, "no"))
    assert refused.value.command == name
    with pytest.raises(AuthenticationRefused, match=f"^{name}: old"):
        call.decode(refusal(2002, "old", status=401))
    with pytest.raises(RemoteProtocolError, match=f"^{name}: HTTP 200"):
        call.decode(Response(200, body=b"<html>"))


@pytest.mark.parametrize("asked", ROWS)
def test_rows_are_records_of_their_kind_wherever_they_stand(asked: str) -> None:
    kind, names = ROWS[asked]
    rows: Any = [{"market_id": "m"}]
    for under in (None, *names):
        (found,) = CALLS[asked].decode(reply(rows if under is None else {under: rows}))
        assert type(found) is kind
    for wrong in ("rows", "None", "Items", ""):
        with pytest.raises(RemoteProtocolError, match="no list of objects"):
            CALLS[asked].decode(reply({f"x{wrong}": rows}))


@pytest.mark.parametrize("asked", ONE)
def test_an_object_is_a_record_of_its_kind(asked: str) -> None:
    assert type(CALLS[asked].decode(reply({"id": "x"}, status=202))) is ONE[asked]


@each_call
def test_json_is_asked_for_and_sent_only_where_there_is_something_to_say(asked: str) -> None:
    request = CALLS[asked].request(config(), Secret(TOKEN))
    assert request.headers["accept"] == "application/json"
    assert bool(request.body) == (asked == "POST /orders")
    assert ("content-type" in request.headers) == bool(request.body)


@pytest.mark.parametrize("make", [satoriex.CancelOrder, satoriex.GetOrder, satoriex.GetMarket, satoriex.ListMarketTrades])
def test_a_wrong_id_is_refused_by_the_name_of_call_and_field(make: Any) -> None:
    field = "order_id" if "Order" in make.__name__ else "market_id"
    for wrong in ("..", ""):
        with pytest.raises(LocalProtocolError, match=f"^{make.__name__}: {field} "):
            make(wrong)


def test_the_greatest_price_and_quantity_may_be_ordered() -> None:
    order = satoriex.PlaceOrder(
        market_id="m", outcome_id="o", side=satoriex.Side.BUY, price=satoriex.Bps(9999), quantity=2**63 - 1
    )
    assert (order.price, order.quantity) == (9999, 2**63 - 1)


def test_an_order_is_known_by_either_name_of_its_id_and_done_when_nothing_becomes_of_it() -> None:
    def order(**fields: Any) -> OrderRecord:  # JSON
        return BUY.decode(reply(fields, status=202))

    assert order(order_id="a", id="b").order_id == "a"
    assert order(id="b").order_id == "b"
    assert [order(status=status).done for status in ("filled", "cancelled", "open", "Filled")] == [True, True, False, False]
    trades = order(trades=[{"price": 4100}]).trades
    assert trades is not None
    assert [(type(trade), trade.price) for trade in trades] == [(TradeRecord, 4100)]


@pytest.mark.parametrize("number, side", [(-129, None), (-128, -128), (127, 127), (128, None), (True, None), (1.0, None)])
def test_a_side_is_a_small_whole_number(number: float | None, side: int | None) -> None:
    assert BUY.decode(reply({"side": number}, status=202)).side == side


def test_nothing_is_no_debt() -> None:
    assert [str(satoriex.dollars(satoriex.Bps(price))) for price in (-1, 0, 1)] == ["-0.0001", "0.0000", "0.0001"]


@pytest.mark.parametrize("end", ["", "/", "//"])
def test_of_an_address_nothing_but_slashes_is_taken_away(end: str) -> None:
    request = satoriex.ListMarkets().request(config(api_url=f"https://h.example/X{end}"), None)
    assert request.url == "https://h.example/X/markets"
    login = satoriex.Login(email="a", password=Secret("p"), api_url=f"https://h.example/X{end}")
    assert login.request(None).url == "https://h.example/X/auth/login"
