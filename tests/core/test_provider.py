"""Settings of a config as text."""

from __future__ import annotations

import math
from pathlib import Path

import attrs
import pytest

from pushwire.core.provider import config_from_settings
from pushwire.core.secrets import Secret
from pushwire.errors import ConfigError
from pushwire.providers import gelabs, load

PROVIDER = load("gelabs")
KEYS = {"api_key": Secret("sk-1")}
VARIABLE = PROVIDER.secrets["api_key"]
SETTINGS = ", ".join(field.name for field in attrs.fields(gelabs.Config) if field.name != "api_key")


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.delenv(f"{VARIABLE}_FILE", raising=False)


def read(**settings: str) -> gelabs.Config:
    config = config_from_settings(PROVIDER, settings, KEYS)
    assert isinstance(config, gelabs.Config)
    return config


def problems(settings: dict[str, str], secrets: dict[str, Secret] | None = KEYS) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        config_from_settings(PROVIDER, settings, secrets)
    return caught.value.problems


def test_without_settings_the_defaults_stand() -> None:
    assert read() == gelabs.Config(api_key=Secret("sk-1"))


def test_every_kind_of_field_is_read() -> None:
    config = read(
        reply_timeout="2.5",
        pong_timeout="3",
        send_rate="inf",
        max_message="4096",
        compression="true",
        url="ws://127.0.0.1:80/ws",
        chain_ids='{"Base": 8453}',
    )
    assert (config.reply_timeout, config.pong_timeout, config.send_rate) == (2.5, 3.0, math.inf)
    assert (config.max_message, config.compression, config.url) == (4096, True, "ws://127.0.0.1:80/ws")
    assert config.chain_ids == {"base": 8453}


def test_everything_that_is_wrong_is_named_at_once_without_its_value() -> None:
    found = problems(
        {
            "api_key": "sk-leaked",
            "speed": "99",
            "reply_timeout": "soon",
            "ping_interval": "-17",
            "max_message": "1.75",
            "compression": "1",
            "chain_ids": '{"base": "x99"}',
            "url": "ftp://nowhere",
        },
        {},
    )
    assert found == (
        "api_key: comes from the environment variable PUSHWIRE_GELABS_API_KEY, never from a setting",
        f"speed: there is no such setting; there are: {SETTINGS}",
        "api_key: is needed",
        "reply_timeout: must be a positive number of seconds",
        "ping_interval: must be a positive number of seconds",
        "max_message: must be a positive whole number",
        "compression: must be true or false",
        "url: must be a ws:// or wss:// URL with a host",
        "chain_ids: must map chain names to whole numbers",
    )


@pytest.mark.parametrize("text", ["", "nan", "NaN", "1e999", "[" * 100_000, "null", "5 s", "\ud800"])
def test_text_that_is_no_number_is_refused(text: str) -> None:
    assert problems({"reply_timeout": text}) == ("reply_timeout: must be a positive number of seconds",)


def test_the_secret_comes_from_its_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "sk-env")
    config = config_from_settings(PROVIDER, {})
    assert isinstance(config, gelabs.Config)
    assert config.api_key == Secret("sk-env")


def test_the_secret_comes_from_the_file_that_a_variable_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-file\n")
    monkeypatch.setenv(f"{VARIABLE}_FILE", str(tmp_path / "key"))
    config = config_from_settings(PROVIDER, {})
    assert isinstance(config, gelabs.Config)
    assert config.api_key == Secret("sk-file")


def test_a_missing_secret_is_named_by_its_variable_beside_what_else_is_wrong() -> None:
    assert problems({"reply_timeout": "0"}, None) == (
        "api_key: environment variable PUSHWIRE_GELABS_API_KEY is not set (nor PUSHWIRE_GELABS_API_KEY_FILE)",
        "reply_timeout: must be a positive number of seconds",
    )


def test_what_else_is_wrong_is_named_beside_a_setting_that_is_missing() -> None:
    with pytest.raises(ConfigError) as caught:
        config_from_settings(load("bitpanda"), {"reply_timeout": "0", "compression": "true"}, {"token": Secret("t")})
    assert caught.value.problems == ("url: is needed", "reply_timeout: must be a positive number of seconds")


# Secrets that a provider can do without

OPTIONAL = attrs.evolve(PROVIDER, secrets={}, optional_secrets=PROVIDER.secrets)


def test_an_optional_secret_is_taken_where_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "sk-env")
    for secrets, expected in ((None, "sk-env"), ({"api_key": Secret("sk-given")}, "sk-given")):
        config = config_from_settings(OPTIONAL, {}, secrets)
        assert isinstance(config, gelabs.Config)
        assert config.api_key == Secret(expected)


@pytest.mark.parametrize("secrets", [None, {}])
def test_without_an_optional_secret_the_config_says_what_it_lacks(secrets: dict[str, Secret] | None) -> None:
    with pytest.raises(ConfigError) as caught:
        config_from_settings(OPTIONAL, {}, secrets)
    assert caught.value.problems == ("api_key: must be a pushwire.Secret (Secret.env, Secret.file), never a plain string",)


def test_an_optional_secret_whose_file_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{VARIABLE}_FILE", "/nowhere/at/all")
    with pytest.raises(ConfigError) as caught:
        config_from_settings(OPTIONAL, {})
    assert caught.value.problems[0] == "api_key: secret file /nowhere/at/all: FileNotFoundError"


def test_an_optional_secret_is_no_setting_either() -> None:
    with pytest.raises(ConfigError) as caught:
        config_from_settings(OPTIONAL, {"api_key": "sk-leaked"}, KEYS)
    assert caught.value.problems == (
        "api_key: comes from the environment variable PUSHWIRE_GELABS_API_KEY, never from a setting",
    )


def test_text_that_spells_nothing_is_refused_also_where_a_setting_may_be_left_out() -> None:
    with pytest.raises(ConfigError) as caught:
        config_from_settings(load("bitpanda"), {"items_per_frame": "many"}, {})
    assert [problem for problem in caught.value.problems if problem.startswith("items_per_frame: ")]
