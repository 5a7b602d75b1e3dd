"""What the sandbox's Pusher does by itself, and its settings."""

from __future__ import annotations

import json

import pytest

from pushwire.errors import ConfigError
from pushwire.providers.pusher.signing import sign_user
from pushwire.sandbox.base import CloseConn, Cut, SendTo
from pushwire.sandbox.pusher import PusherSettings
from tests.sandbox.pusher_talk import SECRET, WALL, connect, heard, say, server, subscribe

# The feed


def test_the_feed_numbers_its_events_and_begins_with_the_first_subscription() -> None:
    machine = server(rate=10.0, max_messages=3)
    connect(machine)
    machine.handle_timer(5.0, WALL + 5)
    assert machine.take_effects() == []
    say(machine, "pusher:subscribe", {"channel": "a"}, now=5.0)
    machine.handle_timer(10.0, WALL + 10)
    told = heard(machine)
    assert [(message["channel"], message["event"], message["data"]["serial"]) for message in told] == [
        ("a", "tick", serial) for serial in (1, 2, 3)
    ]
    assert machine.done
    assert [(sent.serial, sent.channel, sent.event) for sent in machine.sent] == [(n, "a", "tick") for n in (1, 2, 3)]
    assert (machine.generated, machine.next_deadline()) == (3, float("inf"))


def test_while_nobody_is_there_what_is_generated_is_lost() -> None:
    machine = server(rate=10.0)
    connect(machine)
    say(machine, "pusher:subscribe", {"channel": "a"})
    machine.cut_all(0.05)
    assert machine.take_effects() == [Cut(1)]
    machine.handle_timer(0.15, WALL)
    assert (machine.generated, machine.take_effects()) == (1, [])
    machine.stop()
    machine.handle_timer(9.0, WALL)
    assert machine.generated == 1


def test_a_feed_may_begin_by_itself_and_has_nothing_to_say_to_nobody() -> None:
    machine = server(rate=10.0, wait_for_client=False)
    machine.handle_timer(0.0, WALL)
    machine.handle_timer(1.0, WALL)
    assert machine.generated == 0


def test_the_feed_passes_over_what_it_has_no_key_for() -> None:
    machine = server(rate=10.0)
    socket_id = connect(machine)
    subscribe(machine, socket_id, "private-encrypted-a")
    machine.handle_timer(1.0, WALL)
    assert machine.generated == 0


def test_every_so_many_events_all_connections_are_cut() -> None:
    machine = server(rate=10.0, drop_every=2)
    connect(machine)
    say(machine, "pusher:subscribe", {"channel": "a"})
    machine.handle_timer(0.25, WALL)
    assert machine.take_effects()[-1] == Cut(1)
    assert machine.connections == []


def test_errors_and_closes_on_demand() -> None:
    machine = server()
    connect(machine)
    machine.report(4200, "so")
    machine.report(None, "there", channel="a")
    assert [error["data"] for error in heard(machine)] == [
        {"code": 4200, "message": "so"},
        {"code": None, "message": "there", "channel": "a"},
    ]
    machine.close_all(4202, "inactive", 0.0)
    assert machine.take_effects() == [CloseConn(1, 4202, "inactive")]


def test_users_signatures_are_checked() -> None:
    machine = server()
    socket_id = connect(machine)
    auth = sign_user("sandbox", SECRET, socket_id, '{"id":"u1"}')
    machine.receive(1, json.dumps({"event": "pusher:signin", "data": {"auth": auth, "user_data": '{"id":"u2"}'}}), 0.0)
    error, close = machine.take_effects()
    assert isinstance(error, SendTo)
    assert isinstance(close, CloseConn)
    assert close.code == 4009


# Settings


def test_everything_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        PusherSettings(
            key="",
            encryption_master_key="short",
            activity_timeout=0,
            rate=-1.0,
            max_messages=0,
            data_as="x",  # type: ignore[arg-type]  # what is wrong is the point
            refuse_by="x",  # type: ignore[arg-type]  # as above
            client_event_rate=0,
        )
    assert caught.value.problems == (
        "rate: must be 0 or more",
        "max_messages: must be a positive whole number",
        "key: must be a non-empty string",
        "encryption_master_key: must be 32 bytes in base64",
        "activity_timeout: must be a positive whole number",
        "data_as: must be one of 'text', 'object'",
        "refuse_by: must be one of 'subscription_error', 'internal', 'error', 'null', 'silence'",
        "client_event_rate: must be a positive whole number",
    )
