"""SatoriEx, as those see it who serve any provider."""

from __future__ import annotations

import pytest

from pushwire.core.provider import config_from_settings
from pushwire.core.secrets import Secret
from pushwire.errors import LocalProtocolError
from pushwire.providers import satoriex
from pushwire.providers.satoriex.provider import PROVIDER, parse_spec


@pytest.mark.parametrize(
    "spec, command",
    [
        ("market:mkt_abc123", satoriex.SubscribeMarket("mkt_abc123")),
        ("marketdata:mkt_abc123", satoriex.SubscribeMarketData("mkt_abc123")),
        ("market:a:b", satoriex.SubscribeMarket("a:b")),
    ],
)
def test_a_spec_names_one_channel_of_one_market(spec: str, command: object) -> None:
    assert parse_spec(spec) == command


@pytest.mark.parametrize("spec", ["", "market", "market:", "marketdata:", ":mkt_abc123", "user", "user:me", "Market:a"])
def test_any_other_spec_is_refused(spec: str) -> None:
    with pytest.raises(LocalProtocolError, match="must be market:ID or marketdata:ID"):
        parse_spec(spec)


def test_the_commands_go_by_their_names_and_the_token_by_its_variable() -> None:
    assert PROVIDER.name == "satoriex"
    assert set(PROVIDER.commands) == {"SubscribeMarket", "SubscribeMarketData", "UnsubscribeMarket", "UnsubscribeMarketData"}
    assert PROVIDER.secrets == {"token": "PUSHWIRE_SATORIEX_TOKEN"}


def test_a_config_can_be_read_from_text() -> None:
    settings = {
        "url": "ws://127.0.0.1:1/ws",
        "auth_closes": "[4100]",
        "aliases": '{"fill":"order_filled"}',
        "ping_interval": "20",
    }
    config = config_from_settings(PROVIDER, settings, {"token": Secret("t")})
    assert isinstance(config, satoriex.Config)
    assert (config.auth_closes, config.aliases, config.ping_interval) == ((4100,), {"fill": "order_filled"}, 20.0)
