from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.effects import Close
from pushwire.wire.refusal import parse_refusal, printable


def test_a_refusal_has_the_status_the_reason_and_the_seconds_to_wait() -> None:
    head = b"HTTP/1.1 429 Too Many Requests\r\nServer: x\r\nretry-AFTER:  120 \r\n\r\n"
    assert parse_refusal(head) == Close(status=429, reason="Too Many Requests", retry_after=120.0)


@pytest.mark.parametrize("line", [b"HTTP/1.1 401 Unauthorized\r\n", b"HTTP/1.0 401 Unauthorized\r\n"])
def test_both_versions_of_http_refuse(line: bytes) -> None:
    assert parse_refusal(line + b"\r\n") == Close(status=401, reason="Unauthorized")


def test_a_reason_phrase_may_be_missing() -> None:
    assert parse_refusal(b"HTTP/1.1 503\r\n\r\n") == Close(status=503)


def test_a_redirect_is_a_refusal() -> None:
    assert parse_refusal(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n") == Close(status=302, reason="Found")


def test_101_is_not_a_refusal() -> None:
    assert parse_refusal(b"HTTP/1.1 101 Switching Protocols\r\n\r\n") is None


@pytest.mark.parametrize("head", [b"", b"\r\n\r\n", b"HTTP/1.1 999 x\r\n\r\n", b"HTTP/1.1 20\r\n\r\n", b"HTTP/2 200 OK\r\n\r\n"])
def test_what_is_not_http_is_a_transport_error(head: bytes) -> None:
    assert parse_refusal(head) == Close(reason="handshake: not an HTTP/1.1 response", by="transport")


def test_printable_text_is_one_short_line() -> None:
    assert printable("a\r\n\x1b[31mb") == "a???[31mb"
    assert len(printable("x" * 500)) == 200


@given(st.binary(max_size=200))
def test_any_head_is_judged_without_an_exception(tail: bytes) -> None:
    parse_refusal(tail)
    parse_refusal(b"HTTP/1.1 503 No\r\n" + tail)
    parse_refusal(b"HTTP/1.1 503 No\r\nRetry-After:" + tail + b"\r\n\r\n")
