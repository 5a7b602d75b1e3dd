"""Authorisations: signed here, or asked for by HTTP; bound to one connection."""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qsl

import pytest

from pushwire.core.effects import Fetch, SecretFrame
from pushwire.core.events import SubscriptionRefused
from pushwire.core.http import Request
from pushwire.core.secrets import Secret
from pushwire.errors import CommandRefused, LocalProtocolError
from pushwire.providers import pusher
from pushwire.testing import pusher as build
from tests.providers.harness import expect
from tests.providers.pusher.harness import SECRET, Client, asking, config, signing

SIGNED = f"{build.APP_KEY}:58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"
"""The published vector: socket 1234.1234, channel private-foobar."""
GRANTED = {"auth": f"{build.APP_KEY}:abc"}
KEY = base64.b64encode(bytes(range(32))).decode()


# By the secret


def test_a_private_channel_is_signed_for_its_socket() -> None:
    client = Client(signing()).ready()
    client.submit(pusher.Subscribe("private-foobar"))
    (frame,) = client.frames
    assert expect(SecretFrame, frame).shown == '{"event":"pusher:subscribe","data":{"channel":"private-foobar","auth":"***"}}'
    assert client.take_frames() == [{"event": "pusher:subscribe", "data": {"channel": "private-foobar", "auth": SIGNED}}]
    assert client.fetches == []


def test_channel_data_is_sent_as_it_was_signed() -> None:
    client = Client(signing()).ready()
    data = '{"user_id":10,"user_info":{"name":"Mr. Pusher"}}'
    client.submit(pusher.Subscribe("presence-foobar", data))
    (frame,) = client.take_frames()
    digest = "afaed3695da2ffd16931f457e338e6c9f2921fa133ce7dac49f529792be6304c"
    assert frame["data"] == {"channel": "presence-foobar", "auth": f"{build.APP_KEY}:{digest}", "channel_data": data}


@pytest.mark.parametrize(
    "settings, command, problem",
    [
        (config(), pusher.Subscribe("private-a"), "private-a needs an authorisation: set secret or auth_url"),
        (config(), pusher.Subscribe("presence-a"), "presence-a needs an authorisation: set secret or auth_url"),
        (config(), pusher.Subscribe("private-cache-a"), "private-cache-a needs an authorisation: set secret or auth_url"),
        (
            signing(),
            pusher.Subscribe("private-encrypted-a"),
            "private-encrypted-a needs a key: set encryption_master_key or auth_url",
        ),
        (
            signing(),
            pusher.Subscribe("presence-a"),
            "presence-a needs channel_data with a user_id, or a sign-in before",
        ),
        (config(), pusher.SignIn('{"id":"1"}'), "a sign-in needs an authorisation: set secret or user_auth_url"),
        (signing(), pusher.SignIn(), "a sign-in that is signed here needs user_data"),
    ],
)
def test_what_cannot_be_authorised_is_refused_before_it_is_asked_for(
    settings: pusher.Config, command: pusher.Subscribe | pusher.SignIn, problem: str
) -> None:
    client = Client(settings).ready()
    with pytest.raises(LocalProtocolError, match=problem):
        client.submit(command)
    assert (client.frames, client.fetches) == ([], [])


@pytest.mark.parametrize("channel", ["my-channel", "cache-a", "private", "presence"])
def test_public_channels_need_no_authorisation(channel: str) -> None:
    client = Client().ready()
    client.submit(pusher.Subscribe(channel))
    assert client.take_frames()[0]["data"] == {"channel": channel}


# By an endpoint


def test_an_endpoint_is_asked_by_a_form() -> None:
    settings = asking(auth_headers={"X-CSRF-Token": Secret("t0")}, auth_params={"shop": "7 & 8"})
    client = Client(settings).ready()
    client.submit(pusher.Subscribe("private-a@b"))
    assert client.frames == []
    request = client.respond(200, GRANTED)
    assert (request.method, request.url) == ("POST", "https://shop.test/pusher/auth")
    assert request.headers == {
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept": "application/json",
        "X-CSRF-Token": Secret("t0"),
    }
    assert parse_qsl(request.body.decode()) == [("socket_id", "1234.1234"), ("channel_name", "private-a@b"), ("shop", "7 & 8")]
    assert client.take_frames()[0]["data"] == {"channel": "private-a@b", **GRANTED}


def test_a_field_that_is_a_secret_reaches_the_endpoint_and_no_repr() -> None:
    settings = asking(auth_params={"token": Secret("t0"), "shop": "7"})
    client = Client(settings).ready()
    client.submit(pusher.Subscribe("private-a"))
    request = client.respond(200, GRANTED)
    assert parse_qsl(request.body.decode())[2:] == [("token", "t0"), ("shop", "7")]
    assert "t0" not in repr(settings) + repr(request)
    assert Secret("t0") in settings.secrets


def test_an_endpoint_is_asked_by_json() -> None:
    client = Client(asking(auth_body="json")).ready()
    client.submit(pusher.Subscribe("private-a"))
    request = client.respond(200, GRANTED)
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.body) == {"socket_id": "1234.1234", "channel_name": "private-a"}


@pytest.mark.parametrize("channel", ["private-a", "presence-a"])
def test_channel_data_of_an_endpoint_is_forwarded_byte_by_byte(channel: str) -> None:
    client = Client(asking()).ready()
    client.submit(pusher.Subscribe(channel))
    data = '{ "user_id" : 7,"user_info":{"n":"\u00e9"}}'
    client.respond(200, {**GRANTED, "channel_data": data})
    assert client.take_frames()[0]["data"] == {"channel": channel, **GRANTED, "channel_data": data}
    client.receive(build.subscribed(channel, {"7": None} if channel == "presence-a" else None))
    assert expect(pusher.Subscribed, client.the_reply()).me == ("7" if channel == "presence-a" else None)


def test_channel_data_that_names_nobody_is_forwarded_all_the_same() -> None:
    client = Client(asking()).ready()
    client.submit(pusher.Subscribe("presence-a"))
    client.respond(200, {**GRANTED, "channel_data": "odd"})
    client.receive(build.subscribed("presence-a", {}))
    assert client.the_reply() == pusher.Subscribed("presence-a", {}, None)


def test_the_shared_secret_is_never_sent_on() -> None:
    client = Client(asking()).ready()
    client.submit(pusher.Subscribe("private-encrypted-a"))
    client.respond(200, {**GRANTED, "shared_secret": KEY})
    assert client.take_frames()[0]["data"] == {"channel": "private-encrypted-a", **GRANTED}


@pytest.mark.parametrize(
    "channel, status, body, text",
    [
        ("private-a", 403, "Forbidden", "the auth endpoint answered HTTP 403"),
        ("private-a", 201, GRANTED, "the auth endpoint answered HTTP 201"),
        ("private-a", 302, "", "the auth endpoint answered HTTP 302"),
        ("private-a", 200, "<html>", "the auth endpoint's answer is of no use: "),
        ("private-a", 200, "", "the auth endpoint's answer is of no use: "),
        ("private-a", 200, [], "the auth endpoint's answer is of no use: "),
        ("private-a", 200, {}, "the auth endpoint's answer is of no use: "),
        ("private-a", 200, {"auth": 7}, "the auth endpoint's answer is of no use: "),
        ("private-a", 200, "[" * 100_000, "the auth endpoint's answer is of no use: "),
        ("private-encrypted-a", 200, GRANTED, "the auth endpoint gave no shared_secret of 32 bytes"),
        ("private-encrypted-a", 200, {**GRANTED, "shared_secret": "c2hvcnQ="}, "the auth endpoint gave no shared_secret of 32"),
    ],
)
def test_only_200_with_json_that_authorises_is_success(channel: str, status: int, body: object, text: str) -> None:
    client = Client(asking()).ready()
    client.submit(pusher.Subscribe(channel))
    client.respond(status, body)
    error = client.the_error(CommandRefused)
    assert error.code == status
    assert error.text.startswith(f"not authorised: {text}")
    assert client.frames == []


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_an_endpoint_in_trouble_is_asked_again_for_what_was_subscribed_to_before(status: int) -> None:
    client = Client(asking(backoff_first=0.1)).ready()
    client.submit(pusher.Subscribe("private-a"))
    client.respond(200, GRANTED)
    client.receive(build.subscribed("private-a"))
    client.reconnect()
    client.names()
    client.respond(status)
    assert [type(event) for event in client.take_events()][-1:] in ([SubscriptionRefused], [pusher.Gap])
    client.advance(1.0)
    client.respond(200, GRANTED)
    assert client.names() == ["pusher:subscribe private-a"]


@pytest.mark.parametrize("status", [429, 503])
def test_a_caller_is_told_of_an_endpoint_in_trouble(status: int) -> None:
    client = Client(asking()).ready()
    client.submit(pusher.Subscribe("private-a"))
    client.respond(status)
    assert client.the_error(CommandRefused).text == f"not authorised: the auth endpoint answered HTTP {status}"


def test_an_endpoint_that_cannot_be_reached_refuses_the_caller() -> None:
    client = Client(asking()).ready()
    client.submit(pusher.Subscribe("private-a"))
    client.fail(OSError("no route"))
    assert client.the_error(CommandRefused).text == "not authorised: no route"


# Bound to its socket


def test_a_slow_authorisation_never_reaches_the_next_connection() -> None:
    client = Client(asking(backoff_first=0.1)).ready()
    client.submit(pusher.Subscribe("private-a"))
    (slow,) = client.fetches
    client.reconnect()
    _, again = client.fetches
    assert (slow.token.generation, again.token.generation) == (1, 2)
    client.respond(200, {"auth": "k:1.1"})
    assert client.frames == []
    client.respond(200, {"auth": "k:2.2"})
    assert client.take_frames()[0]["data"]["auth"] == "k:2.2"


def test_each_reconnect_asks_anew_with_the_new_socket_id() -> None:
    client = Client(asking(backoff_first=0.1)).ready()
    client.submit(pusher.Subscribe("private-a"))
    client.respond(200, GRANTED)
    client.receive(build.subscribed("private-a"))
    client.reconnect()
    request = client.respond(200, GRANTED)
    assert dict(parse_qsl(request.body.decode()))["socket_id"] == "2.2"


def test_unsubscribing_waits_for_the_authorisation_and_then_asks_for_nothing() -> None:
    client = Client(asking()).ready()
    client.submit(pusher.Subscribe("private-a"))
    client.submit(pusher.Unsubscribe("private-a"))
    client.respond(200, GRANTED)
    assert client.frames == []
    refused, done = client.take_settled()
    assert isinstance(refused.error, CommandRefused)
    assert done.error is None


def test_a_public_channel_is_not_held_up_by_an_authorisation() -> None:
    client = Client(asking()).ready()
    client.submit(pusher.Subscribe("private-a"))
    client.submit(pusher.Subscribe("my-channel"))
    assert client.names() == ["pusher:subscribe my-channel"]


# What must not be seen


def test_neither_secret_nor_signature_shows() -> None:
    settings = signing(encryption_master_key=Secret(KEY))
    client = Client(settings).ready()
    client.submit(pusher.Subscribe("private-encrypted-a"))
    (frame,) = client.frames
    signature = expect(SecretFrame, frame).text.partition('"auth":"')[2].partition('"')[0]
    shown = [repr(settings), repr(settings.authoriser()), repr(frame), repr(vars(client.machine))]
    shown.append(repr(settings.authoriser().sign_channel("1.1", "private-encrypted-a", None)))
    for text in shown:
        assert SECRET not in text
        assert KEY not in text
        assert signature not in text


def test_what_is_asked_of_an_endpoint_shows_no_header() -> None:
    client = Client(asking(auth_headers={"Cookie": Secret("session=s3")})).ready()
    client.submit(pusher.Subscribe("private-a"))
    (fetch,) = client.fetches
    assert isinstance(fetch, Fetch)
    assert isinstance(fetch.what, Request)
    assert "s3" not in repr(fetch)
