"""QuantCite, as those see it who serve any provider."""

from __future__ import annotations

import pytest

from pushwire.core.provider import config_from_settings
from pushwire.core.secrets import Secret
from pushwire.errors import LocalProtocolError
from pushwire.providers import quantcite
from pushwire.providers.quantcite.provider import PROVIDER, parse_spec


@pytest.mark.parametrize(
    "spec, command",
    [
        ("bybit:deposits,withdrawals", quantcite.SubscribeTransactions("bybit", None, ("deposits", "withdrawals"))),
        ("bybit:deposits", quantcite.SubscribeTransactions("bybit", None, ("deposits",))),
        ("bybit", quantcite.SubscribeTransactions("bybit")),
    ],
)
def test_a_spec_names_an_exchange_and_perhaps_types(spec: str, command: quantcite.SubscribeTransactions) -> None:
    assert parse_spec(spec) == command


@pytest.mark.parametrize("spec", ["", ":", ":deposits", "bybit:", "bybit:a,", "bybit:,a", "bybit:a,,b"])
def test_a_spec_with_a_part_missing_is_refused(spec: str) -> None:
    with pytest.raises(LocalProtocolError, match=r"must be exchange\[:type,type\.\.\.\]"):
        parse_spec(spec)


def test_the_commands_go_by_their_names_and_the_key_by_its_variable() -> None:
    assert PROVIDER.name == "quantcite"
    assert set(PROVIDER.commands) == {"SubscribeTransactions", "ValidateCredentials", "GetExchanges"}
    assert PROVIDER.secrets == {"api_key": "PUSHWIRE_QUANTCITE_API_KEY"}


def test_settings_are_read_from_text() -> None:
    given = {"testnet": "true", "tier": "basic", "fatal_closes": "[4001]", "passphrase_exchanges": '["okx"]', "ping": "json"}
    config = config_from_settings(PROVIDER, given, {"api_key": Secret("k")})
    assert config == quantcite.Config(
        api_key=Secret("k"), testnet=True, tier="basic", fatal_closes=(4001,), passphrase_exchanges=("okx",), ping="json"
    )
