"""The settings: what is required, what is checked, and what a wrong one says."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Any

import pytest

from pushwire.core.effects import Credential
from pushwire.core.provider import config_from_settings
from pushwire.core.secrets import Secret
from pushwire.errors import ConfigError
from pushwire.providers import bitpanda
from pushwire.providers.bitpanda.provider import PROVIDER
from tests.providers.bitpanda.harness import TOKEN, URL, config


async def source(wanted: Credential) -> Secret:
    return Secret(TOKEN)


def problems(**settings: Any) -> list[str]:
    """The names of the fields that are wrong."""
    with pytest.raises(ConfigError) as caught:
        config(**settings)
    assert TOKEN not in str(caught.value)
    return [problem.split(":")[0] for problem in caught.value.problems]


def test_url_and_token_must_be_given() -> None:
    with pytest.raises(TypeError, match=r"'url' and 'token'"):
        bitpanda.Config()  # type: ignore[call-arg]  # what an untyped caller does


def test_every_wrong_setting_is_named_at_once() -> None:
    wrong = problems(
        url="ftp://x",
        token=TOKEN,
        headers={"bad name": "x"},
        query={1: "x"},
        token_parameter="",
        merge="replace",
        items_per_frame=0,
        ping_interval=0,
        stale_after=math.nan,
    )
    assert set(wrong) == {
        "ping_interval",
        "stale_after",
        "url",
        "token",
        "headers",
        "query",
        "token_parameter",
        "merge",
        "items_per_frame",
    }


def test_the_defaults_are_those_of_the_docs() -> None:
    settings = config()
    assert (settings.ping_interval, settings.pong_timeout, settings.stale_after) == (25.0, 10.0, 60.0)
    assert (settings.merge, settings.items_per_frame, settings.token_parameter) == ("union", None, None)
    assert (dict(settings.headers), dict(settings.query)) == ({}, {})


@pytest.mark.parametrize("interval", [60.0, 61.0, 3600.0])
def test_pings_that_race_the_servers_minute_are_refused(interval: float) -> None:
    assert problems(ping_interval=interval) == ["ping_interval"]
    assert config(ping_interval=59.9).ping_interval == 59.9


@pytest.mark.parametrize(
    "headers", [None, [], {"a": 1}, {1: "a"}, {"": "x"}, {"a:b": "x"}, {"a": "x\r\ny"}, {"a": Secret("x\n")}]
)
def test_headers_are_what_can_be_sent_as_such(headers: object) -> None:
    assert problems(headers=headers) == ["headers"]


def test_the_token_has_its_place_for_itself() -> None:
    assert problems(headers={"authorization": "x"}) == ["headers"]
    assert problems(token_parameter="t", query={"t": "x"}) == ["query"]
    assert config(token_parameter="t", headers={"Authorization": "x"}).token_parameter == "t"


def test_a_union_of_pairs_cannot_be_divided() -> None:
    assert problems(items_per_frame=5) == ["items_per_frame"]
    assert config(items_per_frame=5, merge="only_new").items_per_frame == 5


def test_mappings_are_copied() -> None:
    mine: dict[str, str | Secret] = {"X-A": "1"}
    settings = config(headers=mine, query=mine)
    mine.clear()
    assert settings.headers == settings.query == {"X-A": "1"}
    assert isinstance(settings.headers, MappingProxyType)


def test_the_token_may_be_a_secret_or_what_gives_one() -> None:
    assert config().credential("token") == Secret(TOKEN)
    assert config(token=source).credential("token") is source
    assert config().credential("other") is None


def test_no_secret_shows_itself() -> None:
    assert "hush" not in repr(config(token=Secret("hush"), headers={"a": Secret("hush")}, query={"a": Secret("hush")}))


def test_the_namespace_names_provider_and_url_and_no_parameter() -> None:
    for query in ("?key=hush", "?key=hush?", "?a=1?b=2"):
        assert config(url=f"https://prices.example/ws{query}").namespace == "bitpanda wss://prices.example/ws"
    assert config().provider == "bitpanda"


def test_settings_may_come_as_text() -> None:
    texts = {"url": URL, "headers": '{"X-A": "1"}', "items_per_frame": "7", "merge": "only_new", "stale_after": "5"}
    settings = config_from_settings(PROVIDER, texts, {"token": Secret(TOKEN)})
    assert isinstance(settings, bitpanda.Config)
    assert settings.headers == {"X-A": Secret("1")}
    assert (settings.items_per_frame, settings.merge, settings.stale_after) == (7, "only_new", 5.0)


def test_a_token_never_comes_from_a_setting() -> None:
    with pytest.raises(ConfigError, match="PUSHWIRE_BITPANDA_TOKEN"):
        config_from_settings(PROVIDER, {"url": URL, "token": TOKEN}, {"token": Secret(TOKEN)})
