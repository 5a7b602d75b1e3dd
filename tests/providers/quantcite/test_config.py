"""The settings: every wrong one is named at once, and the key never shows."""

from __future__ import annotations

import math
import random

import attrs
import pytest

from pushwire.core.config import ConnectionConfig
from pushwire.core.ratelimit import RateLimit
from pushwire.core.secrets import Secret
from pushwire.errors import ConfigError
from pushwire.providers import quantcite
from pushwire.testing import quantcite as build
from tests.providers.quantcite.harness import KEY, Client, config, no_ids


def test_every_wrong_setting_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        quantcite.Config(
            api_key=KEY,  # type: ignore[arg-type]  # what an untyped caller does
            url="ftp://example.org",
            api_url="https://example.org/?x=1",
            testnet="no",  # type: ignore[arg-type]  # as above
            auth="header",  # type: ignore[arg-type]  # as above
            greeting="hello",  # type: ignore[arg-type]  # as above
            legacy_success=1,  # type: ignore[arg-type]  # as above
            ping="tcp",  # type: ignore[arg-type]  # as above
            max_message=0,
            remember=-1,
            updates=None,  # type: ignore[arg-type]  # as above
            passphrase_exchanges=("",),
            tier="gold",  # type: ignore[arg-type]  # as above
            rate_limit_pause=math.inf,
            fatal_closes=(99,),
            paths={"Nothing": "/x"},
            ping_interval=-1,
        )
    named = [problem.split(":")[0] for problem in caught.value.problems]
    shared = {"ping_interval", "max_message"}
    inherited = {field.name for field in attrs.fields(ConnectionConfig)} - shared
    assert sorted(named) == sorted({field.name for field in attrs.fields(quantcite.Config)} - inherited)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("codes", [4001, [4001], ("4001",), (999,), (5000,), (True,)])
def test_fatal_closes_are_close_codes(codes: object) -> None:
    with pytest.raises(ConfigError, match="fatal_closes: must be a list of close codes"):
        config(fatal_closes=codes)


@pytest.mark.parametrize("names", ["okx", ["okx"], (5,)])
def test_passphrase_exchanges_are_names(names: object) -> None:
    with pytest.raises(ConfigError, match="passphrase_exchanges: must be a list of names"):
        config(passphrase_exchanges=names)


@pytest.mark.parametrize(
    "paths, problem",
    [
        (5, "must map names of calls to paths"),
        ({"Health": 5}, "must map names of calls to paths"),
        ({"Nothing": "/x"}, "there is no call 'Nothing'"),
        ({"Health": "up"}, "must begin with a slash"),
        ({"Health": "/up?x"}, "must begin with a slash"),
        ({"Health": "/{api_key}"}, "must begin with a slash"),
        ({"Health": "/a b"}, "must begin with a slash"),
        ({"Health": "/a\n"}, "must begin with a slash"),
        ({"DataUsage": "/{key}"}, "must begin with a slash"),
    ],
)
def test_paths_are_paths_of_calls_there_are(paths: object, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        config(paths=paths)


def test_paths_left_out_are_those_of_the_document() -> None:
    mine = {"DataUsage": "/usage/{api_key}"}
    settings = config(paths=mine)
    mine.clear()
    assert settings.paths == {**quantcite.PATHS, "DataUsage": "/usage/{api_key}"}


def test_a_key_that_cannot_be_sent_is_refused() -> None:
    with pytest.raises(ConfigError, match="api_key: cannot be written as UTF-8"):
        quantcite.Config(api_key=Secret("\udcff"))


def test_the_key_shows_in_no_repr() -> None:
    settings = config()
    client = Client(settings)
    client.start()
    client.open()
    assert KEY not in repr((settings, client.dials, client.frames, client.machine.status()))


def test_an_https_url_is_taken_for_its_websocket_twin_and_settings_reach_the_dial() -> None:
    client = Client(config(url="https://h.example/ws", max_message=1000, compression=True))
    client.start()
    assert (client.dials[0].url, client.dials[0].max_message, client.dials[0].compression) == ("wss://h.example/ws", 1000, True)
    assert config().max_message == 2**24


def test_the_namespace_is_stable_and_tells_keys_and_urls_apart_without_the_key() -> None:
    namespace = config().namespace
    assert namespace == config(ping_interval=5.0).namespace
    assert namespace == f"quantcite wss://data.quantcite.com/api/v1/ws {namespace[-16:]}"
    assert KEY not in namespace
    assert quantcite.Config(api_key=Secret("other")).namespace != namespace
    assert config(url="wss://other.example/ws").namespace != namespace


def test_a_config_says_whose_it_is_and_how_sessions_are_got() -> None:
    assert config().provider == "quantcite"
    assert config().grant() == quantcite.SessionGrant(config())
    assert config().expendable(object()) is None
    assert not config().machine(rng=random.Random(1), ids=no_ids).finished


@pytest.mark.parametrize(
    "tier, a_minute", [(None, 600), ("basic", 600), ("premium", 1200), ("developer", 1000), ("enterprise", 10_000)]
)
def test_the_plan_of_the_key_paces_rest_calls(tier: str | None, a_minute: int) -> None:
    assert config(tier=tier).rate_limits == {"requests": RateLimit(a_minute, 60.0)}
    assert config(tier=tier).requests_a_second == (math.inf if tier is None else a_minute / 60)


def test_a_transaction_is_known_by_its_id_and_what_it_says_of_money_and_nothing_else_is() -> None:
    settings = config()
    assert settings.identity(build.transaction()) == settings.identity(build.transaction(received=9.0))
    assert settings.identity(build.transaction()) != settings.identity(build.transaction(label="Trade"))
    assert settings.identity(object()) is None
