"""Webhook bodies: who sent them, and what they say."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.events import Malformed
from pushwire.core.secrets import Secret
from pushwire.errors import ConfigError, LocalProtocolError, RemoteProtocolError, SignatureRefused
from pushwire.providers import gelabs
from pushwire.providers.gelabs.webhook import Notice, Verifier, body_alone, parse, timestamp_and_body
from tests.providers.gelabs import samples
from tests.providers.harness import expect

NOW = 1_745_000_000.0
DEX_ITEM = json.loads(samples.TRADES_REPLY)["data"]["items"][0]
LIST_ITEM = json.loads(samples.QUERY_REPLY)["data"][0]
PUSH_ITEM = json.loads(samples.PUSH)["data"]
BODY = json.dumps([DEX_ITEM, LIST_ITEM, PUSH_ITEM]).encode()


def verifier(**settings: Any) -> Verifier:  # any setting of the verifier, which checks them itself
    whole: dict[str, Any] = {"secret": Secret("whsec"), "header": "X-Signature", **settings}
    return Verifier(**whole)


def mac(content: bytes, algorithm: str = "sha256") -> bytes:
    """What the provider computes, by other means than ours."""
    return hmac.new(b"whsec", content, getattr(hashlib, algorithm)).digest()


# What it says


@pytest.mark.parametrize("item", [DEX_ITEM, LIST_ITEM, PUSH_ITEM], ids=["dex", "list", "push"])
def test_each_spelling_of_an_item_is_read(item: dict[str, Any]) -> None:
    (notice,) = parse(json.dumps([item]).encode(), {}, None)
    tx = expect(Notice, notice).transaction
    assert tx.key()[:2] == ("ethereum", 1)
    assert tx.tx_status == "success"
    assert tx.decimals == 18


def test_an_array_of_transactions_is_read_in_its_order_and_each_keeps_what_came() -> None:
    notices = [expect(Notice, item) for item in parse(BODY, {}, None)]
    assert [notice.transaction.tx_hash for notice in notices] == ["0x...", "0xabc123...", "0xabc123..."]
    assert [json.loads(notice.raw) for notice in notices] == [DEX_ITEM, LIST_ITEM, PUSH_ITEM]
    assert "sender" not in repr(notices[0].raw[:0]) + repr(notices[0]).partition("raw=")[2]
    assert notices[1].transaction.key() == notices[2].transaction.key()


def test_an_item_that_cannot_be_read_costs_no_other() -> None:
    body = json.dumps([DEX_ITEM, 5, {**DEX_ITEM, "amount": "NaN"}, {**DEX_ITEM, "txHash": "0x2"}]).encode()
    items = parse(body, {}, None)
    assert [type(item) for item in items] == [Notice, Malformed, Malformed, Notice]
    assert expect(Malformed, items[1]).raw == b"5"
    assert "amount" in expect(Malformed, items[2]).reason


def test_an_empty_array_says_nothing() -> None:
    assert parse(b"[]", {}, None) == ()


@pytest.mark.parametrize("body", [b"", b"{}", b"5", b"null", b"[", b"\xff", b"[" * 100_000], ids=lambda body: repr(body[:10]))
def test_a_body_that_is_no_array_is_an_error_of_the_provider(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="webhook's body cannot be read") as raised:
        parse(body, {}, None)
    assert raised.value.__cause__ is None


@given(
    st.binary(max_size=60)
    | st.lists(st.just(DEX_ITEM) | st.integers() | st.text(), max_size=4).map(lambda v: json.dumps(v).encode())
)
def test_any_body_is_read_or_refused(body: bytes) -> None:
    try:
        items = parse(body, {}, None)
    except RemoteProtocolError:
        return
    assert all(isinstance(item, Notice | Malformed) for item in items)


# Who sent it


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
@pytest.mark.parametrize("prefix", ["", "sha256="])
def test_a_signed_body_is_read_whatever_the_way_of_signing(algorithm: str, encoding: str, prefix: str) -> None:
    digest = mac(BODY, algorithm)
    shown = digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()
    judge = verifier(algorithm=algorithm, encoding=encoding, prefix=prefix)
    assert len(parse(BODY, {"x-SIGNATURE": f" {prefix}{shown} "}, judge)) == 3
    assert judge.signature(BODY) == prefix + shown


def test_hexadecimal_may_come_in_capitals_and_base64_may_not() -> None:
    assert parse(BODY, {"X-Signature": mac(BODY).hex().upper()}, verifier())
    with pytest.raises(SignatureRefused):
        parse(BODY, {"X-Signature": base64.b64encode(mac(BODY)).decode().upper()}, verifier(encoding="base64"))


@pytest.mark.parametrize(
    "signature", ["", "0", "é", "\ud800", "\udcff" * 64, mac(BODY + b" ").hex(), mac(BODY).hex()[:-1], mac(BODY).hex() + "00"]
)
def test_another_signature_is_refused(signature: str) -> None:
    with pytest.raises(SignatureRefused, match="X-Signature is not of this body"):
        parse(BODY, {"X-Signature": signature}, verifier())


def test_a_body_that_was_changed_is_refused_before_it_is_read() -> None:
    with pytest.raises(SignatureRefused):
        parse(b"[", {"X-Signature": mac(BODY).hex()}, verifier())


def test_a_request_has_one_signature() -> None:
    with pytest.raises(SignatureRefused, match="no header X-Signature"):
        parse(BODY, {}, verifier())
    with pytest.raises(SignatureRefused, match="more than one header X-Signature"):
        parse(BODY, {"X-Signature": "a", "x-signature": mac(BODY).hex()}, verifier())


def test_what_is_signed_can_be_built_otherwise() -> None:
    def versioned(body: bytes, timestamp: str) -> bytes:
        return b"v0:" + body

    judge = verifier(signed=versioned)
    assert parse(BODY, {"X-Signature": mac(b"v0:" + BODY).hex()}, judge)


def test_where_no_header_holds_a_time_an_empty_one_is_signed() -> None:
    judge = verifier(signed=timestamp_and_body)
    assert parse(BODY, {"X-Signature": mac(b"." + BODY).hex()}, judge)


# When it was sent


def timed(timestamp: str, **settings: Any) -> tuple[dict[str, str], Verifier]:  # as for verifier
    signature = mac(timestamp.encode(errors="surrogatepass") + b"." + BODY).hex()
    return {"X-Signature": signature, "X-Time": timestamp}, verifier(timestamp_header="x-time", **settings)


@pytest.mark.parametrize("timestamp", ["1745000000", "1745000000000", "1744999700", "1745000300", "1745000299999"])
def test_a_request_of_our_time_is_read(timestamp: str) -> None:
    headers, judge = timed(timestamp)
    assert parse(BODY, headers, judge, wall=NOW)


@pytest.mark.parametrize("timestamp", ["1744999699", "1745000301", "1745000300001", "0"])
def test_an_old_request_or_one_of_the_future_is_refused(timestamp: str) -> None:
    headers, judge = timed(timestamp)
    with pytest.raises(SignatureRefused, match="more than 300 seconds away"):
        parse(BODY, headers, judge, wall=NOW)


def test_a_time_of_twelve_digits_is_milliseconds() -> None:
    headers, judge = timed("100000000000")
    assert parse(BODY, headers, judge, wall=100_000_000.0)


def test_the_tolerance_can_be_set() -> None:
    headers, judge = timed("1744999000", tolerance=1000.0)
    assert parse(BODY, headers, judge, wall=NOW)


@pytest.mark.parametrize("timestamp", ["", "yesterday", "-1", "1e9", "1745000000.5", "9" * 16, "\ud800"])
def test_a_time_that_is_none_is_refused(timestamp: str) -> None:
    headers, judge = timed(timestamp)
    with pytest.raises(SignatureRefused, match="not a number of seconds"):
        parse(BODY, headers, judge, wall=NOW)


def test_a_time_that_was_changed_is_refused() -> None:
    headers, judge = timed("1744000000")
    with pytest.raises(SignatureRefused, match="is not of this body"):
        parse(BODY, {**headers, "X-Time": "1745000000"}, judge, wall=NOW)


def test_the_time_now_is_needed_to_judge_anothers() -> None:
    headers, judge = timed("1745000000")
    with pytest.raises(LocalProtocolError, match="wall"):
        parse(BODY, headers, judge)


def test_the_builders_are_public() -> None:
    assert verifier().signed is body_alone
    assert verifier(timestamp_header="T").signed is timestamp_and_body
    assert timestamp_and_body(b"body", "5") == b"5.body"


# Settings


def test_every_wrong_setting_is_named_at_once_and_no_secret_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        verifier(
            secret="whsec",
            header="",
            algorithm="md5",
            encoding="hexx",
            prefix=5,
            timestamp_header="",
            tolerance=-1,
            signed="body",
        )
    named = {problem.split(":")[0] for problem in caught.value.problems}
    assert named == {"secret", "header", "algorithm", "encoding", "prefix", "timestamp_header", "tolerance", "signed"}
    assert "whsec" not in str(caught.value)


def test_the_secret_shows_in_no_repr() -> None:
    assert "whsec" not in repr(verifier())


def test_webhooks_are_reached_through_the_provider() -> None:
    assert gelabs.webhook.parse is parse
