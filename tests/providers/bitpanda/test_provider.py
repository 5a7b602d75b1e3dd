"""Bitpanda, as those see it who serve any provider."""

from __future__ import annotations

import pytest

from pushwire.errors import LocalProtocolError
from pushwire.providers.bitpanda import PRICE_CHANGES, PRICES, Drop, Subscribe, Unsubscribe
from pushwire.providers.bitpanda.provider import PROVIDER, parse_spec
from pushwire.testing.bitpanda import AAPL, BTC


@pytest.mark.parametrize(
    "spec, command",
    [
        ("prices-v1", Subscribe(PRICES)),
        ("prices-v1:EUR,USD", Subscribe(PRICES, fiats=["EUR", "USD"])),
        ("price-changes-v1:EUR", Subscribe(PRICE_CHANGES, fiats=["EUR"])),
        ("prices-v1:cr/BTC/EUR,s/AAPL/EUR", Subscribe(PRICES, [BTC, AAPL])),
        ("new-channel", Subscribe("new-channel")),
    ],
)
def test_a_spec_names_a_channel_and_what_of_it(spec: str, command: Subscribe) -> None:
    assert parse_spec(spec) == command
    assert ",".join(map(str, command.topics)).replace(f",{command.channel}:", ",") == spec


@pytest.mark.parametrize(
    "spec", ["", ":EUR", "prices-v1:", "prices-v1:EUR,", "prices-v1:cr/BTC", "prices-v1:a/b/c/d", "prices-v1:a//c"]
)
def test_a_spec_with_a_part_missing_is_refused(spec: str) -> None:
    with pytest.raises(LocalProtocolError, match="must be channel"):
        parse_spec(spec)


def test_a_spec_that_mixes_pairs_and_fiats_is_refused_for_that() -> None:
    with pytest.raises(LocalProtocolError, match="no mix of pairs and fiats"):
        parse_spec("prices-v1:cr/BTC/EUR,USD")


def test_the_commands_go_by_their_names_and_the_token_by_its_variable() -> None:
    assert PROVIDER.name == "bitpanda"
    assert PROVIDER.commands == {"Subscribe": Subscribe, "Unsubscribe": Unsubscribe, "Drop": Drop}
    assert PROVIDER.secrets == {"token": "PUSHWIRE_BITPANDA_TOKEN"}
