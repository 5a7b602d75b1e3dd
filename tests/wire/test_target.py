from __future__ import annotations

import pytest

from pushwire.core.secrets import Secret
from pushwire.errors import LocalProtocolError
from pushwire.wire.target import resolve_target

from .server import dial


def test_a_dial_is_resolved_to_its_uri_and_revealed_headers() -> None:
    target = resolve_target(dial("wss://example.test/feed?x=1", {"X-API-Key": Secret("hunter22"), "X-Other": "a"}))
    assert (target.uri.secure, target.uri.host, target.uri.port) == (True, "example.test", 443)
    assert target.uri.resource_name == "/feed?x=1"
    assert target.headers == (("X-API-Key", "hunter22"), ("X-Other", "a"))


def test_a_target_does_not_show_what_it_holds() -> None:
    target = resolve_target(dial(Secret("ws://example.test/?token=hunter22"), {"X-API-Key": Secret("correct-horse")}))
    assert "hunter22" not in repr(target)
    assert "correct-horse" not in repr(target)


def test_the_secrets_of_headers_and_url_are_redacted_from_any_text() -> None:
    url = Secret("ws://user:battery-staple@example.test/?token=hunter22&v=2")
    redact = resolve_target(dial(url, {"X-API-Key": Secret("correct-horse")})).redact
    text = "no ws://user:battery-staple@example.test/?token=hunter22&v=2, correct-horse, hunter22, battery-staple, version 2"
    assert redact(text) == "no ***, ***, ***, ***, version 2"


def test_a_token_is_redacted_without_its_scheme_and_as_the_url_spells_it() -> None:
    url = Secret("ws://example.test/?token=hunter%2F22&v=2")
    redact = resolve_target(dial(url, {"Authorization": Secret("Bearer correct-horse")})).redact
    assert redact("no hunter/22, hunter%2F22, Bearer correct-horse, correct-horse") == "no ***, ***, ***, ***"


def test_a_plain_url_is_not_redacted() -> None:
    assert resolve_target(dial("ws://example.test/?channel=prices")).redact("no channel prices") == "no channel prices"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.test/?token=hunter22",
        "ws:///?token=hunter22",
        "ws://example.test/#hunter22",
        "ws://example.test:99999/?token=hunter22",
        "ws://[::1/?token=hunter22",
        "ws://example.test/?token=hunter22 HTTP/1.1",
        "ws://example.test/?token=hunter22\r\nX: y",
        "ws://\udcff/hunter22",
    ],
)
@pytest.mark.parametrize("wrap", [str, Secret])
def test_a_url_that_cannot_be_dialled_is_refused_without_being_shown(url: str, wrap: type[str] | type[Secret]) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        resolve_target(dial(wrap(url)))
    assert "hunter22" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert str(caught.value) == "the URL to dial is not a valid ws:// or wss:// URL"


@pytest.mark.parametrize("name", ["", "X Y", "X:", "X\r\n"])
def test_an_invalid_header_name_is_refused(name: str) -> None:
    with pytest.raises(LocalProtocolError, match="invalid header name"):
        resolve_target(dial(headers={name: "x"}))


@pytest.mark.parametrize("value", ["hunter22\r\nX-Evil: 1", "hunter22\0", "hunter22 \u20ac"])
def test_a_header_value_that_http_does_not_allow_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(LocalProtocolError, match="X-API-Key has a character") as caught:
        resolve_target(dial(headers={"X-API-Key": Secret(value)}))
    assert "hunter22" not in str(caught.value)


def test_the_headers_of_the_handshake_itself_cannot_be_set() -> None:
    with pytest.raises(LocalProtocolError, match="Sec-WebSocket-Key belongs to the WebSocket handshake"):
        resolve_target(dial(headers={"Sec-WebSocket-Key": "x"}))
