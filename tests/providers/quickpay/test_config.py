"""The settings: every wrong one is named at once, and no secret shows."""

from __future__ import annotations

import json
import math
import random

import pytest

from pushwire.core.ids import id_source
from pushwire.core.secrets import PLACEHOLDER, Secret
from pushwire.errors import ConfigError
from pushwire.providers import quickpay
from pushwire.providers.pusher.messages import SubscriptionCount
from pushwire.providers.quickpay.messages import typed
from pushwire.testing import quickpay as build
from tests.providers.quickpay.harness import API_KEY, config


def test_every_wrong_setting_is_named_at_once() -> None:
    wrong: dict[str, object] = {
        "api_key": API_KEY,
        "private_key": Secret("no key"),
        "jwt": "ey.ey.ey",
        "environment": "staging",
        "app_key": "",
        "url": "ftp://example.org",
        "query": {"protocol": 7},
        "api_url": "wss://example.org",
        "auth_path": "v1",
        "auth_body": "xml",
        "api_key_header": "",
        "token_uri": "",
        "token_lifetime": 55,
        "clock_offset": math.nan,
        "public_auth": 1,
        "lenient": None,
        "aliases": ["a"],
        "fatal_closes": (999,),
        "passing_closes": [4004],
        "ping_interval": 0,
    }
    with pytest.raises(ConfigError) as caught:
        quickpay.Config(**wrong)  # type: ignore[arg-type]  # what an untyped caller does
    assert {problem.split(":")[0] for problem in caught.value.problems} == set(wrong)
    assert API_KEY not in str(caught.value)
    assert "no key" not in str(caught.value)


@pytest.mark.parametrize("lifetime", [0, -1, 55, 49.5, True, "50", None])
def test_a_token_lives_less_than_55_whole_seconds(lifetime: object) -> None:
    with pytest.raises(ConfigError, match="token_lifetime: must be a whole number of seconds from 1 to 54"):
        config(token_lifetime=lifetime)


@pytest.mark.parametrize("offset", [math.inf, 10**400, True, "0"])
def test_a_clock_offset_is_a_number_of_seconds(offset: object) -> None:
    with pytest.raises(ConfigError, match="clock_offset: must be a number of seconds"):
        config(clock_offset=offset)


def test_a_private_key_must_be_a_secret() -> None:
    with pytest.raises(ConfigError, match=r"private_key: must be a pushwire\.Secret"):
        config(private_key=build.keys().public)


def test_a_token_made_elsewhere_is_of_no_use_beside_a_key() -> None:
    with pytest.raises(ConfigError, match=r"^jwt: is of no use beside private_key$"):
        config(jwt=Secret("ey.ey.ey"), private_key=build.keys().private)


def test_a_close_code_cannot_be_both_fatal_and_passing() -> None:
    with pytest.raises(ConfigError, match=r"^passing_closes: a code is in fatal_closes too$"):
        config(fatal_closes=(4004, 4100), passing_closes=(4100,))


@pytest.mark.parametrize(
    "environment, dialled, asked",
    [
        (
            "sandbox",
            "wss://sandbox-ws.quickpay.best/app/pagCMLx6TXrb",
            "https://sandbox-api.quickpay.best/v1/websocket/auth",
        ),
        ("production", "wss://ws.quickpay.best/app/pagCMLx6TXrb", "https://api.quickpay.best/v1/websocket/auth"),
    ],
)
def test_the_environment_says_which_hosts(environment: str, dialled: str, asked: str) -> None:
    settings = config(environment=environment)
    assert (settings.dial_url, settings.auth_url) == (dialled, asked)


def test_production_is_meant_where_nothing_is_said() -> None:
    assert quickpay.Config(api_key=Secret(API_KEY)).environment == "production"


def test_hosts_key_path_and_query_may_be_others() -> None:
    settings = config(
        url="http://127.0.0.1:8000",
        app_key="other",
        query={"protocol": "7"},
        api_url="http://127.0.0.1:8001/api/",
        auth_path="/auth",
    )
    assert settings.dial_url == "ws://127.0.0.1:8000/app/other?protocol=7"
    assert settings.auth_url == "http://127.0.0.1:8001/api/auth"


def test_mappings_are_copied() -> None:
    aliases = {"Paid": "payment.completed"}
    settings = config(aliases=aliases)
    aliases.clear()
    assert settings.aliases == {"Paid": "payment.completed"}


def test_secrets_show_in_no_repr() -> None:
    shown = repr(config()) + repr(config(jwt=Secret("ey.secret.ey")))
    assert API_KEY not in shown
    assert "PRIVATE KEY" not in shown
    assert "ey.secret.ey" not in shown


def test_a_config_says_whose_it_is_and_where_its_ledger_would_be() -> None:
    assert config().provider == "quickpay"
    assert config(query={"a": "b"}).namespace == "quickpay wss://sandbox-ws.quickpay.best/app/pagCMLx6TXrb"


def test_a_config_read_back_from_a_journal_makes_a_machine_without_the_key() -> None:
    settings = config(private_key=Secret(PLACEHOLDER))
    assert not settings.machine(rng=random.Random(1), ids=id_source("n")).finished


def test_of_rates_the_latest_of_a_pair_counts_and_nothing_of_quickpays_else_is_let_go() -> None:
    settings = config()
    rates = [build.exchange_rate(rate="1"), build.exchange_rate(rate="2"), build.exchange_rate("ETH")]
    first, second, other = map(settings.expendable, rates)
    assert first == second != other
    assert [settings.expendable(event) for event in (build.payment(), build.kyc(), build.notification())] == [None] * 3
    assert settings.expendable(SubscriptionCount(0.0, "a", 1)) is not None


def test_an_event_belongs_to_the_subscription_of_its_channel() -> None:
    assert config().topics(build.payment()) == quickpay.payments(build.MERCHANT).topics


def test_an_event_is_known_by_its_channel_and_the_envelopes_id_where_it_has_one() -> None:
    data = json.loads(build.envelope("payment.created", {"payment_id": "p"}, event_id="evt_9"))
    event = typed("x", "private-merchant.1", data, "{}", 0.0, {})
    assert config().identity(event) == '["private-merchant.1","evt_9"]'
    assert config().identity(build.payment()) is None
    assert config().identity(object()) is None
