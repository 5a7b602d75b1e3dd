"""QuickPay, as those see it who serve any provider."""

from __future__ import annotations

from pathlib import Path

import pytest

from pushwire.core.provider import config_from_settings
from pushwire.core.secrets import Secret
from pushwire.errors import ConfigError, LocalProtocolError
from pushwire.providers import load, quickpay
from pushwire.providers.quickpay.provider import PROVIDER
from pushwire.testing import quickpay as build
from tests.providers.harness import expect


@pytest.mark.parametrize(
    "spec, channel",
    [
        ("merchant:merchant_001", "private-merchant.merchant_001"),
        ("payments:merchant_001", "private-payments.merchant_001"),
        ("notifications:merchant_001", "private-notifications.merchant_001"),
        ("test-channel", quickpay.TEST_CHANNEL),
        ("private-anything.else", "private-anything.else"),
    ],
)
def test_a_spec_names_a_channel(spec: str, channel: str) -> None:
    assert PROVIDER.parse_spec(spec) == quickpay.Subscribe(channel)


@pytest.mark.parametrize("spec", ["", "payments:", "refunds:1", ":", "payments:a:b", "no channel"])
def test_a_spec_that_names_none_is_refused(spec: str) -> None:
    with pytest.raises(LocalProtocolError):
        PROVIDER.parse_spec(spec)


def test_it_is_found_by_its_name_and_takes_subscriptions_alone() -> None:
    assert load("quickpay") is PROVIDER
    assert set(PROVIDER.commands) == {"Subscribe", "Unsubscribe"}


def test_its_secrets_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("API_KEY", "API_KEY_FILE", "JWT", "JWT_FILE", "PRIVATE_KEY", "PRIVATE_KEY_FILE"):
        monkeypatch.delenv(f"PUSHWIRE_QUICKPAY_{name}", raising=False)
    with pytest.raises(ConfigError, match="PUSHWIRE_QUICKPAY_API_KEY"):
        config_from_settings(PROVIDER, {})
    monkeypatch.setenv("PUSHWIRE_QUICKPAY_API_KEY", "mk")
    settings = {"environment": "sandbox", "api_url": "http://127.0.0.1:8000", "aliases": '{"Paid": "payment.completed"}'}
    plain = expect(quickpay.Config, config_from_settings(PROVIDER, settings))
    assert (plain.api_key, plain.jwt, plain.private_key) == (Secret("mk"), None, None)
    assert (plain.environment, plain.aliases) == ("sandbox", {"Paid": "payment.completed"})
    file = tmp_path / "key.pem"
    file.write_text(build.keys().private.reveal(), encoding="utf-8")
    monkeypatch.setenv("PUSHWIRE_QUICKPAY_PRIVATE_KEY_FILE", str(file))
    assert expect(quickpay.Config, config_from_settings(PROVIDER, {})).private_key is not None
    monkeypatch.delenv("PUSHWIRE_QUICKPAY_PRIVATE_KEY_FILE")
    monkeypatch.setenv("PUSHWIRE_QUICKPAY_JWT", "ey.ey.ey")
    assert expect(quickpay.Config, config_from_settings(PROVIDER, {})).jwt == Secret("ey.ey.ey")
