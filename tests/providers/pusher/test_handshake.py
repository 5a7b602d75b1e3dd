"""From the open connection to connection_established, or to an error instead of it."""

from __future__ import annotations

import random
from itertools import product

import pytest

from pushwire.core.effects import Close, Dial
from pushwire.core.events import Malformed, Unrecognized, Up
from pushwire.core.machine import Phase
from pushwire.errors import AuthenticationRefused, LocalProtocolError, RemoteProtocolError
from pushwire.providers import pusher
from pushwire.providers.pusher.handshake import salvage
from pushwire.providers.pusher.tables import HANDSHAKE, Stage, StageTrigger
from pushwire.testing import pusher as build
from pushwire.version import release
from tests.providers.harness import expect
from tests.providers.pusher.harness import Client, asking, config, signing


def opened(settings: pusher.Config | None = None) -> Client:
    client = Client(settings)
    client.start()
    client.open()
    return client


def test_the_url_says_app_protocol_client_and_version() -> None:
    client = Client()
    client.start()
    url = f"wss://ws-mt1.pusher.com/app/{build.APP_KEY}?protocol=7&client=pushwire&version={release()}"
    assert client.dials == [Dial(1, url, {}, 2**20)]


@pytest.mark.parametrize("data_as", ["text", "object"])
def test_it_is_up_when_the_server_has_named_the_socket(data_as: build.DataAs) -> None:
    client = opened()
    assert client.phase() is Phase.AUTHENTICATING
    client.receive(build.established(data_as=data_as))
    assert client.phase() is Phase.READY
    assert client.take_events() == [Up(0.0, 1)]


def test_an_activity_timeout_may_be_left_out() -> None:
    client = opened()
    client.receive(build.established(activity_timeout=None))
    assert client.phase() is Phase.READY
    client.advance(119.9)
    assert client.frames == []
    client.advance(0.2)
    assert client.names() == ["pusher:ping"]


@pytest.mark.parametrize("socket_id", ["", "123", "1.2.3", "a.b", "1.2\n", "\u0661.\u0662", "1:private-x.2"])
def test_a_socket_id_that_nothing_can_be_signed_for_ends_the_connection(socket_id: str) -> None:
    client = opened()
    client.receive(build.established(socket_id))
    (hangup,) = client.hangups
    assert (hangup.code, hangup.reason) == (1002, "not accepted: connection_established is malformed")
    assert client.the_event(Malformed).raw == build.established(socket_id)


@pytest.mark.parametrize(
    "data", [None, {}, [], "text", {"socket_id": 7}, {"socket_id": "1.1", "activity_timeout": "soon"}, {"activity_timeout": 120}]
)
def test_a_greeting_without_what_it_must_say_ends_the_connection(data: object) -> None:
    client = opened()
    client.receive(build.message("pusher:connection_established", data))
    assert [hangup.code for hangup in client.hangups] == [1002]
    client.the_event(Malformed)


def test_a_second_greeting_says_nothing_new() -> None:
    client = Client(signing()).ready()
    client.receive(build.established("9.9", 1))
    assert client.take_events() == []
    client.submit(pusher.Subscribe("private-foobar"))
    # Still signed for the first socket: the published vector.
    digest = "58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"
    assert client.take_frames()[0]["data"]["auth"] == f"{build.APP_KEY}:{digest}"


def test_without_a_greeting_in_time_it_dials_again() -> None:
    client = opened()
    client.advance(10.0)
    assert [hangup.reason for hangup in client.hangups] == ["not accepted within 10 s"]


def test_what_comes_before_the_greeting_is_not_taken_for_anything() -> None:
    client = opened()
    client.receive(build.event("my-channel"), build.subscribed("my-channel"), build.pong(), build.ping())
    assert [expect(Unrecognized, event).type for event in client.take_events()] == [
        "ev",
        "pusher_internal:subscription_succeeded",
        "pusher:pong",
    ]
    assert client.names() == ["pusher:pong"]


# The greeting that is not valid JSON

PRINTED = '{"event":"pusher:connection_established","data":"{"socket_id":"957523923.7566984777","activity_timeout":30}"}'
"""As one provider prints it: quotes inside the data not escaped."""


class Lenient(pusher.PusherMachine):
    """As a provider sets it up whose greeting may be so."""


def lenient() -> Client:
    client = Client()
    settings = config()
    dialect = pusher.PusherDialect(settings.authoriser(), settings.limits, public_auth="")
    client.machine = Lenient(settings, dialect, url=settings.dial_url, rng=random.Random(0), ids=str, lenient=True)
    client.start()
    client.open()
    return client


@pytest.mark.parametrize("raw", [PRINTED, PRINTED.encode()])
def test_a_lenient_machine_takes_what_can_be_saved_of_a_greeting(raw: str | bytes) -> None:
    client = lenient()
    client.receive(raw)
    assert client.take_events() == [Up(0.0, 1)]
    client.advance(30.0)
    assert client.names() == ["pusher:ping"]
    client.submit(pusher.Subscribe("test-channel"))
    assert client.take_frames() == [{"event": "pusher:subscribe", "data": {"channel": "test-channel", "auth": ""}}]


def test_once_it_is_up_nothing_is_saved() -> None:
    client = lenient()
    client.receive(PRINTED, PRINTED)
    assert [type(event) for event in client.take_events()] == [Up, Malformed]


def test_a_strict_machine_saves_nothing() -> None:
    client = opened()
    client.receive(PRINTED)
    client.the_event(Malformed)
    assert client.phase() is Phase.AUTHENTICATING


@pytest.mark.parametrize(
    "raw", ["", "{", PRINTED.replace("connection_established", "other"), PRINTED.replace("957523923.7566984777", "x"), b"\xff"]
)
def test_what_is_no_greeting_cannot_be_saved(raw: str | bytes) -> None:
    assert salvage(raw) is None


def test_a_timeout_that_cannot_be_saved_is_none() -> None:
    greeting = salvage(PRINTED.replace("activity_timeout", "activity"))
    assert greeting is not None
    assert (greeting.socket_id, greeting.activity_timeout) == ("957523923.7566984777", None)


# An error instead of a greeting


@pytest.mark.parametrize("data_as", ["text", "object"])
@pytest.mark.parametrize(
    "code, credential",
    [(code, code in {4001, 4009}) for code in (4000, 4001, 4003, 4004, 4005, 4006, 4007, 4008, 4009, 4050, 4301)],
)
def test_a_fatal_error_before_it_is_up_ends_the_session(code: int, credential: bool, data_as: build.DataAs) -> None:
    client = opened()
    client.receive(build.error(code, "no", data_as=data_as))
    (hangup,) = client.hangups
    assert (hangup.code, hangup.reason) == (1000, f"not accepted: no (code {code})")
    client.closed(Close(code=1000, by="us"))
    assert client.machine.finished
    error = client.machine.failure
    assert isinstance(error, AuthenticationRefused if credential else RemoteProtocolError)
    assert f"close {code} by peer: no (" in str(error)


@pytest.mark.parametrize("close", [Close(code=1000, by="us"), Close(reason="reset", by="transport"), Close(code=1013)])
def test_whoever_ends_the_connection_the_errors_code_decides(close: Close) -> None:
    client = opened()
    client.receive(build.error(4100, "over capacity"))
    client.closed(close)
    assert client.phase() is Phase.BACKING_OFF
    client = opened()
    client.receive(build.error(4200, "try again"))
    client.closed(close)
    assert len(client.dials) == 2, "at once"


def test_the_peers_own_code_says_more_than_its_error() -> None:
    client = opened()
    client.receive(build.error(4100, "over capacity"))
    client.closed(Close(code=4001))
    assert isinstance(client.machine.failure, AuthenticationRefused)


@pytest.mark.parametrize("message", [build.error(None, None), build.message("pusher:error")])
def test_an_error_without_a_code_backs_off(message: str) -> None:
    client = opened()
    client.receive(message)
    assert client.hangups[0].reason == "not accepted: no reason given (code None)"
    client.closed(Close(code=1000, by="us"))
    assert client.phase() is Phase.BACKING_OFF


def test_what_follows_a_refusal_in_the_same_read_changes_nothing() -> None:
    client = opened()
    client.receive(build.error(4001, "no"), build.established(), build.error(4200, "yes"), build.event("my-channel"))
    assert client.phase() is Phase.HANGING_UP
    client.closed(Close(code=1000, by="us"))
    assert isinstance(client.machine.failure, AuthenticationRefused)


def test_an_error_that_cannot_be_read_is_malformed() -> None:
    client = opened()
    client.receive(build.message("pusher:error", ["what"]))
    client.the_event(Malformed)
    assert client.phase() is Phase.AUTHENTICATING


# Closes


@pytest.mark.parametrize("code", [*range(4000, 4010), 4099, 4300, 4399, 4999])
def test_codes_that_say_not_to_come_back_end_the_session(code: int) -> None:
    client = Client().ready()
    client.closed(Close(code=code))
    assert client.machine.finished
    assert isinstance(client.machine.failure, AuthenticationRefused) == (code in {4001, 4009})


@pytest.mark.parametrize("code", [4100, 4199, 1000, 1002, 1003, 1004, 1005, 1011, 1013])
def test_other_codes_back_off(code: int) -> None:
    client = Client().ready()
    client.closed(Close(code=code))
    assert client.phase() is Phase.BACKING_OFF


@pytest.mark.parametrize("code", [4200, 4201, 4202, 4299])
def test_codes_that_say_to_come_back_now_are_dialled_at_once(code: int) -> None:
    client = Client().ready()
    client.closed(Close(code=code))
    assert len(client.dials) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_handshake_that_http_refuses_for_want_of_rights_ends_the_session(status: int) -> None:
    client = Client()
    client.start()
    client.closed(Close(status=status))
    assert isinstance(client.machine.failure, AuthenticationRefused)


@pytest.mark.parametrize("status", [404, 429, 503])
def test_other_refused_handshakes_back_off(status: int) -> None:
    client = Client()
    client.start()
    client.closed(Close(status=status))
    assert client.phase() is Phase.BACKING_OFF


# The table


@pytest.mark.parametrize("stage, trigger", [*product(Stage, StageTrigger)])
def test_every_pair_is_a_transition_or_refused_by_name(stage: Stage, trigger: StageTrigger) -> None:
    after = HANDSHAKE.rows.get((stage, trigger))
    if after is not None:
        assert HANDSHAKE.next(stage, trigger) is after
    else:
        with pytest.raises(LocalProtocolError, match=HANDSHAKE.refusals[stage]):
            HANDSHAKE.next(stage, trigger)


def test_an_endpoints_machine_dials_without_asking_it() -> None:
    client = Client(asking())
    client.start()
    assert (len(client.dials), client.fetches) == (1, [])
