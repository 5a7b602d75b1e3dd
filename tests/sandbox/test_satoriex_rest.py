"""The REST side of the sandbox's SatoriEx, asked through the client's own calls."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import pytest

from pushwire.core.http import Endpoint, Request, Response
from pushwire.core.secrets import Secret
from pushwire.core.tokens import GrantExpired, Tokens
from pushwire.errors import AuthenticationRefused, CommandRefused
from pushwire.providers import satoriex
from pushwire.sandbox.base import Accept, ConnectRequest, HttpCall, Refuse, SendTo
from pushwire.sandbox.satoriex import SatoriexServer
from pushwire.sandbox.satoriex_settings import SatoriexSettings

WALL = 1e9
TOKEN = Secret("t")
CONFIG = satoriex.Config(token=TOKEN)
LOGIN = satoriex.Login(email="a@example.org", password=Secret("pw"))
ReplyT = TypeVar("ReplyT")


def server(**settings: Any) -> SatoriexServer:
    return SatoriexServer(SatoriexSettings(tokens=["t"], **settings), random.Random(1))


def send(machine: SatoriexServer, request: Request, now: float = 0.0) -> Response:
    """Hand a request in as the server does."""
    assert isinstance(request.url, str)
    parts = urlsplit(request.url)
    headers = {name: value.reveal() if isinstance(value, Secret) else value for name, value in request.headers.items()}
    return machine.http(
        HttpCall(request.method, parts.path, dict(parse_qsl(parts.query)), headers, request.body), now, WALL + now
    )


def call(machine: SatoriexServer, endpoint: Endpoint[satoriex.Config, ReplyT], now: float = 0.0, token: Secret = TOKEN) -> ReplyT:
    request = endpoint.request(CONFIG, None if endpoint.auth == "none" else token)
    return endpoint.decode(send(machine, request, now))


def order(side: satoriex.Side = satoriex.Side.BUY, price: int = 4200, quantity: int = 100, **more: str) -> satoriex.PlaceOrder:
    fields = {"market_id": "mkt_abc123", "outcome_id": "yes", **more}
    return satoriex.PlaceOrder(side=side, price=satoriex.Bps(price), quantity=quantity, **fields)


def pushed(machine: SatoriexServer) -> list[tuple[str, str | None]]:
    """The names of what was sent, and the status of the order in it."""
    messages = [json.loads(effect.text) for effect in machine.take_effects() if isinstance(effect, SendTo)]
    bodies = [message.get("payload") or message for message in messages]
    return [(body["type"], body.get("status")) for body in bodies]


def follow(machine: SatoriexServer) -> None:
    assert machine.connect(1, ConnectRequest("/ws", {"token": "t"}), 0.0, WALL) == Accept()
    machine.receive(1, '{"type":"subscribe","market_id":"mkt_abc123"}', 0.0)


def available(machine: SatoriexServer) -> Decimal | None:
    return call(machine, satoriex.GetBalance()).amount("balance")


# Orders


def test_an_order_rests_until_it_is_cancelled() -> None:
    machine = server()
    follow(machine)
    placed = call(machine, order())
    assert (placed.status, placed.trades, placed.side, placed.price, placed.quantity) == ("pending", (), 1, 4200, 100)
    order_id = placed.order_id or ""
    assert call(machine, satoriex.GetOrder(order_id)).status == "open"
    assert available(machine) == 58
    (book, empty) = call(machine, satoriex.GetMarketOrderBook("mkt_abc123"))
    assert (book.outcome_id, book.bids, book.asks, empty.bids) == ("yes", ((4200, 100),), (), ())
    assert [call(machine, satoriex.CancelOrder(order_id)).status for _ in range(2)] == ["cancelled", "cancelled"]
    assert available(machine) == 100
    assert [listed.status for listed in call(machine, satoriex.ListOrders())] == ["cancelled"]
    assert pushed(machine) == [("wallet_changed", None), ("order", "open"), ("order", "cancelled"), ("wallet_changed", None)]


def test_an_order_that_is_filled_is_told_on_both_channels() -> None:
    machine = server(fill_after=0.5)
    follow(machine)
    placed = call(machine, order())
    machine.take_effects()
    assert machine.next_deadline() == 0.5
    machine.handle_timer(0.4, WALL)
    machine.handle_timer(0.5, WALL)
    assert pushed(machine) == [("trade", None), ("order", "filled"), ("order_filled", "filled")]
    assert call(machine, satoriex.GetOrder(placed.order_id or "")).done
    (position,) = call(machine, satoriex.ListPositions())
    assert (position.shares, position.avg_buy_price, position.cost_basis) == (100, 4200, Decimal(42))
    assert [trade.price for trade in call(machine, satoriex.ListMarketTrades("mkt_abc123"))] == [4200]
    assert call(machine, satoriex.GetFeed()).total == 1


def test_what_is_held_can_be_sold() -> None:
    machine = server(fill_after=0.5)
    call(machine, order())
    machine.handle_timer(0.5, WALL)
    call(machine, order(satoriex.Side.SELL, 5000, 40), 1.0)
    other = call(machine, order(satoriex.Side.SELL, 6000, 60), 1.2)
    assert call(machine, satoriex.GetOrderBook("mkt_abc123", "yes")).asks == ((5000, 40), (6000, 60))
    call(machine, satoriex.CancelOrder(other.order_id or ""), 1.3)
    machine.handle_timer(2.0, WALL)
    (position,) = call(machine, satoriex.ListPositions())
    assert (position.shares, position.avg_buy_price) == (60, 4200)
    assert available(machine) == 78
    amounts = [movement.amount("amount") for movement in call(machine, satoriex.ListWalletTransactions())]
    assert amounts == [-42, 20]


def test_a_position_that_was_sold_has_no_price() -> None:
    machine = server(fill_after=0.5)
    call(machine, order())
    machine.handle_timer(0.5, WALL)
    call(machine, order(satoriex.Side.SELL), 1.0)
    (position,) = call(machine, satoriex.ListPositions())
    assert (position.shares, position.avg_buy_price) == (0, 0)


@pytest.mark.parametrize(
    "wrong, code",
    [
        (order(market_id="mkt_other"), 5007),
        (order(outcome_id="maybe"), 5007),
        (order(quantity=10_000), 3001),
        (order(satoriex.Side.SELL), 5008),
    ],
)
def test_an_order_that_cannot_be_is_refused_with_its_code(wrong: satoriex.PlaceOrder, code: int) -> None:
    with pytest.raises(CommandRefused) as caught:
        call(server(), wrong)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "body, code",
    [
        ({"side": 3}, 5004),
        ({"price": 0}, 5002),
        ({"price": 10_000}, 5002),
        ({"quantity": 0}, 5002),
        ({"price": "4200"}, 40000),
        ({"price": 0.42}, 40000),
    ],
)
def test_what_our_own_checks_would_stop_is_refused_as_well(body: dict[str, object], code: int) -> None:
    good = {"market_id": "mkt_abc123", "outcome_id": "yes", "side": 1, "price": 4200, "quantity": 1}
    request = Request("POST", f"{CONFIG.api}/orders", {"authorization": "Bearer t"}, json.dumps({**good, **body}).encode())
    with pytest.raises(CommandRefused) as caught:
        order().decode(send(server(), request))
    assert caught.value.code == code


# Whoever asks


def test_markets_are_for_everybody() -> None:
    machine = server()
    assert [market.market_id for market in call(machine, satoriex.ListMarkets())] == ["mkt_abc123", "mkt_def456"]
    market = call(machine, satoriex.GetMarket("mkt_def456"))
    assert [outcome.outcome_id for outcome in market.outcomes or ()] == ["yes", "no"]
    assert call(machine, satoriex.GetFeed()).items == ()


@pytest.mark.parametrize(
    "endpoint",
    [
        satoriex.GetMarket("m"),
        satoriex.GetOrderBook("mkt_abc123", "maybe"),
        satoriex.GetOrder("ord_1"),
        satoriex.CancelOrder("ord_1"),
    ],
)
def test_what_there_is_not_is_not_found(endpoint: Endpoint[satoriex.Config, object]) -> None:
    with pytest.raises(CommandRefused, match="not found"):
        call(server(), endpoint)


@pytest.mark.parametrize("alias", ["/wallet/balance", "/me/balance", "/users/me/balance"])
def test_the_balance_has_three_paths(alias: str) -> None:
    response = send(server(), Request("GET", f"{CONFIG.api}{alias}", {"authorization": "Bearer t"}))
    assert json.loads(response.body)["data"] == {"balance": 100.0}


@pytest.mark.parametrize("header", ["", "Bearer ", "Bearer wrong", "Basic t"])
def test_what_is_somebodys_needs_a_token(header: str) -> None:
    response = send(server(), Request("GET", f"{CONFIG.api}/orders", {"authorization": header}))
    with pytest.raises(AuthenticationRefused) as caught:
        satoriex.ListOrders().decode(response)
    assert (caught.value.status, caught.value.code) == (401, 2002)


# Tokens


def log_in(machine: SatoriexServer, held: Tokens | None = None, now: float = 0.0) -> Tokens:
    return LOGIN.decode(send(machine, LOGIN.request(held), now), held, WALL + now)


def test_a_login_gives_a_token_for_both_sides_that_says_how_long_it_lives() -> None:
    machine = server(token_lifetime=60.0)
    tokens = log_in(machine)
    assert tokens.expires == WALL + 60.0
    assert call(machine, satoriex.ListOrders(), token=tokens.access) == ()
    query = {"token": tokens.access.reveal()}
    assert machine.connect(1, ConnectRequest("/ws", query), 59.0, WALL + 59.0) == Accept()
    assert isinstance(machine.connect(2, ConnectRequest("/ws", query), 60.0, WALL + 60.0), Refuse)
    with pytest.raises(AuthenticationRefused, match="token expired"):
        call(machine, satoriex.ListOrders(), 60.0, tokens.access)


def test_an_expired_token_is_renewed_by_the_refresh_token() -> None:
    machine = server(token_lifetime=60.0)
    tokens = log_in(machine)
    renewed = log_in(machine, tokens, 60.0)
    assert renewed.access != tokens.access
    assert call(machine, satoriex.ListOrders(), 61.0, renewed.access) == ()
    with pytest.raises(GrantExpired):
        log_in(machine, Tokens(Secret("a"), issued=0.0, refresh=Secret("wrong")))


def test_passwords_may_be_checked() -> None:
    assert log_in(server(passwords={"a@example.org": Secret("pw")})).refresh is not None
    for passwords in ({"a@example.org": Secret("other")}, {"b@example.org": Secret("pw")}):
        with pytest.raises(AuthenticationRefused):
            log_in(server(passwords=passwords))


@pytest.mark.parametrize("path", ["login", "refresh"])
def test_what_is_no_login_is_refused(path: str) -> None:
    assert send(server(), Request("POST", f"{CONFIG.api}/auth/{path}", {}, b"{")).status == 401
