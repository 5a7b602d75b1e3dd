"""REST at its margins: which status is a success, what an error says that says little, and what is asked besides."""

from __future__ import annotations

from typing import Any

import pytest

from pushwire.core.http import Response
from pushwire.errors import AuthenticationRefused, CommandRefused, ConfigError, LocalProtocolError, RemoteProtocolError
from pushwire.providers import quantcite
from pushwire.providers.quantcite.troubles import is_key_error
from pushwire.testing import quantcite as build
from tests.providers.harness import expect
from tests.providers.quantcite.harness import OWN, config
from tests.providers.quantcite.test_rest_replies import PAGE, SAMPLES, reply, response
from tests.providers.quantcite.test_rest_requests import CALLS, asked, revealed

each_call = pytest.mark.parametrize("name", CALLS)


@each_call
def test_a_reply_is_read_from_two_hundred_on_and_before_three_hundred(name: str) -> None:
    call = CALLS[name][0]
    for status in (200, 201, 299):
        call.decode(response(SAMPLES[name], status))
    if name == "CheckCredentials":
        return
    for status in (199, 300, 301):
        with pytest.raises(RemoteProtocolError, match=f"^{name}: HTTP {status}"):
            call.decode(response(SAMPLES[name], status))


def test_credentials_are_judged_by_a_reply_that_names_the_exchange_whatever_its_status() -> None:
    call = quantcite.CheckCredentials("bybit", credentials=OWN)
    said = {"success": False, "exchange": "bybit", "error": "authentication_failed"}
    for status in (200, 300, 400, 401):
        assert call.decode(response(said, status)).error == "authentication_failed"
    nameless = {"success": False, "error": "authentication_failed"}
    assert call.decode(response(nameless, 200)).exchange is None
    for status in (300, 400):
        with pytest.raises(AuthenticationRefused, match="authentication_failed"):
            call.decode(response(nameless, status))


def test_what_cannot_be_read_does_not_show_a_secret_that_the_provider_repeats() -> None:
    call = quantcite.CheckCredentials("bybit", credentials=OWN)
    with pytest.raises(RemoteProtocolError, match=r"malformed reply: .*\*\*\*") as caught:
        call.decode(response({"type": OWN.secret.reveal(), "success": True}))
    assert OWN.secret.reveal() not in str(caught.value)


def test_all_that_is_said_of_credentials_is_there() -> None:
    found = expect(quantcite.Validation, reply("CheckCredentials"))
    assert (found.success, found.exchange, found.credentials_source, found.error) == (True, "bybit", "internal", None)
    assert found.account_info is not None
    assert found.message == "Credentials are valid (using internal credentials)"
    silent = expect(quantcite.Validation, reply("CheckCredentials", {"message": None, "error": "no"}))
    assert (silent.message, silent.error) == (None, "no")


@pytest.mark.parametrize("call", [quantcite.SessionStatus(), quantcite.CheckCredentials("bybit")])
def test_an_error_that_is_nested_too_deep_is_one_all_the_same(call: Any) -> None:
    with pytest.raises(AuthenticationRefused, match=r": refused$"):
        call.decode(Response(401, body=b'{"success":' + b"[" * 100_000))


@pytest.mark.parametrize(
    "body, said", [({}, "refused"), ({"error": "x"}, "x"), ({"message": "y"}, "y"), ({"error": "x", "message": "y"}, "x: y")]
)
def test_a_refused_session_says_what_the_provider_says(body: object, said: str) -> None:
    with pytest.raises(AuthenticationRefused, match=f"^QueryTransactions: {said}$") as caught:
        quantcite.QueryTransactions("bybit").decode(response(body, 401))
    assert caught.value.status == 401


def test_an_error_without_a_text_says_no_more_than_its_name() -> None:
    with pytest.raises(CommandRefused) as caught:
        quantcite.QueryTransactions("bybit").decode(response({"error": "busy"}, 500))
    assert (caught.value.command, caught.value.code, caught.value.text) == ("QueryTransactions", "busy", "")


def test_a_query_that_fails_in_a_success_is_refused_by_its_name() -> None:
    with pytest.raises(CommandRefused) as caught:
        reply("QueryTransactions", {"success": False})
    assert (caught.value.command, caught.value.code, caught.value.text) == ("QueryTransactions", None, PAGE["message"])


def test_a_page_whose_summary_cannot_be_read_says_what_is_wrong_with_it() -> None:
    with pytest.raises(RemoteProtocolError, match=r"^QueryTransactions: malformed reply: .*summary"):
        reply("QueryTransactions", {"summary": {"total_count": "many"}})


@pytest.mark.parametrize("filters, shown", [(None, None), ({"limit": 1}, '{"limit": 1}')])
def test_the_filters_of_a_page_are_as_they_came_or_none(filters: object, shown: str | None) -> None:
    page = expect(quantcite.TransactionPage, reply("QueryTransactions", {"filters_applied": filters}))
    assert page.filters_applied == shown


# What is asked


@each_call
def test_json_is_asked_for_and_sent(name: str) -> None:
    headers = asked(CALLS[name][0]).headers
    assert headers["Accept"] == "application/json"
    assert headers.get("Content-Type", "application/json") == "application/json"


@pytest.mark.parametrize("end", ["", "/", "//"])
@each_call
def test_of_an_address_nothing_but_slashes_is_taken_away(name: str, end: str) -> None:
    url = revealed(asked(CALLS[name][0], config(api_url=f"https://h.example/X{end}")).url)
    assert url.startswith("https://h.example/X/")
    assert "X//" not in url


def test_a_query_may_be_of_one_moment() -> None:
    assert quantcite.QueryTransactions("bybit", start_time=5, end_time=5).end_time == 5
    with pytest.raises(LocalProtocolError, match="end_time must not be before start_time"):
        quantcite.QueryTransactions("bybit", start_time=6, end_time=5)


@pytest.mark.parametrize("make", [quantcite.QueryTransactions, quantcite.CheckCredentials])
def test_a_passphrase_that_is_missing_is_told_by_the_name_of_the_call(make: Any) -> None:
    with pytest.raises(LocalProtocolError, match=f"^{make.__name__}: .*passphrase"):
        asked(make("okx", credentials=OWN), config(passphrase_exchanges=("okx",)))


def test_a_path_may_have_any_letter_and_codes_go_from_1000_to_4999() -> None:
    assert config(paths={"Health": "/X"}).paths["Health"] == "/X"
    assert config(fatal_closes=(1000, 4999)).fatal_closes == (1000, 4999)
    for wrong in (999, 5000):
        with pytest.raises(ConfigError, match="fatal_closes"):
            config(fatal_closes=(wrong,))


# Small things


@pytest.mark.parametrize("raw, found", [("0", None), ("-1", None), ("0.5", 0.5), ("1", 1.0), ("5", 5.0)])
def test_a_wait_of_nothing_is_none(raw: str, found: float | None) -> None:
    problem = build.error("rate_limit_exceeded").replace("}", f',"retry_after":{raw}}}')
    with pytest.raises(CommandRefused) as caught:
        quantcite.Health().decode(Response(500, body=problem.encode()))
    assert caught.value.retry_after == found


def test_no_name_is_no_error_of_the_key() -> None:
    assert [is_key_error(name) for name in (None, "", "xxxx", "INVALID_API_KEY")] == [False, False, False, True]


def test_a_transaction_is_identified_by_sixteen_digits_of_what_it_says() -> None:
    (version,) = build.transaction().identity.version
    assert isinstance(version, str)
    assert len(version) == 16
    assert build.transaction(label="\ud800").identity.version != build.transaction(label="\ud801").identity.version


@pytest.mark.parametrize("field", ["account_info", "other"])
def test_credentials_in_an_answer_that_is_nested_too_deep_are_not_judged(field: str) -> None:
    body = b'{"success":true,"exchange":"bybit","%b":%b' % (field.encode(), b"[" * 100_000)
    with pytest.raises(RemoteProtocolError, match="HTTP 400 without an error of the provider"):
        quantcite.CheckCredentials("bybit").decode(Response(400, body=body))
