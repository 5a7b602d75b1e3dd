"""Each REST call reads its reply, and tells a refusal and what cannot be read from it."""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.http import Response
from pushwire.core.secrets import Secret
from pushwire.errors import AuthenticationRefused, CommandRefused, PushwireError, RemoteProtocolError
from pushwire.providers import quantcite
from pushwire.providers.quantcite.rest import Call
from pushwire.testing import quantcite as build
from tests.providers.harness import WALL, expect
from tests.providers.quantcite.harness import HIDDEN, KEY, WITH_PASSPHRASE, config
from tests.providers.quantcite.test_rest_requests import CALLS

TOKEN = "0a1b2c3d-hidden-session"
SESSION = {
    "success": True,
    "message": "Authentication successful",
    "session_token": TOKEN,
    "user_id": "u1",
    "user_tier": "premium",
    "expires_at": 1_745_086_400_000,
}
PAGE: dict[str, Any] = {  # JSON
    "success": True,
    "message": "Retrieved 1 transactions",
    "exchange": "bybit",
    "total_transactions": 9,
    "processing_time": 2.05,
    "transactions": [json.loads(build.transaction_response())["transactions"][0]],
    "summary": {"total_count": 9, "by_type": {"deposit": 9}, "date_range": {"start": 1693526400000, "end": 1693612800000}},
    "filters_applied": {"limit": 1},
}
EXCHANGE = json.loads(build.exchanges_response())["exchanges"][0]
USAGE: dict[str, Any] = {  # JSON
    "user_id": "u1",
    "username": "someone",
    "billing_tier": "premium",
    "api_key_active": True,
    "data_usage": {
        "used_gb": 12.34,
        "limit_gb": 50,
        "remaining_gb": 37.66,
        "usage_percentage": 24.68,
        "bytes_used": 13249974108,
        "bytes_limit": 53687091200,
    },
    "billing_period": {"reset_date": "2025-10-01", "days_until_reset": 12, "next_reset": "2025-10-01T00:00:00Z"},
    "status": {"limit_exceeded": False, "warning_threshold": False, "api_key_status": "active"},
    "timestamp": "2025-09-18T10:30:00Z",
}
POLICY: dict[str, Any] = {  # JSON
    "exchanges_with_internal_credentials": ["bybit"],
    "exchanges_requiring_user_credentials": ["okx"],
    "details": {"bybit": {"internal": True}},
}
STATUS = {"authenticated": True, "user_id": "u1", "user_tier": "premium", "expires_at": 1, "created_at": 0, "message": "ok"}
SAMPLES: dict[str, Any] = {  # JSON
    "Authenticate": SESSION,
    "SessionStatus": STATUS,
    "QueryTransactions": PAGE,
    "CheckCredentials": json.loads(build.validation_response()),
    "TransactionTypes": {"unified_types": {"deposits": "Deposits"}, "exchange_specific": {"bybit": ["deposits", "ledger"]}},
    "ListExchanges": [EXCHANGE],
    "CredentialSources": POLICY,
    "DataUsage": USAGE,
    "Health": {"status": "healthy", "websocket_endpoint": "/ws", "active_exchanges": 1, "timestamp": "t", "version": "1"},
}


def response(body: object, status: int = 200, **headers: str) -> Response:
    return Response(status, headers, body if isinstance(body, bytes) else json.dumps(body).encode())


def reply(name: str, changes: dict[str, object] | None = None) -> object:
    sample: Any = SAMPLES[name]  # JSON
    return CALLS[name][0].decode(response({**sample, **changes} if changes else sample))


# Replies


def test_a_session_is_read_and_its_token_never_shown() -> None:
    account = expect(quantcite.Account, reply("Authenticate"))
    assert (account.session_token, account.user_id, account.user_tier) == (Secret(TOKEN), "u1", "premium")
    assert account.expires_at == 1_745_086_400_000
    assert TOKEN not in repr(account)


@pytest.mark.parametrize("expires_at, expires", [(1_745_086_400_000, WALL + 86_400), (None, None)])
def test_a_grant_gives_the_session_until_it_expires(expires_at: int | None, expires: float | None) -> None:
    tokens = quantcite.SessionGrant(config()).decode(response({**SESSION, "expires_at": expires_at}), None, WALL)
    assert (tokens.access, tokens.issued, tokens.expires, tokens.refresh) == (Secret(TOKEN), WALL, expires, None)


def test_the_state_of_a_session_is_a_reply_whatever_it_is() -> None:
    good = expect(quantcite.SessionState, reply("SessionStatus"))
    assert (good.authenticated, good.user_id, good.user_tier, good.expires_at, good.created_at) == (True, "u1", "premium", 1, 0)
    for status in (200, 401):
        call = quantcite.SessionStatus()
        bad = call.decode(response({"authenticated": False, "message": "Invalid session"}, status))
        assert (bad.authenticated, bad.message) == (False, "Invalid session")
    with pytest.raises(AuthenticationRefused, match="SessionStatus: session_expired"):
        quantcite.SessionStatus().decode(response({"success": False, "error": "session_expired"}, 401))


def test_transactions_are_those_of_a_stream() -> None:
    page = expect(quantcite.TransactionPage, reply("QueryTransactions"))
    assert page.transactions == (build.transaction(),)
    assert page.summary == quantcite.Summary(
        exchange="bybit",
        total_transactions=9,
        total_count=9,
        by_type={"deposit": 9},
        date_range=quantcite.DateRange(start=1693526400000, end=1693612800000),
        processing_time=Decimal("2.05"),
        transactions=1,
    )
    assert (page.message, page.filters_applied) == ("Retrieved 1 transactions", '{"limit": 1}')
    testnet = quantcite.QueryTransactions("okx", testnet=True)
    (tx,) = testnet.decode(response({**PAGE, "exchange": None, "filters_applied": None})).transactions
    assert (tx.exchange, tx.testnet) == ("okx", True)


def test_a_query_without_success_is_refused() -> None:
    with pytest.raises(CommandRefused) as caught:
        reply("QueryTransactions", {"success": False, "error": "exchange_error", "message": "down"})
    assert (caught.value.code, caught.value.text) == ("exchange_error", "down")


@pytest.mark.parametrize(
    "changes",
    [
        {"transactions": [{"transactionId": "x"}]},
        {"transactions": [{**PAGE["transactions"][0], "receivedCurrency": {"currency": "USDT", "amount": "1"}}]},
        {"summary": 5},
        {"total_transactions": "9"},
    ],
)
def test_a_page_of_which_a_part_cannot_be_read_is_none(changes: dict[str, object]) -> None:
    with pytest.raises(RemoteProtocolError, match="QueryTransactions: malformed reply: "):
        reply("QueryTransactions", changes)


@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_credentials_that_are_invalid_are_a_reply(status: int) -> None:
    call = quantcite.CheckCredentials("okx", credentials=WITH_PASSPHRASE)
    echo = f"own-key-hidden {KEY[:2]} is wrong"
    said = call.decode(response(json.loads(build.validation_response(success=False, exchange="okx", message=echo)), status))
    assert (said.success, said.error, said.message) == (False, "authentication_failed", "*** qc is wrong")
    bare = call.decode(response({"success": True}))
    assert (bare.success, bare.message, bare.error) == (True, None, None)
    with pytest.raises((AuthenticationRefused, CommandRefused)):
        call.decode(response({"success": False, "error": "invalid_session"}, 401))


def test_types_exchanges_and_whose_credentials_are_needed() -> None:
    types = expect(quantcite.TypeCatalogue, reply("TransactionTypes"))
    assert (types.unified_types, types.exchange_specific) == ({"deposits": "Deposits"}, {"bybit": ("deposits", "ledger")})
    (bybit,) = quantcite.ListExchanges().decode(response([EXCHANGE]))
    assert (bybit.exchange_name, bybit.requires_passphrase) == ("bybit", False)
    policy = expect(quantcite.CredentialPolicy, reply("CredentialSources"))
    assert policy == quantcite.CredentialPolicy(("bybit",), ("okx",), {"bybit": '{"internal": true}'})
    sparse = quantcite.CredentialSources().decode(response({**POLICY, "details": None}))
    assert sparse.details == {}


def test_the_use_of_data_is_exact() -> None:
    usage = expect(quantcite.Usage, reply("DataUsage"))
    assert (usage.used_gb, usage.limit_gb, usage.remaining_gb) == (Decimal("12.34"), Decimal(50), Decimal("37.66"))
    assert (usage.usage_percentage, usage.bytes_used, usage.bytes_limit) == (Decimal("24.68"), 13249974108, 53687091200)
    assert (usage.user_id, usage.username, usage.billing_tier, usage.api_key_active) == ("u1", "someone", "premium", True)
    assert usage.timestamp == "2025-09-18T10:30:00Z"
    period, status = expect(quantcite.BillingPeriod, usage.billing_period), expect(quantcite.KeyStatus, usage.status)
    assert (period.reset_date, period.days_until_reset, period.next_reset) == ("2025-10-01", 12, "2025-10-01T00:00:00Z")
    assert (status.limit_exceeded, status.warning_threshold, status.api_key_status) == (False, False, "active")
    sparse = quantcite.DataUsage().decode(response({"data_usage": {}}))
    assert (sparse.used_gb, sparse.bytes_used, sparse.status) == (None, None, None)


def test_health_has_two_bodies() -> None:
    first = expect(quantcite.ApiHealth, reply("Health"))
    assert (first.status, first.websocket_endpoint, first.active_exchanges, first.version) == ("healthy", "/ws", 1, "1")
    body = {"status": "ok", "unified_api": True, "available_exchanges": ["bybit"], "supported_exchanges": 1, "timestamp": 5}
    second = quantcite.Health().decode(response(body))
    assert (second.unified_api, second.available_exchanges, second.supported_exchanges) == (True, ("bybit",), 1)
    assert (first.timestamp, second.timestamp) == ("t", 5)


# Refusals


@pytest.mark.parametrize(
    "status, error",
    [
        (400, "missing_parameters"),
        (400, "invalid_exchange"),
        (400, "invalid_transaction_types"),
        (500, "exchange_error"),
        (429, "rate_limit_exceeded"),
    ],
)
@pytest.mark.parametrize("name", ["QueryTransactions", "ListExchanges", "SessionStatus"])
def test_an_error_of_the_provider_is_a_refusal_by_its_name(name: str, status: int, error: str) -> None:
    body = {"success": False, "error": error, "message": "what went wrong", "timestamp": 5, "supported_exchanges": ["bybit"]}
    with pytest.raises(CommandRefused) as caught:
        CALLS[name][0].decode(response(body, status))
    assert (caught.value.command, caught.value.code, caught.value.text) == (name, error, "what went wrong")
    assert caught.value.retry_after is None


def test_a_refusal_says_when_to_try_again() -> None:
    body = {"error": "rate_limit_exceeded", "message": "slow down"}
    for told in (response({**body, "retry_after": 7}, 429), Response(429, {"retry-after": "7"}, json.dumps(body).encode())):
        with pytest.raises(CommandRefused) as caught:
            quantcite.Health().decode(told)
        assert caught.value.retry_after == 7.0


@pytest.mark.parametrize(
    "name, status, error",
    [
        ("Authenticate", 401, "invalid_api_key"),
        ("Authenticate", 401, "api_key_disabled"),
        ("Authenticate", 400, "missing_api_key"),
        ("DataUsage", 404, "api_key_not_found"),
        ("DataUsage", 401, "account_suspended"),
        ("QueryTransactions", 401, "session_expired"),
        ("QueryTransactions", 401, "invalid_session"),
        ("QueryTransactions", 401, "missing_authorization"),
    ],
)
def test_a_key_or_session_that_is_not_accepted_is_a_refusal_of_the_credential(name: str, status: int, error: str) -> None:
    with pytest.raises(AuthenticationRefused, match=f"{name}: {error}") as caught:
        CALLS[name][0].decode(response({"success": False, "error": error, "message": f"{KEY} is not accepted"}, status))
    assert caught.value.status == status
    # The calls that hold the key show names of errors alone.
    assert (KEY in str(caught.value)) is (name == "QueryTransactions")


@pytest.mark.parametrize(
    "body", [{"success": False, "error": "invalid_api_key"}, {"success": True}, {"success": False, "error": KEY}]
)
def test_a_session_that_is_not_given_is_a_refusal_of_the_key(body: dict[str, object]) -> None:
    with pytest.raises(AuthenticationRefused, match=r"Authenticate: (invalid_api_key|refused)$"):
        quantcite.SessionGrant(config()).decode(response(body), None, WALL)


def test_a_refusal_that_repeats_credentials_does_not_show_them() -> None:
    echo = " ".join(HIDDEN[1:])
    for call in (
        quantcite.QueryTransactions("okx", credentials=WITH_PASSPHRASE),
        quantcite.CheckCredentials("okx", credentials=WITH_PASSPHRASE),
    ):
        for status in (200, 400, 401, 500):
            try:
                said = repr(call.decode(response({"success": False, "error": echo, "message": echo}, status)))
            except PushwireError as error:
                said = f"{error!r} {error}"
            assert not any(hidden in said for hidden in HIDDEN)


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"5", b'"x"', b"[" * 100_000, b'{"success":"maybe","status":5}'])
def test_what_cannot_be_read_is_the_providers_fault(name: str, body: bytes) -> None:
    for status in (200, 404, 502):
        with pytest.raises(RemoteProtocolError) as caught:
            CALLS[name][0].decode(response(body, status))
        assert str(caught.value).startswith(f"{name}: ")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@given(st.sampled_from(sorted(SAMPLES)), st.sampled_from([200, 201, 400, 401, 404, 429, 500]), values, st.integers(0, 20))
def test_a_reply_is_read_or_refused_and_nothing_else(name: str, status: int, value: object, place: int) -> None:
    sample: dict[str, object] = {} if name == "ListExchanges" else SAMPLES[name]
    if place < len(sample):
        value = {**sample, list(sample)[place]: value}
    call: Call[object] = CALLS[name][0]
    with contextlib.suppress(RemoteProtocolError):
        assert call.decode(response(value, status)) is not None
