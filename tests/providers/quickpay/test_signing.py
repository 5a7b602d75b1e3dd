"""Tokens for requests, and the keys they are signed with."""

from __future__ import annotations

import hashlib
import sys
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.types import Options

from pushwire.core.secrets import PLACEHOLDER, Secret
from pushwire.errors import ConfigError
from pushwire.providers.quickpay.signing import MAX_LIFETIME, RequestSigner, read_private_key
from pushwire.testing import quickpay as build

WALL = 1_745_000_000.75
BODY = b'{"socket_id":"123.456","channel_name":"private-merchant.merchant_001"}'


def signer(**settings: Any) -> RequestSigner:  # any setting
    return RequestSigner(Secret("the-api-key"), read_private_key(build.keys().private), **settings)


def claims(token: Secret) -> dict[str, Any]:  # JSON
    # PyJWT would compare the times with today's.
    unchecked = Options(verify_exp=False, verify_iat=False)
    return jwt.decode(token.reveal(), build.keys().public, algorithms=["RS256"], options=unchecked)


def test_a_token_has_the_documented_claims_and_the_merchants_signature() -> None:
    assert claims(signer().token("/v1/websocket/auth", BODY, wall=WALL, nonce="n-1")) == {
        "uri": "/v1/websocket/auth",
        "nonce": "n-1",
        "iat": 1_745_000_000,
        "exp": 1_745_000_050,
        "sub": "the-api-key",
        "bodyHash": hashlib.sha256(BODY).hexdigest(),
    }


def test_the_algorithm_is_rs256() -> None:
    token = signer().token("/", b"", wall=WALL, nonce="n-1")
    assert jwt.get_unverified_header(token.reveal()) == {"alg": "RS256", "typ": "JWT"}


def test_the_hash_of_no_body_is_that_of_no_bytes() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert claims(signer().token("/", b"", wall=WALL, nonce="n-1"))["bodyHash"] == empty


def test_lifetime_and_clock_offset_move_the_times() -> None:
    found = claims(signer(lifetime=MAX_LIFETIME, clock_offset=-2.5).token("/", b"", wall=WALL, nonce="n-1"))
    assert (found["iat"], found["exp"]) == (1_744_999_998, 1_745_000_052)


def test_the_same_request_at_the_same_time_gets_the_same_token() -> None:
    first, second = (signer().token("/", BODY, wall=WALL, nonce="n-1") for _ in range(2))
    assert first == second


def test_without_a_key_tokens_are_placeholders() -> None:
    assert read_private_key(Secret(PLACEHOLDER)) is None
    unsigned = RequestSigner(Secret("k"), None)
    assert unsigned.token("/", BODY, wall=WALL, nonce="n-1").reveal() == PLACEHOLDER


def test_a_signer_shows_neither_key() -> None:
    shown = repr(signer())
    assert "the-api-key" not in shown
    assert "RSA" not in shown


def elliptic() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    return key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain).decode()


def locked() -> str:
    key = serialization.load_pem_private_key(build.keys().private.reveal().encode(), password=None)
    how = serialization.BestAvailableEncryption(b"password")
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how).decode()


@pytest.mark.parametrize("kind", ["text", "surrogates", "public", "elliptic", "locked"])
def test_what_is_no_private_rsa_key_is_refused_and_not_shown(kind: str) -> None:
    texts = {"text": "hunter2", "surrogates": "hunter2\udc80", "public": build.keys().public}
    text = texts.get(kind) or (elliptic() if kind == "elliptic" else locked())
    with pytest.raises(ConfigError, match=r"^must be an RSA private key in PEM form, not encrypted$"):
        read_private_key(Secret(text))


def test_without_the_extra_a_key_is_refused_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jwt.algorithms", None)
    with pytest.raises(ConfigError, match=r"pushwire\[quickpay\]"):
        read_private_key(build.keys().private)
