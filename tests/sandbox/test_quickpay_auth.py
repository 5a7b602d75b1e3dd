"""The auth endpoint of the sandbox's QuickPay: whom it serves, and what it finds in a token."""

from __future__ import annotations

import json
import random
from typing import Any

import jwt
import pytest

from pushwire.core.secrets import Secret
from pushwire.providers.pusher.signing import sign_channel
from pushwire.providers.quickpay.signing import RequestSigner, read_private_key
from pushwire.sandbox.base import HttpCall
from pushwire.sandbox.quickpay import QuickPayServer
from pushwire.sandbox.quickpay_settings import AUTH_PATH, QuickPaySettings
from pushwire.testing import quickpay as build

WALL = 1_745_000_000.0
SECRET = Secret("the app's")
BODY = b'{"socket_id":"123.456","channel_name":"private-payments.merchant_001"}'
SIGNER = RequestSigner(Secret("mk"), read_private_key(build.keys().private))


def server(**settings: Any) -> QuickPayServer:  # any setting
    return QuickPayServer(QuickPaySettings(key="key", secret=SECRET, **settings), random.Random(1))


def strict(**settings: Any) -> QuickPayServer:  # as above
    return server(api_keys=("mk",), public_key=build.keys().public, **settings)


def call(
    token: str | None = "ey.ey.ey", *, api_key: str = "mk", method: str = "POST", path: str = AUTH_PATH, body: bytes = BODY
) -> HttpCall:
    bearer = {} if token is None else {"authorization": f"Bearer {token}"}
    headers = {"content-type": "application/json", "x-api-key": api_key, **bearer}
    return HttpCall(method, path, {}, headers, body)


def signed(*, uri: str = AUTH_PATH, body: bytes = BODY, wall: float = WALL, nonce: str = "n-1") -> str:
    return SIGNER.token(uri, body, wall=wall, nonce=nonce).reveal()


def claiming(**claims: object) -> str:
    """A token with the merchant's signature under other claims."""
    usual = jwt.decode(signed(), options={"verify_signature": False})
    return jwt.encode({**usual, **claims}, build.keys().private.reveal(), algorithm="RS256")


def answered(server: QuickPayServer, call: HttpCall, wall: float = WALL) -> tuple[int, Any]:  # JSON
    response = server.http(call, 0.0, wall)
    return response.status, json.loads(response.body)


def test_a_request_gets_the_signature_for_its_socket_and_channel() -> None:
    auth = sign_channel("key", SECRET, "123.456", "private-payments.merchant_001")
    open_to_all = server()
    assert answered(open_to_all, call()) == (200, {"auth": auth})
    assert (open_to_all.desk.granted, open_to_all.desk.refusals) == (1, [])


def test_a_token_that_the_merchant_signed_for_this_is_accepted_once() -> None:
    strictly = strict()
    assert answered(strictly, call(signed()))[0] == 200
    assert answered(strictly, call(signed())) == (401, {"error": "the token's nonce is wrong"})
    assert answered(strictly, call(signed(nonce="n-2")))[0] == 200


@pytest.mark.parametrize(
    "token, reason",
    [
        (None, "no bearer token"),
        ("", "no bearer token"),
        ("ey.ey.ey", "the token is not the merchant's"),
        (signed(uri="/websocket/auth"), "the token's uri is wrong"),
        (signed(body=b"{}"), "the token's bodyHash is wrong"),
        (signed(wall=WALL - 50), "the token's exp is wrong"),
        (signed(wall=WALL + 6), "the token's exp is wrong"),
        (claiming(exp=int(WALL) + 55), "the token's exp is wrong"),
        (claiming(sub="other"), "the token's sub is wrong"),
        (claiming(uri=5), "the token is not the merchant's"),
    ],
)
def test_a_token_with_anything_wrong_is_refused(token: str | None, reason: str) -> None:
    strictly = strict()
    assert answered(strictly, call(token)) == (401, {"error": reason})
    assert (strictly.desk.granted, strictly.desk.refusals) == (0, [reason])


def test_anothers_signature_is_refused() -> None:
    forger = RequestSigner(Secret("mk"), read_private_key(build.keys("somebody else").private))
    token = forger.token(AUTH_PATH, BODY, wall=WALL, nonce="n-1").reveal()
    assert answered(strict(), call(token)) == (401, {"error": "the token is not the merchant's"})


@pytest.mark.parametrize("api_key", ["other", ""])
def test_an_unknown_api_key_is_refused(api_key: str) -> None:
    assert answered(strict(), call(signed(), api_key=api_key)) == (401, {"error": "the API key is missing or unknown"})


def test_tokens_may_be_listed_instead() -> None:
    listed = server(tokens=("ey.ey.ey",))
    assert answered(listed, call())[0] == 200
    assert answered(listed, call("other")) == (401, {"error": "the token is unknown"})


def test_a_channel_may_be_forbidden() -> None:
    guarded = server(forbidden=("private-payments.merchant_001",))
    assert answered(guarded, call())[0] == 403
    assert answered(guarded, call(body=BODY.replace(b"001", b"002")))[0] == 200


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", b"[" * 100_000, b'{"socket_id":1,"channel_name":"a"}', b'"\\ud800"'])
def test_a_body_that_names_no_channel_is_refused(body: bytes) -> None:
    assert answered(server(), call(body=body))[0] == 400


def test_nothing_else_is_served() -> None:
    assert answered(server(), call(path="/v1/other"))[0] == 404
    assert answered(server(), call(method="GET"))[0] == 405
