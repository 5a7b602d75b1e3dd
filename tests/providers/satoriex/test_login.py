"""How tokens are got, by password and then by the refresh token."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from pushwire.core.http import Response
from pushwire.core.secrets import Secret
from pushwire.core.tokens import GrantExpired, Tokens
from pushwire.errors import AuthenticationRefused, ConfigError, RemoteProtocolError
from pushwire.providers import satoriex
from pushwire.testing.satoriex import refusal, reply

WALL = 1_745_000_000.0
PASSWORD = "do-not-show-this"
LOGIN = satoriex.Login(email="a@example.org", password=Secret(PASSWORD))
HELD = Tokens(Secret("old"), issued=WALL, refresh=Secret("refresh-1"))


def jwt(claims: object, *, parts: int = 3) -> str:
    """A token that says so."""
    encoded = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return ".".join(["eyJhbGciOiJSUzI1NiJ9", encoded, "signature"][:parts])


def granted(token: str, **more: Any) -> Tokens:  # JSON
    return LOGIN.decode(reply({"access_token": token, **more}), None, WALL)


def test_the_first_token_is_asked_for_with_the_password() -> None:
    request = LOGIN.request(None)
    assert (request.method, request.url) == ("POST", f"{satoriex.STAGING_API}/auth/login")
    assert json.loads(request.body) == {"email": "a@example.org", "password": PASSWORD}
    assert PASSWORD not in repr((request, LOGIN))


def test_the_next_ones_with_the_refresh_token() -> None:
    request = LOGIN.request(HELD)
    assert (request.method, request.url) == ("POST", f"{satoriex.STAGING_API}/auth/refresh")
    assert json.loads(request.body) == {"refresh_token": "refresh-1"}
    assert "refresh-1" not in repr(request)


def test_without_a_refresh_token_with_the_password_again() -> None:
    assert str(LOGIN.request(Tokens(Secret("old"), issued=WALL)).url).endswith("/auth/login")


def test_what_is_not_documented_of_a_refresh_is_a_setting() -> None:
    login = satoriex.Login(
        email="a", password=Secret("p"), api_url="https://h/v2/", refresh_path="/token", refresh_field="refreshToken"
    )
    request = login.request(HELD)
    assert request.url == "https://h/v2/token"
    assert json.loads(request.body) == {"refreshToken": "refresh-1"}


def test_a_login_gives_both_tokens() -> None:
    tokens = granted("access-1", refresh_token="refresh-1", user={"id": 5})
    assert (tokens.access, tokens.refresh, tokens.issued, tokens.expires) == (Secret("access-1"), Secret("refresh-1"), WALL, None)


@pytest.mark.parametrize("renewed, expected", [({}, "refresh-1"), ({"refresh_token": "refresh-2"}, "refresh-2")])
def test_a_refresh_may_renew_the_refresh_token_or_not(renewed: dict[str, str], expected: str) -> None:
    tokens = LOGIN.decode(reply({"access_token": "access-2", **renewed}), HELD, WALL)
    assert (tokens.access, tokens.refresh) == (Secret("access-2"), Secret(expected))


@pytest.mark.parametrize(
    "claims, lifetime",
    [
        ({"exp": WALL + 900}, 900.0),
        ({"exp": int(WALL) + 900, "iat": int(WALL)}, 900.0),
        # Their clock is an hour fast: what counts is the span.
        ({"exp": WALL + 4500, "iat": WALL + 3600}, 900.0),
        ({"exp": WALL + 0.5}, 0.5),
    ],
)
def test_a_token_says_how_long_it_lives(claims: object, lifetime: float) -> None:
    assert granted(jwt(claims)).expires == WALL + lifetime


@pytest.mark.parametrize(
    "token",
    [
        "opaque",
        "a.b",
        "a.b.c",
        "a.!.c",
        "a.ü.c",
        jwt({"exp": WALL + 900}, parts=2),
        jwt({}),
        jwt([]),
        jwt({"exp": "soon"}),
        jwt({"exp": True}),
        jwt({"exp": WALL - 5}),
        jwt({"exp": 5, "iat": 5}),
    ],
)
def test_a_token_that_does_not_tell_is_used_until_it_is_refused(token: str) -> None:
    assert granted(token).expires is None


# Refusals


def test_a_wrong_password_ends_it() -> None:
    with pytest.raises(AuthenticationRefused, match="wrong password") as caught:
        LOGIN.decode(refusal(1001, "wrong password", status=401), None, WALL)
    assert (caught.value.status, caught.value.code) == (401, 1001)
    with pytest.raises(AuthenticationRefused):
        LOGIN.decode(refusal(1001, status=200), None, WALL)
    with pytest.raises(AuthenticationRefused):
        LOGIN.decode(Response(401), None, WALL)


def test_a_refused_refresh_token_begins_anew() -> None:
    for answer in (refusal(2003, status=401), refusal(2003, status=400), Response(401)):
        with pytest.raises(GrantExpired):
            LOGIN.decode(answer, HELD, WALL)


@pytest.mark.parametrize("code, status", [(1001, 401), (1001, 400), (50000, 500)])
def test_what_is_said_of_a_refusal_holds_no_secret(code: int, status: int) -> None:
    answer = refusal(code, f"{PASSWORD} and refresh-1 are wrong", status=status)
    for held, hidden in ((None, PASSWORD), (HELD, "refresh-1")):
        with pytest.raises((AuthenticationRefused, RemoteProtocolError), match=r"\*\*\*") as caught:
            LOGIN.decode(answer, held, WALL)
        assert hidden not in str(caught.value)


@pytest.mark.parametrize("status", [400, 403, 404, 405])
def test_where_there_is_nothing_to_refresh_at_the_password_is_used(status: int) -> None:
    with pytest.raises(GrantExpired, match=f"^refresh: HTTP {status}, and no reply that can be read$"):
        LOGIN.decode(Response(status, body=b"<html>"), HELD, WALL)
    with pytest.raises(RemoteProtocolError) as caught:
        LOGIN.decode(Response(status, body=b"<html>"), None, WALL)
    assert type(caught.value) is RemoteProtocolError


@pytest.mark.parametrize("held", [None, HELD])
@pytest.mark.parametrize(
    "answer",
    [
        refusal(50000, "internal error", status=400),
        Response(200, body=b"<html>"),
        reply(None),
        reply([]),
        reply({}),
        reply({"access_token": ""}),
        reply({"access_token": 5}),
    ],
)
def test_what_says_nothing_of_the_credentials_may_pass(answer: Response, held: Tokens | None) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        LOGIN.decode(answer, held, WALL)
    assert not isinstance(caught.value, AuthenticationRefused | GrantExpired)


def test_every_wrong_setting_is_named_at_once() -> None:
    wrong: dict[str, Any] = {
        "email": "",
        "password": PASSWORD,
        "api_url": "wss://h",
        "refresh_path": "auth/refresh",
        "refresh_field": "",
    }
    with pytest.raises(ConfigError) as caught:
        satoriex.Login(**wrong)
    assert {problem.split(":")[0] for problem in caught.value.problems} == set(wrong)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("password", [Secret("\ud800"), "text"])
def test_a_password_must_be_one_that_can_be_sent(password: Any) -> None:
    with pytest.raises(ConfigError, match=r"^password: "):
        satoriex.Login(email="a", password=password)


def test_logins_are_paced() -> None:
    limit = satoriex.RATE_LIMITS[LOGIN.buckets[0]]
    assert (limit.count, limit.per) == (10, 60.0)


def test_an_error_says_which_of_the_two_was_asked_for() -> None:
    for held, name in ((None, "login"), (HELD, "refresh")):
        with pytest.raises(RemoteProtocolError, match=f"^{name}: HTTP 200"):
            LOGIN.decode(Response(200, body=b"<html>"), held, WALL)


@pytest.mark.parametrize("status, expired", [(399, False), (400, True), (404, True), (499, True), (500, False), (501, False)])
def test_where_there_is_no_way_to_refresh_it_is_begun_anew_but_not_for_a_servers_fault(status: int, expired: bool) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        LOGIN.decode(Response(status, body=b"<html>"), HELD, WALL)
    assert isinstance(caught.value, GrantExpired) is expired


@pytest.mark.parametrize("length", range(12))
def test_a_token_of_any_length_says_how_long_it_lives(length: int) -> None:
    assert granted(jwt({"exp": WALL + 900, "sub": "x" * length})).expires == WALL + 900


@pytest.mark.parametrize("surrogate", [0xD800, 0xDC80, 0xDFFF])
def test_a_password_that_cannot_be_sent_is_no_password(surrogate: int) -> None:
    with pytest.raises(ConfigError, match="password: cannot be written as UTF-8"):
        satoriex.Login(email="a", password=Secret(f"p{chr(surrogate)}"))
    beside = Secret(chr(0xD800 - 1) + chr(0xDFFF + 1))
    assert satoriex.Login(email="a", password=beside).password == beside
