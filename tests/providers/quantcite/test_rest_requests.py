"""What REST calls ask: method, path, session, body; and what they refuse to ask."""

from __future__ import annotations

import json

import pytest

from pushwire.core.http import Request
from pushwire.core.secrets import Secret
from pushwire.errors import LocalProtocolError
from pushwire.providers import quantcite
from pushwire.providers.quantcite.rest import Call
from tests.providers.harness import expect
from tests.providers.quantcite.harness import HIDDEN, KEY, OWN, WITH_PASSPHRASE, config

TOKEN = Secret("5d1f0a9e-hidden-session")
BASE = "https://data.quantcite.com/api/v1"
CALLS: dict[str, tuple[Call[object], str, str]] = {
    "Authenticate": (quantcite.Authenticate(), "POST", "/authenticate"),
    "SessionStatus": (quantcite.SessionStatus(), "GET", "/session-status"),
    "QueryTransactions": (quantcite.QueryTransactions("bybit"), "POST", "/transactions"),
    "CheckCredentials": (quantcite.CheckCredentials("bybit"), "POST", "/transactions/validate-credentials"),
    "TransactionTypes": (quantcite.TransactionTypes(), "GET", "/transactions/types"),
    "ListExchanges": (quantcite.ListExchanges(), "GET", "/exchanges"),
    "CredentialSources": (quantcite.CredentialSources(), "GET", "/exchanges/credentials"),
    "DataUsage": (quantcite.DataUsage(), "GET", f"/data-usage/{KEY}"),
    "Health": (quantcite.Health(), "GET", "/health"),
}


def asked(call: Call[object], settings: quantcite.Config | None = None) -> Request:
    return call.request(settings or config(), TOKEN if call.auth == "token" else None)


def revealed(url: str | Secret) -> str:
    return url.reveal() if isinstance(url, Secret) else url


def body(call: Call[object]) -> object:
    return json.loads(asked(call).body)


@pytest.mark.parametrize("name", quantcite.PATHS)
def test_each_call_goes_where_the_document_says(name: str) -> None:
    call, method, path = CALLS[name]
    request = asked(call)
    assert (request.method, revealed(request.url)) == (method, BASE + path)
    assert bool(request.body) is (method == "POST")
    assert ("Content-Type" in request.headers) is (method == "POST")
    assert call.repeatable
    assert call.buckets == ("requests",)


def test_only_calls_about_sessions_and_accounts_carry_the_session() -> None:
    with_session = {name for name, (call, _, _) in CALLS.items() if "Authorization" in asked(call).headers}
    assert with_session == {"SessionStatus", "QueryTransactions", "CheckCredentials"}
    request = asked(quantcite.SessionStatus())
    assert expect(Secret, request.headers["Authorization"]).reveal() == f"Bearer {TOKEN.reveal()}"


def test_paths_and_the_address_are_settings() -> None:
    settings = config(api_url="http://127.0.0.1:8/", paths={"Health": "/up", "DataUsage": "/usage"}, testnet=True)
    assert asked(quantcite.Health(), settings).url == "http://127.0.0.1:8/up"
    assert revealed(asked(quantcite.DataUsage(), settings).url) == "http://127.0.0.1:8/usage"


def test_the_key_in_a_path_is_escaped_and_secret() -> None:
    request = asked(quantcite.DataUsage(), quantcite.Config(api_key=Secret("a/b?c é")))
    assert revealed(request.url) == f"{BASE}/data-usage/a%2Fb%3Fc%20%C3%A9"
    assert request.shown == "GET ***"


def test_a_query_says_what_it_was_told_to() -> None:
    assert body(quantcite.QueryTransactions("bybit")) == {"exchange": "bybit", "testnet": False}
    whole = quantcite.QueryTransactions(
        "okx",
        testnet=True,
        start_time=0,
        end_time=1_693_526_400_000,
        transaction_types=("deposits",),
        limit=10,
        credentials=WITH_PASSPHRASE,
    )
    assert body(whole) == {
        "exchange": "okx",
        "testnet": True,
        "start_time": 0,
        "end_time": 1_693_526_400_000,
        "transaction_types": ["deposits"],
        "limit": 10,
        "credentials": {"api_key": "own-key-hidden", "secret": "own-secret-hidden", "passphrase": "own-phrase-hidden"},
    }


def test_a_check_of_credentials_says_whose() -> None:
    assert body(quantcite.CheckCredentials("bybit", testnet=True, credentials=OWN)) == {
        "exchange": "bybit",
        "testnet": True,
        "credentials": {"api_key": "own-key-hidden", "secret": "own-secret-hidden"},
    }


def test_a_session_is_asked_for_with_the_key() -> None:
    assert body(quantcite.Authenticate()) == {"api_key": KEY}
    grant = quantcite.SessionGrant(config())
    assert grant.request(None) == asked(quantcite.Authenticate())
    assert grant.buckets == ("requests",)


@pytest.mark.parametrize("name", quantcite.PATHS)
def test_nothing_secret_is_shown(name: str) -> None:
    request = asked(CALLS[name][0])
    shown = repr((CALLS[name][0], request, quantcite.SessionGrant(config()))) + request.shown
    assert not any(hidden in shown for hidden in (*HIDDEN, TOKEN.reveal()))


# Refused before anything is sent


@pytest.mark.parametrize(
    "fields",
    [
        {"exchange": ""},
        {"testnet": None},
        {"start_time": -1},
        {"start_time": 1.5},
        {"end_time": True},
        {"limit": "10"},
        {"limit": 2**63},
        {"transaction_types": "deposits"},
        {"credentials": "hunter2"},
        {"start_time": 2, "end_time": 1},
    ],
)
def test_a_query_that_makes_no_sense_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(LocalProtocolError, match="QueryTransactions: ") as caught:
        quantcite.QueryTransactions(**{"exchange": "bybit", **fields})  # type: ignore[arg-type]  # what an untyped caller does
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("fields", [{"exchange": ""}, {"testnet": 1}, {"credentials": ("a", "b")}])
def test_a_check_that_makes_no_sense_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(LocalProtocolError, match="CheckCredentials: "):
        quantcite.CheckCredentials(**{"exchange": "bybit", **fields})  # type: ignore[arg-type]  # as above


def test_credentials_without_a_passphrase_that_is_known_to_be_needed_are_not_sent() -> None:
    settings = config(passphrase_exchanges=("OKX",))
    for call in (quantcite.QueryTransactions("okx", credentials=OWN), quantcite.CheckCredentials("okx", credentials=OWN)):
        with pytest.raises(LocalProtocolError, match="need a passphrase"):
            asked(call, settings)
        assert asked(call).body
