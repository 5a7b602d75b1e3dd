"""The machine: who authorises its channels, and what becomes of their events. What Pusher's does is tested there."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import jwt
import pytest
from jwt.types import Options

from pushwire.core.effects import Close
from pushwire.core.events import Down, Gap, Malformed, Up
from pushwire.core.http import Request
from pushwire.core.machine import Phase
from pushwire.core.secrets import Secret
from pushwire.errors import AuthenticationRefused, CommandRefused, LocalProtocolError
from pushwire.providers import pusher, quickpay
from pushwire.testing import quickpay as build
from tests.providers.harness import expect
from tests.providers.quickpay.harness import API_KEY, SOCKET, Client, config

PAYMENTS = quickpay.payments(build.MERCHANT)


def header(request: Request, name: str) -> str:
    value = request.headers[name]
    return value.reveal() if isinstance(value, Secret) else value


def claims(request: Request) -> dict[str, Any]:  # JSON
    scheme, _, token = header(request, "Authorization").partition(" ")
    assert scheme == "Bearer"
    return jwt.decode(token, build.keys().public, algorithms=["RS256"], options=Options(verify_exp=False, verify_iat=False))


def asked(client: Client, command: quickpay.Subscribe = PAYMENTS) -> Request:
    """What is asked by HTTP for this subscription."""
    client.submit(command)
    return expect(Request, client.fetches[0].what)


# Authorisation


def test_each_channel_gets_a_token_of_its_own_over_exactly_its_body() -> None:
    client = Client().ready()
    client.advance(7.0)
    for number, command in enumerate((PAYMENTS, quickpay.merchant(build.MERCHANT)), 1):
        request = asked(client, command)
        assert json.loads(request.body) == {"socket_id": SOCKET, "channel_name": command.channel}
        assert claims(request) == {
            "uri": "/v1/websocket/auth",
            "nonce": f"n-{number}",
            "iat": 1_745_000_007,
            "exp": 1_745_000_057,
            "sub": API_KEY,
            "bodyHash": hashlib.sha256(request.body).hexdigest(),
        }
        assert header(request, "X-API-KEY") == API_KEY
        assert header(request, "Content-Type") == "application/json"
        client.answer()


def test_no_secret_of_a_request_shows() -> None:
    client = Client().ready()
    shown = repr(asked(client))
    assert API_KEY not in shown
    assert "eyJ" not in shown


def test_settings_say_how_the_endpoint_is_asked() -> None:
    settings = config(
        api_url="http://127.0.0.1:8000", auth_path="/auth", auth_body="form", api_key_header=None, token_uri="/websocket/auth"
    )
    request = asked(Client(settings).ready())
    assert request.url == "http://127.0.0.1:8000/auth"
    assert request.body == f"socket_id={SOCKET}&channel_name={PAYMENTS.channel}".encode()
    assert header(request, "Content-Type") == "application/x-www-form-urlencoded"
    assert "X-API-KEY" not in request.headers
    assert claims(request)["uri"] == "/websocket/auth"
    assert claims(request)["bodyHash"] == hashlib.sha256(request.body).hexdigest()


def test_lifetime_and_clock_offset_are_settings() -> None:
    found = claims(asked(Client(config(token_lifetime=54, clock_offset=-10.0)).ready()))
    assert (found["iat"], found["exp"]) == (1_744_999_990, 1_745_000_044)


def test_a_token_made_elsewhere_goes_as_it_is() -> None:
    request = asked(Client(config(jwt=Secret("ey.ey.ey"))).ready())
    assert header(request, "Authorization") == "Bearer ey.ey.ey"


def test_without_key_and_token_only_public_channels_can_be_asked_for() -> None:
    client = Client(quickpay.Config(api_key=Secret(API_KEY))).ready()
    with pytest.raises(LocalProtocolError, match="needs an authorisation: set private_key, or jwt"):
        client.submit(PAYMENTS)
    client.submit(quickpay.Subscribe(quickpay.TEST_CHANNEL))
    assert len(client.frames) == 1


@pytest.mark.parametrize(
    "public_auth, data", [(True, {"channel": "test-channel", "auth": ""}), (False, {"channel": "test-channel"})]
)
def test_a_public_channel_is_asked_for_as_in_the_example_or_plainly(public_auth: bool, data: dict[str, str]) -> None:
    client = Client(config(public_auth=public_auth)).ready()
    client.submit(quickpay.Subscribe(quickpay.TEST_CHANNEL))
    assert client.take_frames() == [{"event": "pusher:subscribe", "data": data}]


def test_a_refusal_of_the_endpoint_is_the_commands() -> None:
    client = Client().ready()
    client.submit(PAYMENTS)
    client.answer({"error": "Unauthorized"}, status=401)
    (settled,) = client.settled
    assert expect(CommandRefused, settled.error).code == 401
    assert client.frames == []


def test_a_reconnect_authorises_anew_with_the_new_socket_and_a_new_token() -> None:
    client = Client().ready()
    client.subscribe(PAYMENTS)
    client.closed(Close(reason="reset", by="transport"))
    client.advance(1.0)
    client.open()
    client.greet("1.2")
    request = client.answer()
    assert json.loads(request.body)["socket_id"] == "1.2"
    assert claims(request)["nonce"] == "n-2"
    assert claims(request)["iat"] == 1_745_000_001
    client.receive(json.dumps({"event": "pusher_internal:subscription_succeeded", "channel": PAYMENTS.channel}))
    assert [type(event) for event in client.take_events()] == [Down, Up, Gap]


def test_what_a_pusher_stream_takes_besides_is_no_command_here() -> None:
    client = Client().ready()
    with pytest.raises(LocalProtocolError, match="is not a QuickPay command"):
        client.submit(pusher.SignIn())


# Refusals that the document and the server behind it spell in three ways


@pytest.mark.parametrize(
    "message",
    [
        {
            "event": "pusher:subscription_error",
            "channel": PAYMENTS.channel,
            "data": {"type": "AuthError", "error": "no", "status": 401},
        },
        {"event": "pusher_internal:subscription_error", "channel": PAYMENTS.channel},
        {"event": "pusher:error", "data": {"code": 4009, "message": "Connection is unauthorized"}},
    ],
    ids=["soketi", "the document", "Reverb"],
)
def test_a_refused_subscription_ends_its_command(message: dict[str, Any]) -> None:
    client = Client().ready()
    client.submit(PAYMENTS)
    client.answer()
    client.receive(json.dumps(message))
    (settled,) = client.settled
    assert expect(CommandRefused, settled.error).command == "Subscribe"


# Events


@pytest.mark.parametrize("quoted", [True, False])
@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("event", [build.payment(), build.exchange_rate(), build.kyc(), build.notification({"text": "x"})])
def test_the_documented_events_are_delivered_typed(
    event: quickpay.Payment | quickpay.ExchangeRate | quickpay.Kyc | quickpay.Notification, quoted: bool, wrapped: bool
) -> None:
    client = Client().ready()
    client.subscribe(quickpay.Subscribe(event.channel or ""))
    raw = build.message(event, quoted=quoted, wrapped=wrapped)
    client.receive(raw)
    (found,) = client.take_events()
    assert type(found) is type(event)
    delivered = expect(type(event), found)
    assert (delivered.data, delivered.name, delivered.channel, delivered.raw) == (event.data, event.name, event.channel, raw)
    assert delivered.event_id == ("evt_001" if wrapped else None)


def test_binary_frames_are_read_like_text() -> None:
    client = Client().ready()
    client.subscribe(PAYMENTS)
    client.receive(build.message(build.payment()).encode())
    assert [type(event) for event in client.take_events()] == [quickpay.Payment]


def test_unknown_names_are_delivered_as_they_came() -> None:
    client = Client().ready()
    client.subscribe(PAYMENTS)
    raw = json.dumps({"event": "App\\Events\\PaymentDone", "channel": PAYMENTS.channel, "data": '{"amount":"1"}'})
    client.receive(raw)
    (event,) = client.take_events()
    unknown = expect(quickpay.ChannelEvent, event)
    assert (unknown.event, unknown.data, unknown.raw) == ("App\\Events\\PaymentDone", {"amount": "1"}, raw)


def test_an_alias_makes_a_name_known() -> None:
    client = Client(config(aliases={"App\\Events\\PaymentDone": "payment.completed"})).ready()
    client.subscribe(PAYMENTS)
    client.receive(json.dumps({"event": "App\\Events\\PaymentDone", "channel": PAYMENTS.channel, "data": '{"amount":"1"}'}))
    (event,) = client.take_events()
    assert expect(quickpay.Payment, event).name == "payment.completed"


@pytest.mark.parametrize("data", ['{"amount":"NaN"}', '{"amount":"1_0"}', '{"status":1}', "text", "[]"])
def test_data_that_does_not_fit_its_name_is_malformed_and_kept(data: str) -> None:
    client = Client().ready()
    client.subscribe(PAYMENTS)
    raw = json.dumps({"event": "payment.created", "channel": PAYMENTS.channel, "data": data})
    client.receive(raw)
    (event,) = client.take_events()
    assert expect(Malformed, event).raw == raw


# Leniency and the ends of a connection


def test_a_greeting_that_is_no_json_is_malformed_where_that_is_not_tolerated() -> None:
    client = Client(config(lenient=False))
    client.start()
    client.open()
    client.receive(
        '{"event":"pusher:connection_established","data":"{"socket_id":"957523923.7566984777","activity_timeout":30}"}'
    )
    assert [type(event) for event in client.take_events()] == [Malformed]
    assert client.machine.status().phase is Phase.AUTHENTICATING


def test_the_servers_activity_timeout_is_kept_after_a_salvaged_greeting() -> None:
    client = Client()
    client.start()
    client.open()
    client.receive(
        '{"event":"pusher:connection_established","data":"{"socket_id":"957523923.7566984777","activity_timeout":30}"}'
    )
    client.advance(30.0)
    assert client.next_frame()["event"] == "pusher:ping"
    assert client.frames == []


def test_close_codes_mean_what_the_settings_say_before_pushers_table() -> None:
    fatal = Client(config(fatal_closes=(4200,))).ready()
    fatal.closed(Close(code=4200))
    assert fatal.machine.finished
    passing = Client(config(passing_closes=(4001,))).ready()
    passing.closed(Close(code=4001))
    assert passing.machine.status().phase is Phase.BACKING_OFF
    plain = Client().ready()
    plain.closed(Close(code=4001))
    assert isinstance(plain.machine.failure, AuthenticationRefused)
