"""The settings: every wrong one is named at once, and the token never shows."""

from __future__ import annotations

import random
from types import MappingProxyType
from typing import Any

import pytest

from pushwire.core.effects import Credential
from pushwire.core.ratelimit import RateLimit
from pushwire.core.secrets import Secret
from pushwire.errors import ConfigError
from pushwire.providers import satoriex
from pushwire.testing.satoriex import event
from tests.providers.harness import counted
from tests.providers.satoriex.harness import TOKEN, config


def test_every_wrong_setting_is_named_at_once() -> None:
    wrong: dict[str, Any] = {
        "token": TOKEN,
        "url": "ftp://example.org",
        "api_url": "wss://example.org",
        "ping_interval": 0,
        "orderbook_names": ("", "a"),
        "aliases": {"fill": "order_fill"},
        "unsubscribe_market": "unsubscribe",
        "unsubscribe_marketdata": "[$market_id]",
        "auth_closes": (4001, 999),
        "limits": {"orders": 100},
        "login": ("a@example.org", "pw"),
    }
    with pytest.raises(ConfigError) as caught:
        satoriex.Config(**wrong)
    assert {problem.split(":")[0] for problem in caught.value.problems} == set(wrong)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    "setting, value",
    [
        ("orderbook_names", ["a"]),
        ("orderbook_names", "ab"),
        ("aliases", None),
        ("aliases", [("fill", "order_filled")]),
        ("aliases", {5: "order_filled"}),
        ("unsubscribe_market", 5),
        ("unsubscribe_market", '{"type":"unsubscribe"}'),
        ("unsubscribe_market", '{"type":"unsubscribe","market_id":"$market_id"}'),
        ("unsubscribe_market", '\ud800{"market_id":$market_id}'),
        ("auth_closes", [4001]),
        ("auth_closes", (True,)),
        ("auth_closes", (5000,)),
        ("auth_closes", ("4001",)),
        ("limits", None),
        ("limits", {"nothing": RateLimit(1, 1.0)}),
    ],
)
def test_a_setting_of_its_own_says_what_it_must_be(setting: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"^{setting}: must"):
        config(**{setting: value})


def test_the_default_is_the_staging_system_and_its_name_says_so() -> None:
    assert config().url == satoriex.STAGING == "wss://staging.satoriex.io/ws"
    assert config().api == satoriex.STAGING_API == "https://staging.satoriex.io/api/v1"


@pytest.mark.parametrize(
    "url, api",
    [
        ("wss://h.example/ws", "https://h.example/api/v1"),
        ("wss://h.example:8443/ws?v=1#f", "https://h.example:8443/api/v1"),
        ("ws://127.0.0.1:80/ws", "http://127.0.0.1:80/api/v1"),
        ("https://h.example", "https://h.example/api/v1"),
    ],
)
def test_rest_is_beside_the_socket(url: str, api: str) -> None:
    assert config(url=url).api == api


def test_rest_may_be_elsewhere() -> None:
    assert config(url="wss://h.example/ws", api_url="https://api.example/v1/").api == "https://api.example/v1"


@pytest.mark.parametrize("query", ["token=eyJ", "v=1&token=eyJ", "token="])
def test_the_token_must_not_stand_in_the_url(query: str) -> None:
    with pytest.raises(ConfigError, match=r"^url: must not hold the token, which would be shown$"):
        config(url=f"wss://h.example/ws?{query}")
    assert config(url="wss://h.example/ws?tokens=2").url.endswith("?tokens=2")


def test_mappings_are_copied() -> None:
    aliases, limits = {"fill": "order_filled"}, {"orders": RateLimit(1, 1.0)}
    settings = config(aliases=aliases, limits=limits)
    aliases.clear()
    limits.clear()
    assert settings.aliases == {"fill": "order_filled"}
    assert isinstance(settings.aliases, MappingProxyType)
    assert settings.rate_limits == {**satoriex.RATE_LIMITS, "orders": RateLimit(1, 1.0)}


def test_the_token_shows_in_no_repr() -> None:
    assert TOKEN not in repr(config())


# Where the token comes from


async def source(wanted: Credential) -> Secret:
    raise AssertionError("not asked")


def test_a_token_or_its_source_is_given_to_who_asks_for_it() -> None:
    assert config().credential("token") == Secret(TOKEN)
    assert satoriex.Config(token=source).credential("token") is source
    assert config().credential("password") is None
    assert config().grant() is None


def test_a_login_is_a_grant_beside_the_socket() -> None:
    login = satoriex.Login(email="a@example.org", password=Secret("pw"))
    settings = satoriex.Config(login=login, url="wss://h.example/ws")
    assert settings.credential("token") is None
    grant = settings.grant()
    assert grant is not None
    assert grant.api_url == "https://h.example/api/v1"
    elsewhere = satoriex.Config(login=satoriex.Login(email="a", password=Secret("pw"), api_url="https://other.example"))
    grant = elsewhere.grant()
    assert grant is not None
    assert grant.api_url == "https://other.example"


def test_there_is_a_token_or_a_login() -> None:
    login = satoriex.Login(email="a@example.org", password=Secret("pw"))
    with pytest.raises(ConfigError, match=r"^token: either it or a login is needed$"):
        satoriex.Config()
    with pytest.raises(ConfigError, match=r"^token: either it or a login is needed$"):
        satoriex.Config(token=Secret(TOKEN), login=login)


def test_the_namespace_tells_urls_apart_and_holds_no_token() -> None:
    assert config().namespace == "satoriex wss://staging.satoriex.io/ws"
    assert config(url="https://h.example/ws").namespace == "satoriex wss://h.example/ws"
    assert config().provider == "satoriex"


# What it says of events


def test_events_belong_to_their_channels() -> None:
    settings = config()
    assert settings.topics(event("order_filled", market_id="m")) == (satoriex.USER,)
    assert settings.topics(event("trade", market_id="m")) == (satoriex.Topic("market", "m"),)
    assert settings.topics(event("price_update", market_id="m")) == (satoriex.Topic("marketdata", "m"),)
    assert settings.topics(event("trade")) == ()
    assert settings.topics(satoriex.Up(0.0, 1)) == ()


def test_prices_alone_may_be_let_go_for_later_ones() -> None:
    settings = config()
    assert settings.expendable(event("price_update", market_id="m", outcome_id="yes")) == ("m", "yes")
    assert settings.expendable(event("price_update", market_id="m")) == ("m", None)
    assert settings.expendable(event("price_update")) is None
    assert settings.expendable(event("trade", market_id="m")) is None
    assert settings.expendable(satoriex.Up(0.0, 1)) is None


def test_a_machine_needs_nothing_restored() -> None:
    assert not config().machine(rng=random.Random(1), ids=counted()).finished


def test_the_first_and_the_last_close_code_may_refuse_a_token() -> None:
    assert config(auth_closes=(1000, 4999)).auth_closes == (1000, 4999)
    for wrong in (999, 5000):
        with pytest.raises(ConfigError, match="auth_closes: must be a tuple of close codes"):
            config(auth_closes=(wrong,))
