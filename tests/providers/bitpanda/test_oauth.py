"""Tokens: what is asked of the token endpoint, and what its answers mean."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest

from pushwire.core.http import Response
from pushwire.core.secrets import Secret
from pushwire.core.tokens import GrantExpired, Tokens
from pushwire.errors import AuthenticationRefused, ConfigError, RemoteProtocolError
from pushwire.providers.bitpanda import ClientCredentials

URL = "https://auth.example/oauth/token"
SECRET = "hush-client"
HELD = Tokens(Secret("a1"), 1000.0, 1600.0, Secret("r1"))
WITHOUT_REFRESH = Tokens(Secret("a1"), 1000.0, 1600.0)


def grant(**settings: Any) -> ClientCredentials:  # any setting, checked by the grant itself
    return ClientCredentials(token_url=URL, client_id="me", client_secret=Secret(SECRET), **settings)


def answer(fields: object, status: int = 200) -> Response:
    return Response(status, body=json.dumps(fields).encode())


def asked(held: Tokens | None, **settings: Any) -> dict[str, str]:
    """The fields of a request, written as a form."""
    return dict(parse_qsl(grant(**settings).request(held).body.decode()))


# Requests


def test_the_first_tokens_are_asked_for_by_the_clients_credentials() -> None:
    request = grant().request(None)
    assert (request.method, request.url) == ("POST", URL)
    assert request.headers == {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    assert asked(None) == {"grant_type": "client_credentials", "client_id": "me", "client_secret": SECRET}
    assert asked(WITHOUT_REFRESH) == asked(None)


def test_the_next_are_asked_for_by_the_refresh_token() -> None:
    assert asked(HELD) == {"grant_type": "refresh_token", "client_id": "me", "refresh_token": "r1"}


def test_what_is_not_documented_is_a_setting() -> None:
    assert asked(HELD, secret_with_refresh=True)["client_secret"] == SECRET
    assert asked(None, scope="prices read")["scope"] == "prices read"
    request = grant(body="json").request(None)
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.body) == asked(None)


def test_no_secret_shows_itself() -> None:
    shown = repr((grant(), grant().request(None), grant().request(HELD)))
    for secret in (SECRET, "r1", "a1"):
        assert secret not in shown


def test_every_wrong_setting_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        ClientCredentials(
            token_url="wss://auth.example",
            client_id="",
            client_secret=SECRET,  # type: ignore[arg-type]  # what an untyped caller does
            body="xml",  # type: ignore[arg-type]  # as above
            lifetime=0,
        )
    named = {problem.split(":")[0] for problem in caught.value.problems}
    assert named == {"token_url", "client_id", "client_secret", "body", "lifetime"}
    assert SECRET not in str(caught.value)


# Answers


def test_a_pair_of_tokens_is_good_for_as_long_as_it_says() -> None:
    fields = {"access_token": "a2", "refresh_token": "r2", "expires_in": 300, "token_type": "Bearer", "new": 1}
    assert grant().decode(answer(fields), None, 5000.0) == Tokens(Secret("a2"), 5000.0, 5300.0, Secret("r2"))


def test_an_access_token_lives_ten_minutes_where_nothing_is_said() -> None:
    tokens = grant().decode(answer({"access_token": "a2"}, 201), None, 5000.0)
    assert tokens == Tokens(Secret("a2"), 5000.0, 5600.0)
    assert tokens.fresh(5479.0)
    assert not tokens.fresh(5480.0)
    assert grant(lifetime=60.0).decode(answer({"access_token": "a2"}), None, 0.0).expires == 60.0


@pytest.mark.parametrize("new", [{}, {"refresh_token": None}, {"refresh_token": ""}])
def test_a_refresh_token_that_was_used_is_not_kept(new: dict[str, object]) -> None:
    assert grant().decode(answer({"access_token": "a2", **new}), HELD, 5000.0).refresh is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"<html>",
        b"\xff",
        b"[" * 100_000,
        b'{"access_token":5}',
        b'{"access_token":""}',
        b'{"access_token":"a","expires_in":-1}',
        b'{"access_token":"a","expires_in":"soon"}',
    ],
    ids=lambda body: repr(body[:20]),
)
def test_a_success_without_a_token_cannot_be_read(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="access token"):
        grant().decode(Response(200, body=body), None, 0.0)


REFUSALS = [
    {"error": "{}", "error_description": f"{SECRET} r1"},
    {"error": [{"code": "{}", "message": f"{SECRET} r1"}]},
    {"errors": [{"message": "no code"}, {"code": "{}"}]},
]


def refusal(shape: dict[str, object], code: str, status: int) -> Response:
    return Response(status, body=json.dumps(shape).replace("{}", code).encode())


@pytest.mark.parametrize("shape", REFUSALS)
@pytest.mark.parametrize("code", ["invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope"])
@pytest.mark.parametrize("held", [None, HELD])
def test_a_client_that_is_not_accepted_is_refused_for_good(shape: dict[str, object], code: str, held: Tokens | None) -> None:
    with pytest.raises(AuthenticationRefused, match=f"HTTP 400, {code}") as caught:
        grant().decode(refusal(shape, code, 400), held, 0.0)
    assert caught.value.status == 400
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("shape", REFUSALS)
@pytest.mark.parametrize("held", [None, HELD])
def test_a_secret_that_is_sent_back_as_a_code_is_not_shown(shape: dict[str, object], held: Tokens | None) -> None:
    hidden = "r1" if held is not None else SECRET
    with pytest.raises(RemoteProtocolError, match=r"HTTP 400, \*\*\*") as caught:
        grant().decode(refusal(shape, hidden, 400), held, 0.0)
    assert hidden not in str(caught.value)


@pytest.mark.parametrize("shape", REFUSALS)
@pytest.mark.parametrize("status", [400, 401, 422])
def test_a_refresh_token_that_is_refused_is_told_apart(shape: dict[str, object], status: int) -> None:
    with pytest.raises(GrantExpired, match="invalid_grant") as caught:
        grant().decode(refusal(shape, "invalid_grant", status), HELD, 0.0)
    assert "r1" not in str(caught.value)
    with pytest.raises(AuthenticationRefused):
        grant().decode(refusal(shape, "invalid_grant", status), None, 0.0)


@pytest.mark.parametrize(
    "body", [b"", b"no", b'{"error":"Unauthorized, you!"}', b'{"error":5}', b'{"errors":[]}', b'{"error":null}']
)
def test_a_plain_401_is_the_refresh_tokens_fault_first_and_then_the_clients(body: bytes) -> None:
    with pytest.raises(GrantExpired, match=r"\(HTTP 401\)"):
        grant().decode(Response(401, body=body), HELD, 0.0)
    for held in (None, WITHOUT_REFRESH):
        with pytest.raises(AuthenticationRefused, match=r"\(HTTP 401\)"):
            grant().decode(Response(401, body=body), held, 0.0)


def test_a_401_that_names_the_client_is_no_fault_of_the_refresh_token() -> None:
    with pytest.raises(AuthenticationRefused) as caught:
        grant().decode(answer({"error": "invalid_client"}, 401), HELD, 0.0)
    assert caught.value.status == 401


@pytest.mark.parametrize("status", [199, 300])
def test_tokens_that_come_without_a_success_are_none(status: int) -> None:
    with pytest.raises(RemoteProtocolError, match=f"answers HTTP {status}"):
        grant().decode(answer({"access_token": "a2"}, status), None, 0.0)


def test_a_client_that_is_forbidden_is_refused_for_good() -> None:
    with pytest.raises(AuthenticationRefused):
        grant().decode(Response(403), HELD, 0.0)


@pytest.mark.parametrize("status", [302, 400, 404, 503])
def test_whatever_else_it_answers_may_pass(status: int) -> None:
    with pytest.raises(RemoteProtocolError, match=f"HTTP {status}") as caught:
        grant().decode(Response(status), HELD, 0.0)
    assert not isinstance(caught.value, GrantExpired | AuthenticationRefused)
