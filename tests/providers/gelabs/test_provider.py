"""gelabs, as those see it who serve any provider."""

from __future__ import annotations

import pytest

from pushwire.errors import LocalProtocolError
from pushwire.providers import gelabs
from pushwire.providers.gelabs.provider import PROVIDER, parse_spec


@pytest.mark.parametrize(
    "spec, command",
    [
        ("ethereum:0xAbC", gelabs.Subscribe(address="0xAbC", chain_type="ethereum")),
        ("new:chain:style", gelabs.Subscribe(address="chain:style", chain_type="new")),
    ],
)
def test_a_spec_names_one_address_on_one_chain(spec: str, command: gelabs.Subscribe) -> None:
    assert parse_spec(spec) == command


@pytest.mark.parametrize("spec", ["", "ethereum", "ethereum:", ":0x1"])
def test_a_spec_with_a_part_missing_is_refused(spec: str) -> None:
    with pytest.raises(LocalProtocolError, match="must be chain_type:address"):
        parse_spec(spec)


def test_the_commands_go_by_their_names_and_the_key_by_its_variable() -> None:
    assert PROVIDER.name == "gelabs"
    assert PROVIDER.commands["Unsubscribe"] is gelabs.Unsubscribe
    assert set(PROVIDER.commands) == {"Subscribe", "Unsubscribe", "GetTransaction"}
    assert PROVIDER.secrets == {"api_key": "PUSHWIRE_GELABS_API_KEY"}
