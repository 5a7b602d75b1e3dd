from __future__ import annotations

import pytest

from pushwire.core.http import Request, Response
from pushwire.core.secrets import Secret


def test_a_request_shows_neither_its_query_nor_its_body() -> None:
    request = Request("POST", "https://shop.example/orders?key=hunter2", {"X-Key": Secret("hunter2")}, b"hunter2")
    assert request.shown == "POST https://shop.example/orders"
    assert "<7 bytes>" in repr(request)
    assert repr(request).count("hunter2") == 1  # a query that is secret must come as a `Secret`


def test_a_secret_url_is_not_shown_at_all() -> None:
    request = Request("GET", Secret("wss://shop.example/hunter2"))
    assert request.shown == "GET ***"
    assert "hunter2" not in repr(request)


def test_a_response_shows_no_body() -> None:
    assert repr(Response(200, {"x": "y"}, b"hunter2")) == "Response(status=200, headers={'x': 'y'}, body=<7 bytes>)"


@pytest.mark.parametrize(
    "headers, seconds",
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Tue, 15 Nov 1994 08:14:01 GMT", "date": "Tue, 15 Nov 1994 08:12:31 GMT"}, 90.0),
    ],
)
def test_a_response_may_say_when_to_come_again(headers: dict[str, str], seconds: float | None) -> None:
    assert Response(429, headers).retry_after == seconds


@pytest.mark.parametrize("query", ["", "?a=1", "?a=1?b=2"])
def test_a_url_is_shown_up_to_its_query(query: str) -> None:
    assert Request("GET", f"https://shop.example/orders{query}").shown == "GET https://shop.example/orders"
