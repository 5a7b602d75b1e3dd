"""From the open connection to its authentication: what counts as success, what as a refusal for good, and what as neither."""

from __future__ import annotations

import json

import pytest

from pushwire.core.effects import Close, SecretFrame
from pushwire.core.events import Down, Malformed, Unrecognized, Up
from pushwire.core.machine import Phase
from pushwire.core.secrets import Secret
from pushwire.errors import AuthenticationRefused, ConfigError, LocalProtocolError, RemoteProtocolError
from pushwire.providers import quantcite
from pushwire.providers.quantcite.stages import AUTHENTICATION, Stage, StageTrigger
from pushwire.testing import quantcite as build
from tests.providers.harness import expect
from tests.providers.quantcite.harness import KEY, SUBSCRIBE, Client, config

AUTHENTICATE = {"type": "authenticate", "api_key": KEY}
SHORT = '{"type":"welcome","user_tier":"premium","message":"Authenticated successfully as premium user"}'
LEGACY = '{"type":"authentication_success","user_id":"u","tier":"premium","data_usage":{},"rate_limits":{}}'


def opened(settings: quantcite.Config | None = None) -> Client:
    client = Client(settings)
    client.start()
    client.open()
    return client


# What is sent


def test_the_key_is_sent_as_a_message_at_once_and_in_no_url() -> None:
    client = opened()
    (dial,) = client.dials
    assert (dial.url, dial.headers) == ("wss://data.quantcite.com/api/v1/ws", {})
    (frame,) = client.frames
    assert json.loads(expect(SecretFrame, frame).text) == AUTHENTICATE
    assert json.loads(expect(SecretFrame, frame).shown) == {"type": "authenticate", "api_key": "***"}


def test_with_the_greeting_awaited_the_key_is_sent_after_it() -> None:
    client = opened(config(greeting="wait"))
    assert client.frames == []
    client.receive(build.greeting())
    assert client.take_frames() == [AUTHENTICATE]
    client.receive(build.greeting())
    assert client.take_frames() == []
    client.receive(build.welcome())
    assert client.take_events() == [Up(0.0, 1)]


def test_where_no_greeting_comes_the_connection_is_given_up() -> None:
    client = opened(config(greeting="wait"))
    client.live(10.0)
    assert [hangup.reason for hangup in client.hangups] == ["not accepted within 10 s"]


@pytest.mark.parametrize(
    "url, dialled",
    [
        ("wss://h.example/ws", "wss://h.example/ws?api_key=k%2F%3D%20%C3%A9"),
        ("wss://h.example/ws?v=1", "wss://h.example/ws?v=1&api_key=k%2F%3D%20%C3%A9"),
    ],
)
def test_the_key_in_the_url_is_a_choice_and_a_secret(url: str, dialled: str) -> None:
    client = opened(quantcite.Config(api_key=Secret("k/= é"), url=url, auth="query"))
    (dial,) = client.dials
    assert expect(Secret, dial.url).reveal() == dialled
    assert "k%2F" not in repr(dial)
    assert client.frames == []
    client.receive(build.welcome())
    assert client.take_events() == [Up(0.0, 1)]


def test_a_socket_that_greets_in_spite_of_the_key_in_its_url_gets_it_as_a_message() -> None:
    client = opened(config(auth="query"))
    client.receive(build.greeting())
    assert client.take_frames() == [AUTHENTICATE]


@pytest.mark.parametrize("auth", ["message", "query"])
def test_a_url_that_holds_a_key_is_refused_and_not_shown(auth: str) -> None:
    with pytest.raises(ConfigError, match="url: must not hold the key") as caught:
        config(auth=auth, url="wss://h.example/ws?api_key=hidden")
    assert "hidden" not in str(caught.value)


# Success


@pytest.mark.parametrize(
    "message",
    [
        build.welcome(),
        build.welcome(session_id=None),
        build.welcome(authentication=None),
        build.welcome(authentication={}, user_tier=None),
        '{"type":"welcome","authentication":{"status":"authenticated"}}',
        SHORT,
        LEGACY,
    ],
)
def test_every_form_of_success_makes_the_stream_ready(message: str) -> None:
    client = opened()
    client.receive(message)
    assert client.take_events() == [Up(0.0, 1)]
    assert client.machine.status().phase is Phase.READY


@pytest.mark.parametrize(
    "message",
    [
        build.greeting(),
        '{"type":"welcome"}',
        '{"type":"welcome","session_id":"","user_tier":""}',
        '{"type":"welcome","user_id":"u","message":"Authenticated successfully"}',
        build.welcome(authentication={"status": "pending"}),
        build.welcome(authentication={"status": "failed"}),
    ],
)
def test_a_welcome_that_does_not_say_so_is_no_success(message: str) -> None:
    client = opened()
    client.receive(message)
    assert client.take_events() == []
    assert client.machine.status().phase is Phase.AUTHENTICATING


@pytest.mark.parametrize("message, events", [(SHORT, []), (LEGACY, [Unrecognized(0.0, LEGACY, "authentication_success")])])
def test_the_older_forms_can_be_left_out(message: str, events: list[object]) -> None:
    client = opened(config(legacy_success=False))
    client.receive(message)
    assert client.take_events() == events
    assert client.machine.status().phase is Phase.AUTHENTICATING
    client.receive(build.welcome())
    assert client.machine.status().phase is Phase.READY


def test_a_second_welcome_says_nothing_new() -> None:
    client = Client().ready()
    client.receive(build.welcome(), build.greeting(), LEGACY)
    assert (client.take_events(), client.take_frames()) == ([], [])
    assert client.machine.status().phase is Phase.READY


def test_a_welcome_of_the_wrong_shape_is_malformed_and_no_success() -> None:
    client = opened()
    client.receive('{"type":"welcome","session_id":5}')
    assert [type(event) for event in client.take_events()] == [Malformed]
    assert client.machine.status().phase is Phase.AUTHENTICATING


# Refusals for good


@pytest.mark.parametrize(
    "message, code, text",
    [
        (
            '{"type":"error","error":"Authentication failed","code":4001}',
            4001,
            "not authenticated: Authentication failed",
        ),
        (
            build.error("authentication_failed", "Invalid API key", 4001),
            4001,
            "not authenticated: authentication_failed: Invalid API key",
        ),
        (build.error("invalid_api_key", "no such key", None), None, "not authenticated: invalid_api_key: no such key"),
        (build.authentication_error(), None, "not authenticated: api_key_not_found: API key not found"),
        (
            build.authentication_error("account_suspended", "Account suspended"),
            None,
            "not authenticated: account_suspended: Account suspended",
        ),
        ('{"type":"authentication_error"}', None, "not authenticated: refused"),
        ('{"type":"error","code":4001}', 4001, "not authenticated: refused"),
    ],
)
def test_every_form_of_failure_ends_the_session(message: str, code: int | None, text: str) -> None:
    client = opened()
    client.receive(message)
    assert [hangup.code for hangup in client.hangups] == [1000]
    client.closed(Close(code=1000))
    assert client.machine.status().phase is Phase.CLOSED
    refused = expect(AuthenticationRefused, client.machine.failure)
    assert (refused.code, str(refused)) == (code, text)


def test_a_key_that_is_refused_later_ends_the_session_too() -> None:
    client = Client().ready()
    client.receive(build.authentication_error("account_suspended", "Account suspended"))
    client.closed()
    assert isinstance(client.machine.failure, AuthenticationRefused)
    assert [type(event) for event in client.take_events()] == [Down]


def test_what_else_came_with_a_refusal_changes_nothing() -> None:
    client = opened()
    client.receive(build.authentication_error(), build.greeting(), build.welcome(), build.error(), build.authentication_error())
    assert [type(event) for event in client.take_events()] == [quantcite.Notice]
    client.closed()
    assert client.machine.status().phase is Phase.CLOSED


@pytest.mark.parametrize("status", [401, 403])
def test_a_handshake_that_is_refused_for_the_key_ends_the_session(status: int) -> None:
    client = Client()
    client.start()
    client.closed(Close(status=status))
    assert expect(AuthenticationRefused, client.machine.failure).status == status


# What may pass


@pytest.mark.parametrize(
    "message, reason",
    [
        (build.error("rate_limit_exceeded", "slow down", 4005), "not authenticated: slow down (4005)"),
        (build.error("missing_parameters", "api_key", 4003), "not authenticated: api_key (4003)"),
        (build.error("authentication_required", "first", None), "not authenticated: first (authentication_required)"),
        (build.error("data_limit_exceeded", "used up", None), "not authenticated: used up (data_limit_exceeded)"),
    ],
)
def test_another_error_before_the_welcome_is_tried_again_later(message: str, reason: str) -> None:
    client = opened()
    client.receive(message)
    assert [hangup.reason for hangup in client.hangups] == [reason]
    client.closed()
    assert client.machine.status().phase is Phase.BACKING_OFF


@pytest.mark.parametrize("told, pause", [({"retry_after": 5000}, 3600.0), ({"retry_after": 300}, 300.0), ({}, 60.0)])
def test_beyond_the_rate_before_the_welcome_it_is_patient(told: dict[str, int], pause: float) -> None:
    client = opened()
    client.receive(build.error("rate_limit_exceeded", "slow down", 4005, **told))
    client.closed(Close(code=1000, by="us"))
    assert client.machine.status().next_dial == client.now + pause


def test_the_patience_is_for_the_next_dial_alone() -> None:
    client = opened()
    client.receive(build.error("rate_limit_exceeded", "slow down", 4005, retry_after=300))
    client.closed()
    client.advance(300.0)
    client.closed()
    due = client.machine.status().next_dial
    assert due is not None
    assert due < client.now + 60.0


def test_an_immediate_disconnect_is_tried_again_later() -> None:
    client = opened()
    client.closed(Close(code=1006))
    assert client.machine.status().phase is Phase.BACKING_OFF


@pytest.mark.parametrize("kind", ["subscription_error", "data_limit_warning", "data_limit_exceeded", "rate_limit_warning"])
def test_warnings_before_the_welcome_are_told_and_end_nothing(kind: str) -> None:
    client = opened()
    raw = json.dumps({"type": kind, "message": "80 %"})
    client.receive(raw)
    assert client.take_events() == [quantcite.Notice(0.0, kind, None, None, "80 %", None, raw)]
    assert client.machine.status().phase is Phase.AUTHENTICATING


def test_a_socket_that_is_no_longer_authenticated_is_replaced_and_its_command_sent_again() -> None:
    client = Client().ready()
    client.submit(SUBSCRIBE)
    client.receive(build.error("authentication_required", "Authentication required", None))
    assert [type(event) for event in client.take_events()] == [quantcite.Notice, Down]
    assert client.take_settled() == []
    client.reconnect()
    assert [frame["action"] for frame in client.take_frames()] == ["subscribe_transactions"]


def test_a_close_code_can_be_made_final() -> None:
    for codes, phase in ([(), Phase.BACKING_OFF], [(4001,), Phase.CLOSED]):
        client = Client(config(fatal_closes=codes)).ready()
        client.closed(Close(code=4001))
        assert client.machine.status().phase is phase
        assert isinstance(client.machine.failure, RemoteProtocolError) is (phase is Phase.CLOSED)


# The table


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("trigger", StageTrigger)
def test_every_pair_of_stage_and_trigger_is_a_transition_or_refused_by_name(stage: Stage, trigger: StageTrigger) -> None:
    opening = trigger in {StageTrigger.OPENED, StageTrigger.OPENED_TO_WAIT}
    allowed = trigger is StageTrigger.LOST or opening is (stage is Stage.NONE)
    if allowed:
        assert AUTHENTICATION.next(stage, trigger) in Stage
    else:
        with pytest.raises(LocalProtocolError, match=f"{stage.value}: {AUTHENTICATION.refusals[stage]}"):
            AUTHENTICATION.next(stage, trigger)
