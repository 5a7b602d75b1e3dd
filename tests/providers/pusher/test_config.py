"""The settings of a connection, what they dial, and what belongs to which subscription."""

from __future__ import annotations

from typing import Any

import pytest

from pushwire.core.provider import config_from_settings
from pushwire.core.secrets import Secret
from pushwire.errors import ConfigError, LocalProtocolError
from pushwire.providers import pusher
from pushwire.providers.pusher.provider import PROVIDER, parse_spec
from pushwire.testing import events as common
from pushwire.testing import pusher as build
from pushwire.version import release
from tests.providers.pusher.harness import config

QUERY = f"protocol=7&client=pushwire&version={release()}"


@pytest.mark.parametrize(
    "settings, url",
    [
        ({"key": "k"}, f"wss://ws-mt1.pusher.com/app/k?{QUERY}"),
        ({"key": "k", "cluster": "eu"}, f"wss://ws-eu.pusher.com/app/k?{QUERY}"),
        ({"key": "k", "url": "ws://127.0.0.1:6001"}, f"ws://127.0.0.1:6001/app/k?{QUERY}"),
        ({"key": "k", "url": "https://ws.shop.test/"}, f"wss://ws.shop.test/app/k?{QUERY}"),
        ({"url": "ws://127.0.0.1:6001/app/k"}, f"ws://127.0.0.1:6001/app/k?{QUERY}"),
        ({"url": "ws://127.0.0.1/path/app/k/"}, f"ws://127.0.0.1/path/app/k/?{QUERY}"),
        ({"key": "k", "url": "ws://127.0.0.1/other"}, f"ws://127.0.0.1/other?{QUERY}"),
        ({"key": "k", "protocol_query": False}, "wss://ws-mt1.pusher.com/app/k"),
        ({"key": "k", "url": "ws://h?protocol=5&x=1"}, f"ws://h/app/k?protocol=5&client=pushwire&version={release()}&x=1"),
    ],
)
def test_what_is_dialled(settings: dict[str, Any], url: str) -> None:
    assert pusher.Config(**settings).dial_url == url
    assert pusher.Config(**settings).namespace == f"pusher {url.partition('?')[0]}"


def test_everything_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        pusher.Config(
            key="not/a/key",
            secret="plain",  # type: ignore[arg-type]  # what is wrong is the point
            cluster="eu.evil.test/",
            url="ftp://x",
            auth_url="/pusher/auth",
            auth_headers={"X": "plain"},  # type: ignore[dict-item]  # as above
            auth_params={"x": 1},  # type: ignore[dict-item]  # as above
            auth_body="xml",  # type: ignore[arg-type]  # as above
            user_auth_url="https://x?y=1",
            encryption_master_key=Secret("c2hvcnQ="),
            protocol_query=1,  # type: ignore[arg-type]  # as above
            channel_name_limit=201,
            client_event_limit=0,
            client_event_rate=0,
            ping_interval=0,
            pong_timeout=-1,
        )
    assert caught.value.problems == (
        "ping_interval: must be a positive number of seconds",
        "pong_timeout: must be a positive number of seconds",
        "channel_name_limit: must be a whole number from 1 to 200",
        "client_event_limit: must be a positive whole number",
        "client_event_rate: must be a positive number",
        "key: must be an app key: letters, digits, - and _",
        "secret: must be a pushwire.Secret (Secret.env, Secret.file), never a plain string",
        "cluster: must be a cluster's name, like mt1",
        "url: must be a ws:// or wss:// URL with a host",
        "protocol_query: must be true or false",
        "auth_url: must be an http:// or https:// URL with a host",
        "auth_headers: must map names of headers to pushwire.Secret values",
        "auth_params: must map names to texts or pushwire.Secret values",
        "auth_body: must be one of 'form', 'json'",
        "user_auth_url: must have neither a query nor a fragment",
        "encryption_master_key: must be 32 bytes in base64",
    )


@pytest.mark.parametrize("value", ["x", None, 7])
def test_what_is_no_mapping_is_named(value: Any) -> None:
    with pytest.raises(ConfigError, match="auth_headers: must map names of headers"):
        config(auth_headers=value)


@pytest.mark.parametrize("value", ["plain", 7])
def test_a_master_key_is_a_secret(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"encryption_master_key: must be a pushwire\.Secret"):
        config(encryption_master_key=value)


def test_settings_that_do_not_fit_together_are_named() -> None:
    with pytest.raises(ConfigError) as caught:
        pusher.Config(url="ws://h/", encryption_master_key=Secret("A" * 43 + "="))
    assert caught.value.problems == (
        "key: must be set, or be in the url (…/app/KEY)",
        "encryption_master_key: is of no use without secret",
    )


def test_mappings_are_the_configs_own() -> None:
    headers = {"X": Secret("1")}
    settings = config(auth_headers=headers)
    headers.clear()
    assert settings.auth_headers == {"X": Secret("1")}


def test_no_secret_shows() -> None:
    settings = config(secret=Secret("s3cret"), auth_headers={"X": Secret("h3ader")})
    assert "s3cret" not in repr(settings)
    assert "h3ader" not in repr(settings)


# Names of channels


@pytest.mark.parametrize("name", ["a", "private-foo", "A-Za-z0-9_=@,.;", "x" * 164])
def test_what_a_channel_may_be_called(name: str) -> None:
    assert parse_spec(name) == pusher.Subscribe(name)


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a/b", "#server-to-user-1", "a\n", "\u00e9", "a#"])
def test_what_a_channel_may_not_be_called(name: str) -> None:
    for kind in (pusher.Subscribe, pusher.Unsubscribe):
        with pytest.raises(LocalProtocolError, match=rf"{kind.__name__}: channel must be one or more of the letters, digits"):
            kind(name)


def test_a_name_must_be_a_text() -> None:
    with pytest.raises(LocalProtocolError, match="channel must be a text"):
        pusher.Subscribe(7)  # type: ignore[arg-type]  # what is wrong is the point


def test_a_name_may_be_as_long_as_the_setting_says() -> None:
    from tests.providers.pusher.harness import Client

    client = Client().ready()
    client.submit(pusher.Subscribe("x" * 164))
    with pytest.raises(LocalProtocolError, match="channel may have at most 164 characters"):
        client.submit(pusher.Subscribe("x" * 165))
    Client(config(channel_name_limit=200)).ready().submit(pusher.Subscribe("x" * 200))


@pytest.mark.parametrize(
    "channel, data, problem",
    [
        ("private-a", '{"user_id":"x"}', "private-a is no presence channel and takes no channel_data"),
        ("presence-a", "", "channel_data must be a JSON text with a user_id"),
        ("presence-a", "{}", "channel_data must be a JSON text with a user_id"),
        ("presence-a", '{"user_id":1.5}', "channel_data must be a JSON text with a user_id"),
        ("presence-a", '{"user_id":"\ud800"}', "channel_data must be a JSON text with a user_id"),
        ("presence-a", '{"user_id":"%s"}' % ("x" * 129), "channel_data may hold at most 128 characters of user_id"),
        ("presence-a", '{"user_id":"x","user_info":"%s"}' % ("x" * 1023), "1024 bytes of user_info"),
    ],
)
def test_channel_data_must_be_what_a_server_takes(channel: str, data: str, problem: str) -> None:
    with pytest.raises(LocalProtocolError, match=problem):
        pusher.Subscribe(channel, data)


@pytest.mark.parametrize("data", ['{"user_id":"%s"}' % ("x" * 128), '{"user_id":1,"user_info":"%s"}' % ("x" * 1022)])
def test_channel_data_at_its_limits_is_taken(data: str) -> None:
    assert pusher.Subscribe("presence-a", data).channel_data == data


# What belongs to what


def test_events_belong_to_their_channel() -> None:
    settings = config()
    assert settings.topics(build.channel_event("a")) == ("a",)
    assert settings.topics(pusher.CacheMiss(0.0, "a")) == ("a",)
    assert settings.topics(build.channel_event("#server-to-user-1")) == ("#user",) == pusher.SignIn().topics
    assert settings.topics(pusher.Watchlist(0.0, "online", ())) == ("#user",)
    assert settings.topics(common.up()) == ()
    assert settings.topics(pusher.PeerError(0.0, None, "", None, "")) == ()


def test_of_one_channel_and_name_a_later_event_stands_for_an_earlier() -> None:
    settings = config()
    first, second = build.channel_event("a", "ev", 1), build.channel_event("a", "ev", 2)
    assert settings.expendable(first) == settings.expendable(second) is not None
    assert settings.expendable(first) != settings.expendable(build.channel_event("a", "other"))
    assert settings.expendable(first) != settings.expendable(build.channel_event("b", "ev"))
    assert settings.expendable(pusher.SubscriptionCount(0.0, "a", 1)) == ("a", pusher.SubscriptionCount)
    for event in (common.up(), pusher.MemberAdded(0.0, "a", pusher.Member("1")), pusher.CacheMiss(0.0, "a")):
        assert settings.expendable(event) is None


# As those see it who serve any provider


def test_it_goes_by_its_name_its_commands_and_its_variables() -> None:
    assert PROVIDER.name == "pusher"
    assert set(PROVIDER.commands) == {"Subscribe", "Unsubscribe", "Trigger", "SignIn"}
    assert PROVIDER.secrets == {}
    assert PROVIDER.optional_secrets["secret"] == "PUSHWIRE_PUSHER_SECRET"


def test_it_is_set_up_by_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUSHWIRE_PUSHER_SECRET", "s")
    monkeypatch.delenv("PUSHWIRE_PUSHER_ENCRYPTION_MASTER_KEY", raising=False)
    given = {"key": "k", "auth_url": "https://x/auth", "auth_body": "json", "auth_headers": '{"X":"y"}', "ping_interval": "2"}
    settings = config_from_settings(PROVIDER, given)
    assert isinstance(settings, pusher.Config)
    assert (settings.key, settings.secret, settings.auth_url) == ("k", Secret("s"), "https://x/auth")
    assert (settings.auth_body, settings.auth_headers, settings.ping_interval) == ("json", {"X": Secret("y")}, 2.0)


def test_it_needs_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROVIDER.optional_secrets.values():
        monkeypatch.delenv(name, raising=False)
    assert config_from_settings(PROVIDER, {"key": "k"}) == pusher.Config(key="k")


def test_a_config_says_whose_it_is() -> None:
    assert config().provider == PROVIDER.name
