"""The sandbox's Pusher: connections, subscriptions, refusals, members."""

from __future__ import annotations

import json

import pytest

from pushwire.errors import LocalProtocolError
from pushwire.providers.pusher.signing import sign_channel, sign_user
from pushwire.sandbox.base import Accept, CloseConn, ConnectRequest, SendTo
from tests.sandbox.pusher_talk import MASTER, SECRET, WALL, Said, connect, data, heard, say, server, subscribe

# Connections


def test_a_connection_is_greeted_with_a_socket_of_its_own() -> None:
    machine = server(activity_timeout=30)
    machine.connect(1, ConnectRequest("/app/sandbox", {"protocol": "7"}), 0.0, WALL)
    [greeting] = heard(machine)
    assert greeting["data"]["activity_timeout"] == 30
    assert connect(machine, 2) != greeting["data"]["socket_id"]
    assert machine.connections == [1, 2]


@pytest.mark.parametrize(
    "settings, path, query, code",
    [
        ({"tls_only": True}, "/app/sandbox", {"protocol": "7"}, 4000),
        ({}, "/app/other", {"protocol": "7"}, 4001),
        ({"enabled": False}, "/app/sandbox", {"protocol": "7"}, 4003),
        ({"quota": 1}, "/app/sandbox", {"protocol": "7"}, 4004),
        ({}, "/other", {"protocol": "7"}, 4005),
        ({}, "/app/sandbox", {"protocol": "7", "version": "x"}, 4006),
        ({}, "/app/sandbox", {"protocol": "99"}, 4007),
        ({}, "/app/sandbox", {}, 4008),
        ({"capacity": 1}, "/app/sandbox", {"protocol": "7"}, 4100),
    ],
)
def test_a_connection_is_refused_with_its_code(settings: Said, path: str, query: dict[str, str], code: int) -> None:
    machine = server(**settings)
    if settings in ({"quota": 1}, {"capacity": 1}):
        connect(machine, 9)
    assert machine.connect(1, ConnectRequest(path, query), 0.0, WALL) == Accept()
    error, close = machine.take_effects()
    assert isinstance(error, SendTo)
    assert json.loads(json.loads(error.text)["data"])["code"] == code
    assert isinstance(close, CloseConn)
    assert close.code == code


def test_a_reverb_leaves_the_closing_to_the_client() -> None:
    machine = server(enabled=False, errors="error", data_as="object")
    machine.connect(1, ConnectRequest("/app/sandbox", {"protocol": "7"}), 0.0, WALL)
    [error] = machine.take_effects()
    assert isinstance(error, SendTo)
    assert json.loads(error.text)["data"] == {"code": 4003, "message": "Application disabled"}


def test_a_soketi_asks_for_no_protocol() -> None:
    machine = server(protocol=None)
    machine.connect(1, ConnectRequest("/app/sandbox"), 0.0, WALL)
    assert heard(machine)[0]["event"] == "pusher:connection_established"


def test_pings_are_answered() -> None:
    machine = server()
    connect(machine)
    assert say(machine, "pusher:ping", {}) == [{"event": "pusher:pong", "data": {}}]
    assert say(machine, "pusher:pong", {}) == []


def test_a_silent_client_is_pinged_and_then_left() -> None:
    machine = server(ping_every=60.0, idle_after=90.0)
    connect(machine)
    assert machine.next_deadline() == 60.0
    machine.handle_timer(60.0, WALL + 60)
    assert heard(machine) == [{"event": "pusher:ping", "data": {}}]
    assert machine.next_deadline() == 90.0
    machine.handle_timer(90.0, WALL + 90)
    [close] = machine.take_effects()
    assert isinstance(close, CloseConn)
    assert close.code == 4201
    assert machine.connections == []


def test_a_client_that_speaks_is_left_alone_and_one_that_was_never_pinged_goes_with_4202() -> None:
    machine = server(idle_after=90.0)
    connect(machine)
    say(machine, "pusher:ping", {}, now=50.0)
    machine.handle_timer(90.0, WALL + 90)
    assert machine.take_effects() == []
    machine.handle_timer(140.0, WALL + 140)
    [close] = machine.take_effects()
    assert isinstance(close, CloseConn)
    assert close.code == 4202


@pytest.mark.parametrize(
    "message", ["", "[]", b"\xff", "{}", '{"event":"other"}', "[" * 100_000, '{"event":"x","data":%s}' % ("1" * 5000)]
)
def test_garbage_is_answered_with_4200_and_closes_nothing(message: str | bytes) -> None:
    machine = server()
    connect(machine)
    machine.receive(1, message, 0.0)
    [error] = heard(machine)
    assert error["data"]["code"] == 4200
    assert machine.connections == [1]


def test_or_with_nothing() -> None:
    machine = server(garbage="silence")
    connect(machine)
    machine.receive(1, "[]", 0.0)
    assert machine.take_effects() == []


def test_who_is_not_connected_is_not_listened_to() -> None:
    machine = server()
    machine.receive(1, "{}", 0.0)
    machine.disconnected(1, 0.0)
    assert machine.take_effects() == []


# Subscriptions


def test_a_public_channel_is_everybodys() -> None:
    machine = server()
    connect(machine)
    [reply] = say(machine, "pusher:subscribe", {"channel": "a"})
    assert reply == {"event": "pusher_internal:subscription_succeeded", "channel": "a", "data": {}}
    machine.publish("a", "ev", {"n": 1}, 1.0)
    assert heard(machine) == [{"event": "ev", "channel": "a", "data": {"n": 1}}]
    say(machine, "pusher:unsubscribe", {"channel": "a"})
    machine.publish("a", "ev", {"n": 2}, 1.0)
    assert heard(machine) == []
    assert [sent.serial for sent in machine.sent] == [1, 2]


def test_a_signature_must_be_of_this_socket_and_channel() -> None:
    machine = server()
    socket_id = connect(machine)
    assert subscribe(machine, socket_id, "private-a")[0]["event"] == "pusher_internal:subscription_succeeded"
    [refused] = subscribe(machine, "1.1", "private-b")
    assert refused["event"] == "pusher:subscription_error"
    assert refused["data"] == {"type": "AuthError", "error": "The connection is unauthorized.", "status": 401}
    assert machine.refused == 1
    assert list(machine.channels) == ["private-a"]


@pytest.mark.parametrize("data", [{}, {"auth": 7}, {"auth": "x", "channel_data": 7}])
def test_a_private_channel_needs_one(data: Said) -> None:
    machine = server()
    connect(machine)
    [refused] = say(machine, "pusher:subscribe", {"channel": "private-a", **data})
    assert refused["event"] == "pusher:subscription_error"


def test_without_a_secret_any_signature_will_do() -> None:
    machine = server(secret=None)
    connect(machine)
    [reply] = say(machine, "pusher:subscribe", {"channel": "private-a", "auth": "x"})
    assert reply["event"] == "pusher_internal:subscription_succeeded"


@pytest.mark.parametrize(
    "refuse_by, event, code",
    [
        ("subscription_error", "pusher:subscription_error", None),
        ("internal", "pusher_internal:subscription_error", None),
        ("error", "pusher:error", 4009),
        ("null", "pusher:error", None),
    ],
)
def test_servers_refuse_in_different_ways(refuse_by: str, event: str, code: int | None) -> None:
    machine = server(refuse_by=refuse_by)
    connect(machine)
    [refused] = say(machine, "pusher:subscribe", {"channel": "private-a", "auth": "x"})
    assert refused["event"] == event
    assert refused["data"].get("code") == code


def test_some_refuse_in_silence() -> None:
    machine = server(refuse_by="silence")
    connect(machine)
    assert say(machine, "pusher:subscribe", {"channel": "private-a", "auth": "x"}) == []


@pytest.mark.parametrize("channel", ["", "a b", "x" * 201, 7, None])
def test_a_bad_name_is_refused(channel: object) -> None:
    machine = server()
    connect(machine)
    [refused] = say(machine, "pusher:subscribe", {"channel": channel})
    assert (refused["event"], refused["data"]["status"]) == ("pusher:subscription_error", 4009)


def test_what_is_done_twice_is_an_error_without_a_code() -> None:
    machine = server()
    connect(machine)
    say(machine, "pusher:subscribe", {"channel": "a"})
    [error] = say(machine, "pusher:subscribe", {"channel": "a"})
    assert error["data"] == {"code": None, "message": "Existing subscription to channel a"}
    [error] = say(machine, "pusher:unsubscribe", {"channel": "b"})
    assert error["data"]["message"] == "No current subscription to channel b, cannot unsubscribe"


def test_or_it_is_no_matter() -> None:
    machine = server(duplicates="consent")
    connect(machine)
    say(machine, "pusher:subscribe", {"channel": "a"})
    assert say(machine, "pusher:subscribe", {"channel": "a"})[0]["event"] == "pusher_internal:subscription_succeeded"
    assert say(machine, "pusher:unsubscribe", {"channel": "b"}) == []
    assert say(machine, "pusher:unsubscribe", {"channel": 7}) == []


def test_how_many_listen_is_told_where_it_is_switched_on() -> None:
    machine = server(subscription_counts=True)
    connect(machine)
    assert say(machine, "pusher:subscribe", {"channel": "a"})[1]["data"] == {"subscription_count": 1}
    connect(machine, 2)
    say(machine, "pusher:subscribe", {"channel": "a"}, 2)
    machine.disconnected(1, 0.0)
    [count] = heard(machine, 2)
    assert (count["event"], count["data"]) == ("pusher_internal:subscription_count", {"subscription_count": 1})


@pytest.mark.parametrize("channel", ["cache-a", "private-cache-a", "private-encrypted-cache-a"])
def test_a_cache_channel_begins_with_its_last_event(channel: str) -> None:
    machine = server(encryption_master_key=MASTER, cache_for=100.0)
    socket_id = connect(machine)
    assert subscribe(machine, socket_id, channel)[1] == {"event": "pusher:cache_miss", "channel": channel}
    machine.publish(channel, "ev", {"n": 1}, 1.0)
    machine.disconnected(1, 2.0)
    machine.take_effects()
    socket_id = connect(machine, 2, 50.0)
    assert subscribe(machine, socket_id, channel, 2, 50.0)[1]["event"] == "ev"
    socket_id = connect(machine, 3, 102.0)
    assert subscribe(machine, socket_id, channel, 3, 102.0)[1]["event"] == "pusher:cache_miss"


def test_an_encrypted_channel_needs_a_master_key() -> None:
    with pytest.raises(LocalProtocolError, match="private-encrypted-a needs encryption_master_key"):
        server().publish("private-encrypted-a", "ev", "x", 0.0)


# Presence


def test_members_are_told_to_each_other_once_a_user() -> None:
    machine = server()
    socket_id = connect(machine)
    [first] = subscribe(machine, socket_id, "presence-a", channel_data=data(1))
    assert first["data"] == {"presence": {"ids": [1], "hash": {"1": {"n": 1}}, "count": 1}}
    for conn in (2, 3):
        socket_id = connect(machine, conn)
        machine.receive(
            conn,
            json.dumps(
                {
                    "event": "pusher:subscribe",
                    "data": {
                        "channel": "presence-a",
                        "channel_data": data("x"),
                        "auth": sign_channel("sandbox", SECRET, socket_id, "presence-a", data("x")),
                    },
                }
            ),
            0.0,
        )
        told = [effect for effect in machine.take_effects() if isinstance(effect, SendTo) and effect.conn == 1]
        assert len(told) == (1 if conn == 2 else 0)
    machine.disconnected(2, 0.0)
    assert heard(machine) == []
    machine.disconnected(3, 0.0)
    [gone] = heard(machine)
    assert (gone["event"], gone["data"]) == ("pusher_internal:member_removed", {"user_id": "x"})


@pytest.mark.parametrize("channel_data", [None, "odd", "{}"])
def test_a_member_must_say_who_it_is(channel_data: str | None) -> None:
    machine = server()
    socket_id = connect(machine)
    [refused] = subscribe(machine, socket_id, "presence-a", channel_data=channel_data)
    assert refused["event"] == "pusher:subscription_error"
    assert machine.channels == {}


def test_a_presence_channel_takes_100_members() -> None:
    machine = server()
    replies = [subscribe(machine, connect(machine, conn), "presence-a", conn, channel_data=data(conn)) for conn in range(101)]
    assert [reply[0]["event"] for reply in replies[-2:]] == [
        "pusher_internal:subscription_succeeded",
        "pusher:subscription_error",
    ]


def test_who_is_signed_in_needs_to_say_nothing() -> None:
    machine = server()
    socket_id = connect(machine)
    user = '{"id":"u1"}'
    say(machine, "pusher:signin", {"auth": sign_user("sandbox", SECRET, socket_id, user), "user_data": user})
    [reply] = subscribe(machine, socket_id, "presence-a")
    assert reply["data"]["presence"]["ids"] == ["u1"]
