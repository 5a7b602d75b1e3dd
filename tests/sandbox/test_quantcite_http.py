"""The HTTP side of the sandbox's QuantCite, asked and read by the client's own REST calls."""

from __future__ import annotations

import random
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import pytest

from pushwire.core.http import Endpoint, Request, Response
from pushwire.core.secrets import Secret
from pushwire.core.tokens import Tokens
from pushwire.errors import AuthenticationRefused, CommandRefused
from pushwire.providers import quantcite
from pushwire.sandbox.base import HttpCall, HttpMachine
from pushwire.sandbox.quantcite import QuantciteServer
from pushwire.sandbox.quantcite_settings import QuantciteSettings

WALL = 1_745_000_000.0
DAY = 24 * 3600.0
CONFIG = quantcite.Config(api_key=Secret("k1"))
OWN = quantcite.Credentials(Secret("ok-1"), Secret("s"))

ReplyT = TypeVar("ReplyT")


def server(**settings: Any) -> QuantciteServer:  # forwarded to the settings, which check them
    given: dict[str, Any] = {"keys": ("k1", "k2"), "history": 4, **settings}
    machine = QuantciteServer(QuantciteSettings(**given), random.Random(7))
    machine.handle_timer(0.0, WALL)
    return machine


def revealed(text: str | Secret) -> str:
    return text.reveal() if isinstance(text, Secret) else text


def answered(machine: QuantciteServer, request: Request, now: float = 0.0) -> Response:
    headers = {name.lower(): revealed(value) for name, value in request.headers.items()}
    path = unquote(urlsplit(revealed(request.url)).path)
    return machine.http(HttpCall(request.method, path, {}, headers, request.body), now, WALL + now)


def tokens(machine: QuantciteServer, config: quantcite.Config = CONFIG, now: float = 0.0) -> Tokens:
    grant = quantcite.SessionGrant(config)
    return grant.decode(answered(machine, grant.request(None), now), None, WALL + now)


def call(
    machine: QuantciteServer, endpoint: Endpoint[quantcite.Config, ReplyT], now: float = 0.0, token: Secret | None = None
) -> ReplyT:
    token = (token or tokens(machine).access) if endpoint.auth == "token" else None
    return endpoint.decode(answered(machine, endpoint.request(CONFIG, token), now))


def test_it_has_an_http_side() -> None:
    assert isinstance(server(), HttpMachine)


def test_a_session_is_got_with_the_key_and_lasts_a_day() -> None:
    machine = server()
    got = tokens(machine)
    assert got.expires == WALL + DAY
    assert call(machine, quantcite.Authenticate()).user_id == machine.users[0].user_id
    assert call(machine, quantcite.SessionStatus(), token=got.access).authenticated
    with pytest.raises(AuthenticationRefused, match="session_expired"):
        call(machine, quantcite.SessionStatus(), DAY, got.access)
    with pytest.raises(AuthenticationRefused, match="invalid_session"):
        call(machine, quantcite.SessionStatus(), token=Secret("made up"))


def test_a_wrong_key_gets_no_session() -> None:
    with pytest.raises(AuthenticationRefused, match="invalid_api_key"):
        tokens(server(), quantcite.Config(api_key=Secret("no")))


@pytest.mark.parametrize(
    "method, path, body, status, error",
    [
        ("POST", "/authenticate", b"{}", 400, "missing_api_key"),
        ("POST", "/authenticate", b"[", 400, "invalid_request"),
        ("POST", "/transactions", b"{}", 401, "missing_authorization"),
        ("GET", "/transactions", b"", 404, "not_found"),
        ("GET", "/nowhere", b"", 404, "not_found"),
        ("GET", "/data-usage/nobody", b"", 404, "api_key_not_found"),
    ],
)
def test_what_cannot_be_done_is_an_error_by_its_name(method: str, path: str, body: bytes, status: int, error: str) -> None:
    response = server().http(HttpCall(method, f"/api/v1{path}", body=body), 0.0, WALL)
    assert (response.status, error.encode() in response.body) == (status, True)


def test_transactions_are_those_that_a_subscription_gets() -> None:
    machine = server(history=20, history_limit=5)
    page = call(machine, quantcite.QueryTransactions("bybit"))
    assert (len(page.transactions), page.summary.total_transactions, page.summary.total_count) == (5, 20, 5)
    assert page.summary.date_range is not None
    known = machine.sent()
    assert known == {}  # nobody has subscribed
    some = call(machine, quantcite.QueryTransactions("bybit", transaction_types=("deposits",), limit=1))
    assert [tx.label for tx in some.transactions] == ["Deposit"]
    first, last = page.transactions[0].timestamp, page.transactions[-1].timestamp
    span = call(machine, quantcite.QueryTransactions("bybit", start_time=first + 1, end_time=last - 1))
    assert span.transactions == page.transactions[1:-1]
    testnet = call(machine, quantcite.QueryTransactions("bybit", testnet=True, end_time=1))
    assert (testnet.transactions, testnet.summary.date_range) == ((), None)


def test_credentials_decide_whose_transactions_they_are() -> None:
    machine = server(credentials=("ok-1",))
    own = call(machine, quantcite.QueryTransactions("binance", credentials=OWN))
    assert len(own.transactions) == 4
    with pytest.raises(CommandRefused) as caught:
        call(machine, quantcite.QueryTransactions("binance"))
    assert caught.value.code == "exchange_error"
    with pytest.raises(CommandRefused) as caught:
        call(machine, quantcite.QueryTransactions("nowhere"))
    assert caught.value.code == "invalid_exchange"
    assert call(machine, quantcite.CheckCredentials("binance", credentials=OWN)).success
    assert call(machine, quantcite.CheckCredentials("binance")).error == "authentication_failed"


def test_types_that_are_no_list_are_refused() -> None:
    machine = server()
    token = tokens(machine).access.reveal()
    body = b'{"exchange":"bybit","transaction_types":"deposits"}'
    response = machine.http(HttpCall("POST", "/api/v1/transactions", {}, {"authorization": f"Bearer {token}"}, body), 0.0, WALL)
    assert (response.status, b"invalid_transaction_types" in response.body) == (400, True)


def test_public_calls_need_no_session() -> None:
    machine = server()
    assert [one.exchange_name for one in call(machine, quantcite.ListExchanges())] == ["bybit", "binance", "okx"]
    assert call(machine, quantcite.TransactionTypes()).exchange_specific is not None
    assert call(machine, quantcite.CredentialSources()).exchanges_with_internal_credentials == ("bybit",)
    assert call(machine, quantcite.Health()).status == "healthy"
    usage = call(machine, quantcite.DataUsage())
    assert (usage.username, usage.billing_tier) == ("user-1", "premium")


def test_beyond_the_rate_a_call_is_told_when_to_come_again() -> None:
    machine = server(requests_a_minute=1)
    token = tokens(machine).access
    call(machine, quantcite.SessionStatus(), 15.0, token)
    with pytest.raises(CommandRefused) as caught:
        call(machine, quantcite.SessionStatus(), 15.5, token)
    assert (caught.value.code, caught.value.retry_after) == ("rate_limit_exceeded", 45.0)
    assert call(machine, quantcite.SessionStatus(), 60.0, token).authenticated
