"""The token endpoint of the sandbox's Bitpanda, against the grant that asks it."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from pushwire.core.http import Request, Response
from pushwire.core.secrets import Secret
from pushwire.core.tokens import GrantExpired
from pushwire.errors import AuthenticationRefused
from pushwire.providers.bitpanda import ClientCredentials
from pushwire.sandbox.base import Accept, ConnectRequest, HttpCall, Refuse
from pushwire.sandbox.bitpanda import BitpandaServer
from pushwire.sandbox.bitpanda_settings import BitpandaSettings
from pushwire.sandbox.bitpanda_tokens import TOKEN_PATH

WALL = 1_706_521_000.0


def server(**settings: Any) -> BitpandaServer:  # forwarded to BitpandaSettings, which checks them
    settings = {"tokens": ("fixed",), "clients": {"me": Secret("hush")}, **settings}
    return BitpandaServer(BitpandaSettings(**settings), random.Random(7))


def grant(secret: str = "hush", **settings: Any) -> ClientCredentials:  # any setting, checked by the grant itself
    return ClientCredentials(token_url=f"http://x{TOKEN_PATH}", client_id="me", client_secret=Secret(secret), **settings)


def put(machine: BitpandaServer, request: Request, wall: float = WALL) -> Response:
    headers = {name.lower(): str(value) for name, value in request.headers.items()}
    return machine.http(HttpCall(request.method, TOKEN_PATH, {}, headers, request.body), 0.0, wall)


def opens(machine: BitpandaServer, token: Secret, wall: float = WALL) -> bool:
    answer = machine.connect(1, ConnectRequest(headers={"authorization": f"Bearer {token.reveal()}"}), 0.0, wall)
    assert isinstance(answer, Accept | Refuse)
    return isinstance(answer, Accept)


@pytest.mark.parametrize("body", ["form", "json"])
def test_credentials_give_tokens_and_a_refresh_token_gives_the_next_once(body: str) -> None:
    machine, asking = server(), grant(body=body)
    first = asking.decode(put(machine, asking.request(None)), None, WALL)
    assert first.expires == WALL + 600.0
    second = asking.decode(put(machine, asking.request(first)), first, WALL)
    assert opens(machine, first.access)
    assert opens(machine, second.access)
    with pytest.raises(GrantExpired):
        asking.decode(put(machine, asking.request(first)), first, WALL)
    assert machine.tokens.granted == 2


def test_tokens_grow_old() -> None:
    machine = server()
    tokens = grant().decode(put(machine, grant().request(None)), None, WALL)
    assert opens(machine, tokens.access, WALL + 599.0)
    assert not opens(machine, tokens.access, WALL + 600.0)
    with pytest.raises(GrantExpired):
        grant().decode(put(machine, grant().request(tokens), WALL + 86_400.0), tokens, WALL)


def test_all_tokens_given_may_be_made_too_old() -> None:
    machine = server(tokens=None)
    tokens = grant().decode(put(machine, grant().request(None)), None, WALL)
    machine.tokens.expire()
    assert not opens(machine, tokens.access)
    assert opens(machine, Secret("any other"))


def test_a_client_that_is_unknown_gets_none() -> None:
    with pytest.raises(AuthenticationRefused, match="invalid_client"):
        grant().decode(put(server(), grant("wrong").request(None)), None, WALL)
    assert put(server(clients=None), grant("wrong").request(None)).status == 200


@pytest.mark.parametrize(
    "method, path, body, status, code",
    [
        ("POST", "/elsewhere", "", 404, "not_found"),
        ("GET", TOKEN_PATH, "", 405, "invalid_request"),
        ("POST", TOKEN_PATH, "", 400, "invalid_request"),
        ("POST", TOKEN_PATH, "\udcff", 400, "invalid_request"),
        ("POST", TOKEN_PATH, "client_id=me", 400, "unsupported_grant_type"),
        ("POST", TOKEN_PATH, "client_id=me&grant_type=password", 400, "unsupported_grant_type"),
        ("POST", TOKEN_PATH, "client_id=me&grant_type=client_credentials", 401, "invalid_client"),
        ("POST", TOKEN_PATH, "client_id=me&grant_type=refresh_token", 400, "invalid_grant"),
    ],
)
def test_whatever_is_asked_is_answered(method: str, path: str, body: str, status: int, code: str) -> None:
    call = HttpCall(method, path, {}, {}, body.encode(errors="surrogateescape"))
    response = server().http(call, 0.0, WALL)
    assert (response.status, json.loads(response.body)) == (status, {"error": code})


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"client_id":5}', b"\xff", b"[" * 10_000])
def test_a_body_that_is_no_json_object_of_texts_is_as_good_as_none(body: bytes) -> None:
    call = HttpCall("POST", TOKEN_PATH, {}, {"content-type": "application/json"}, body)
    assert server().http(call, 0.0, WALL).status == 400
