"""Pings after silence, and errors on a connection that is up."""

from __future__ import annotations

import pytest

from pushwire.core.effects import Close
from pushwire.core.events import Down, Gap, Malformed, Up
from pushwire.core.machine import Phase
from pushwire.errors import AuthenticationRefused
from pushwire.providers import pusher
from pushwire.testing import pusher as build
from tests.providers.harness import WALL, expect
from tests.providers.pusher.harness import Client, config, signing

PING: dict[str, object] = {"event": "pusher:ping", "data": {}}


@pytest.mark.parametrize(
    "own, servers, expected", [(120.0, 30, 30.0), (20.0, 30, 20.0), (120.0, 0, 120.0), (120.0, -5, 120.0), (120.0, 0.001, 1.0)]
)
def test_the_shorter_activity_timeout_holds(own: float, servers: float, expected: float) -> None:
    client = Client(config(ping_interval=own), timeout=servers).ready()
    client.advance(expected - 0.01)
    assert client.frames == []
    client.advance(0.02)
    assert client.take_frames() == [PING]


def test_any_message_puts_the_ping_off() -> None:
    client = Client(timeout=30).ready()
    client.advance(29.0)
    client.receive(build.event("other-channel"))
    client.advance(29.0)
    assert client.frames == []
    client.advance(1.0)
    assert client.take_frames() == [PING]


@pytest.mark.parametrize("pong", [build.pong(), '{"event":"pusher:pong"}'])
def test_an_answered_ping_keeps_the_connection(pong: str) -> None:
    client = Client(timeout=30).ready()
    for _ in range(10):
        client.advance(30.0)
        assert client.take_frames() == [PING]
        client.receive(pong)
    assert client.phase() is Phase.READY


def test_a_ping_without_an_answer_ends_the_connection_after_30_seconds() -> None:
    client = Client(timeout=60).ready()
    client.advance(89.9)
    assert client.phase() is Phase.READY
    client.advance(0.1)
    assert [(hangup.code, hangup.reason) for hangup in client.hangups] == [(1011, "no answer to a ping within 30 s")]


def test_each_connection_has_its_own_activity_timeout() -> None:
    client = Client(config(backoff_first=0.1), timeout=30).ready()
    client.timeout = 120
    client.reconnect()
    client.frames.clear()
    client.advance(119.0)
    assert client.frames == []


def test_a_ping_of_the_servers_is_answered() -> None:
    client = Client().ready()
    client.receive(build.ping(), '{"event":"pusher:ping"}')
    assert client.take_frames() == [{"event": "pusher:pong", "data": {}}] * 2
    assert client.take_events() == []


def test_what_was_missed_is_told_as_a_gap() -> None:
    client = Client(config(backoff_first=0.1)).ready()
    client.subscribe("my-channel")
    client.reconnect()
    client.receive(build.subscribed("my-channel"))
    down, up, gap = client.take_events()
    assert isinstance(down, Down)
    assert isinstance(up, Up)
    assert (expect(Gap, gap).since, expect(Gap, gap).until) == (WALL, WALL + client.now)


# Errors on a connection that is up


@pytest.mark.parametrize("code", [4001, 4009, 4100, 4200, 4201, 4301, 4302, None])
def test_an_error_closes_nothing_by_itself(code: int | None) -> None:
    client = Client().ready()
    message = build.error(code, "so it is")
    client.receive(message)
    assert client.the_event(pusher.PeerError) == pusher.PeerError(0.0, code, "so it is", None, message)
    assert (client.phase(), client.hangups) == (Phase.READY, [])


def test_an_error_may_name_a_channel_inside_or_outside_its_data() -> None:
    client = Client().ready()
    client.receive(build.error(4301, "too fast", "private-a"))
    client.receive(build.message("pusher:error", {"code": 4301, "message": "too fast"}, "private-b"))
    assert [expect(pusher.PeerError, event).channel for event in client.take_events()] == ["private-a", "private-b"]


def test_a_reverb_that_answers_garbage_with_4200_is_not_left() -> None:
    client = Client().ready()
    for _ in range(5):
        client.receive(build.error(4200, "Invalid message format", data_as="text"))
        client.advance(1.0)
    assert (client.phase(), client.hangups, client.dials) == (Phase.READY, [], [])


@pytest.mark.parametrize("close", [Close(code=1000), Close(code=1005), Close(code=1013, reason="going away")])
def test_an_ordinary_close_soon_after_an_error_is_judged_by_the_errors_code(close: Close) -> None:
    client = Client().ready()
    client.receive(build.error(4001, "App key not in this cluster"))
    client.advance(5.0)
    client.closed(close)
    error = client.machine.failure
    assert isinstance(error, AuthenticationRefused)
    assert str(error) == "close 4001 by peer: App key not in this cluster (there is no app with this key)"

    client = Client().ready()
    client.receive(build.error(4200, "restart"))
    client.closed(close)
    assert len(client.dials) == 1


@pytest.mark.parametrize(
    "close, after",
    [
        (Close(code=1000), 5.1),
        (Close(reason="reset", by="transport"), 0.0),
        (Close(code=1011, by="us"), 0.0),
        (Close(code=4100), 0.0),
    ],
)
def test_any_other_close_is_judged_by_itself(close: Close, after: float) -> None:
    client = Client().ready()
    client.receive(build.error(4001, "no"))
    client.advance(after)
    client.closed(close)
    assert client.phase() is Phase.BACKING_OFF


@pytest.mark.parametrize("code", [4300, 4301, 4302, None, 1000])
def test_errors_that_are_about_messages_judge_no_close(code: int | None) -> None:
    client = Client().ready()
    client.receive(build.error(code, "too fast"))
    client.closed(Close(code=1001))
    assert client.phase() is Phase.BACKING_OFF


def test_nor_does_one_that_refused_a_subscription() -> None:
    client = Client(signing()).ready()
    client.submit(pusher.Subscribe("private-a"))
    client.receive(build.error(4009, "Connection is unauthorized"))
    client.closed(Close(code=1001))
    assert client.phase() is Phase.BACKING_OFF


def test_an_error_of_an_earlier_connection_judges_nothing() -> None:
    client = Client(config(backoff_first=0.1)).ready()
    client.receive(build.error(4100, "busy"))
    client.reconnect()
    client.closed(Close(code=1000))
    client.receive()
    assert client.machine.failure is None


def test_an_error_that_cannot_be_read_is_malformed() -> None:
    client = Client().ready()
    client.receive(build.message("pusher:error", {"code": "4200"}))
    client.the_event(Malformed)
