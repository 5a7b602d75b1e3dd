"""Settings at their bounds, what each of them changes, and what a webhook may leave out."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from pushwire.core.closes import Action
from pushwire.core.effects import Close
from pushwire.core.events import Malformed
from pushwire.core.machine import Phase
from pushwire.core.secrets import Secret
from pushwire.errors import ConfigError, SignatureRefused
from pushwire.providers import quickpay
from pushwire.providers.quickpay.signing import MAX_LIFETIME
from pushwire.testing import pusher as pusher_build
from pushwire.testing import quickpay as build
from tests.providers.harness import WALL, expect
from tests.providers.pusher.test_encrypted import CHANNEL, NEW, OLD, granted, sealed
from tests.providers.quickpay.harness import Client, config
from tests.providers.quickpay.test_webhook import BODY, QUICKPAY, verifier

TOKEN = Secret("token-of-somebody")


@pytest.mark.parametrize(
    "name, right, wrong",
    [
        ("token_lifetime", (1, MAX_LIFETIME), (0, MAX_LIFETIME + 1, True, 1.0)),
        ("clock_offset", (-999_999_999.0, 0, 999_999_999), (-(10.0**9), 10**9, True, "1")),
        ("fatal_closes", ((), (1000, 4999)), ((999,), (5000,), (True,), [1000])),
        ("passing_closes", ((1000, 4999),), ((999,), (5000,))),
    ],
)
def test_a_setting_is_taken_up_to_its_bounds(name: str, right: tuple[Any, ...], wrong: tuple[Any, ...]) -> None:
    for value in right:
        assert getattr(config(jwt=TOKEN, **{name: value}), name) == value
    for value in wrong:
        with pytest.raises(ConfigError, match=f"{name}: "):
            config(jwt=TOKEN, **{name: value})


def test_a_key_that_is_none_says_what_is_wrong_with_it() -> None:
    with pytest.raises(ConfigError, match=r"private_key: must be an RSA") as caught:
        config(private_key=Secret("no key"))
    assert "None" not in str(caught.value)
    with pytest.raises(ConfigError, match=r"private_key: must be a pushwire.Secret"):
        config(private_key="no secret")


def test_addresses_lose_nothing_but_slashes_and_the_namespace_its_query() -> None:
    settings = config(jwt=TOKEN, api_url="https://h.example/X/", url="wss://h.example/app/k?a=1", query={"b": "?"})
    assert settings.auth_url.startswith("https://h.example/X/")
    assert "X//" not in settings.auth_url
    assert settings.namespace == "quickpay wss://h.example/app/k"


@pytest.mark.parametrize(
    "public_auth, sent", [(True, {"channel": "test-channel", "auth": ""}), (False, {"channel": "test-channel"})]
)
def test_public_channels_are_asked_for_with_an_empty_authorisation_or_none(public_auth: bool, sent: dict[str, str]) -> None:
    client = Client(config(jwt=TOKEN, public_auth=public_auth)).ready()
    client.submit(quickpay.Subscribe("test-channel"))
    assert [frame["data"] for frame in client.take_frames()] == [sent]


@pytest.mark.parametrize("code, phase", [(3000, Phase.CLOSED), (3500, Phase.CLOSED), (4001, Phase.BACKING_OFF)])
def test_close_codes_mean_what_the_settings_say(code: int, phase: Phase) -> None:
    usual = Client(config(jwt=TOKEN)).ready()
    usual.closed(Close(code=code, reason="", by="peer"))
    assert usual.phase() is not phase
    client = Client(config(jwt=TOKEN, fatal_closes=(3000, 3500), passing_closes=(4001,))).ready()
    client.closed(Close(code=code, reason="", by="peer"))
    assert client.phase() is phase
    machine = expect(quickpay.QuickPayMachine, client.machine)
    row = machine.closes.row(Close(code=code, reason="", by="peer"))
    told = (Action.FATAL, "listed in fatal_closes") if phase is Phase.CLOSED else (Action.BACK_OFF, "listed in passing_closes")
    assert row is not None
    assert (row.action, row.why) == told


def test_the_header_with_the_key_and_the_rest_of_a_request_are_settings() -> None:
    settings = config(api_key_header="X-Key", token_lifetime=7, clock_offset=100.0, token_uri="/signed")
    client = Client(settings).ready()
    client.submit(quickpay.payments("m"))
    request = client.answer()
    assert request.url == settings.auth_url
    assert isinstance(request.headers["X-Key"], Secret)
    without = Client(config(jwt=TOKEN, api_key_header=None)).ready()
    without.submit(quickpay.payments("m"))
    assert None not in without.answer().headers
    (token,) = [value for name, value in request.headers.items() if name != "X-Key" and isinstance(value, Secret)]
    claims = decoded(token)
    assert (claims["uri"], claims["iat"], claims["exp"]) == ("/signed", int(WALL) + 100, int(WALL) + 107)


def decoded(token: Secret) -> dict[str, Any]:  # JSON
    payload = token.reveal().rpartition(" ")[2].split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


def test_what_does_not_fit_its_name_bears_its_time_and_the_reason() -> None:
    client = Client(config(jwt=TOKEN)).ready()
    client.subscribe(quickpay.payments(build.MERCHANT))
    client.events.clear()
    client.now = 7.0
    good = build.message(build.payment(), quoted=False)
    client.receive(good.replace('"payment_id":', '"payment_id":5,"other":'), good)
    bad, payment = client.take_events()
    assert isinstance(bad, Malformed)
    assert (bad.received, payment.received) == (7.0, 7.0)
    assert "payment_id" in bad.reason


def test_an_identity_is_compact_json() -> None:
    event = build.payment()
    told = config(jwt=TOKEN).identity(event)
    assert told == (None if not event.event_id else json.dumps([event.channel, event.event_id], separators=(",", ":")))


def test_a_signature_is_base64_and_nothing_else() -> None:
    good = build.signed_webhook(BODY, QUICKPAY)["X-Webhook-Signature"]
    assert verifier().read({"X-Webhook-Signature": good}, BODY).timestamp is None
    for wrong in (f"{good}!", f" {good}", f"{good[:20]}\n{good[20:]}"):
        with pytest.raises(SignatureRefused):
            verifier().read({"X-Webhook-Signature": wrong}, BODY)


def test_the_key_of_an_encrypted_channel_is_asked_for_again_with_a_token_of_its_time() -> None:
    client = Client().ready()
    client.submit(quickpay.Subscribe(CHANNEL))
    client.answer(granted(OLD))
    client.receive(pusher_build.subscribed(CHANNEL))
    client.advance(5.0)
    client.receive(sealed(NEW, "1"))
    request = client.answer(granted(NEW))
    (claims,) = [decoded(value) for value in request.headers.values() if isinstance(value, Secret) and "." in value.reveal()]
    assert claims["iat"] == int(WALL) + 5
    assert [type(event).__name__ for event in client.take_events()][-1] == "ChannelEvent"
