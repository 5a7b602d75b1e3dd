"""The sandbox's QuickPay: what it makes up, how it greets, and its settings. What Pusher's does is tested there."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from typing import Any

import pytest

from pushwire.core.events import Malformed
from pushwire.errors import ConfigError
from pushwire.providers import quickpay
from pushwire.sandbox.base import ConnectRequest, SendTo
from pushwire.sandbox.quickpay import QuickPayServer
from pushwire.sandbox.quickpay_settings import QuickPaySettings
from tests.providers.harness import expect
from tests.providers.quickpay.harness import Client

WALL = 1_745_000_000.0


def served(**settings: Any) -> QuickPayServer:  # any setting
    server = QuickPayServer(QuickPaySettings(**settings), random.Random(1))
    server.connect(1, ConnectRequest(server.path), 0.0, WALL)
    return server


def said(server: QuickPayServer) -> list[str]:
    return [str(expect(SendTo, effect).text) for effect in server.take_effects()]


def test_it_greets_as_the_document_prints_it_or_in_valid_json() -> None:
    (broken,) = said(served())
    with pytest.raises(json.JSONDecodeError):
        json.loads(broken)
    client = Client()
    client.start()
    client.open()
    client.receive(broken)
    assert [type(event).__name__ for event in client.take_events()] == ["Up"]
    (sound,) = said(served(broken_greeting=False))
    assert json.loads(json.loads(sound)["data"])["activity_timeout"] == 30


KINDS = {
    "private-payments.m": quickpay.Payment,
    "private-notifications.m": quickpay.Notification,
    "private-merchant.m": quickpay.ExchangeRate | quickpay.Kyc,
    "test-channel": quickpay.ExchangeRate,
}


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("channel", list(KINDS))
def test_what_it_makes_up_is_what_the_client_knows(channel: str, wrapped: bool) -> None:
    server = served(rate=10.0, max_messages=50, wrapped=wrapped)
    server.receive(1, json.dumps({"event": "pusher:subscribe", "data": {"channel": channel, "auth": "any"}}), 0.0)
    said(server)
    client = Client().ready()
    client.subscribe(quickpay.Subscribe(channel))
    while not server.done:
        due = server.next_deadline()
        server.handle_timer(due, WALL + due)
    client.receive(*said(server))
    events = client.take_events()
    assert len(events) == 50
    assert all(isinstance(event, KINDS[channel]) for event in events), [e for e in events if isinstance(e, Malformed)]
    ids = {getattr(event, "event_id", None) for event in events}
    assert ids == ({f"evt_{number:06d}" for number in range(1, 51)} if wrapped else {None})


def test_its_payments_add_up() -> None:
    server = served(rate=1.0, max_messages=20)
    client = Client().ready()
    client.subscribe(quickpay.payments("m"))
    server.receive(1, json.dumps({"event": "pusher:subscribe", "data": {"channel": "private-payments.m", "auth": "any"}}), 0.0)
    said(server)
    server.handle_timer(30.0, WALL + 30.0)
    client.receive(*said(server))
    for event in client.take_events():
        payment = expect(quickpay.Payment, event).data
        assert payment.amount == payment.fiat_amount
        assert payment.crypto_amount is not None
        assert payment.exchange_rate is not None
        assert abs(payment.crypto_amount * payment.exchange_rate - (payment.amount or 0)) < Decimal("0.01")


def test_every_wrong_setting_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        QuickPaySettings(rate=-1, public_key="pem", tokens=("ey.ey.ey",))
    assert caught.value.problems == ("rate: must be 0 or more", "tokens: are of no use beside public_key")
