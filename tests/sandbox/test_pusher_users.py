"""Users and client events in the sandbox's Pusher, and its auth endpoint."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from pushwire.core.secrets import Secret
from pushwire.providers.pusher.signing import sign_channel, sign_user
from pushwire.sandbox.base import CloseConn, HttpCall
from pushwire.sandbox.pusher import PusherServer
from tests.sandbox.pusher_talk import MASTER, SECRET, Said, connect, data, heard, say, server, subscribe


def sign_in(machine: PusherServer, conn: int, user_id: str, *watched: str) -> list[Said]:
    socket_id = connect(machine, conn)
    user = json.dumps({"id": user_id, "watchlist": list(watched)})
    return say(machine, "pusher:signin", {"auth": sign_user("sandbox", SECRET, socket_id, user), "user_data": user}, conn)


def sightings(messages: list[Said]) -> list[tuple[str, list[str]]]:
    found = [message for message in messages if message["event"] == "pusher_internal:watchlist_events"]
    return [(event["name"], event["user_ids"]) for message in found for event in message["data"]["events"]]


def test_who_watches_is_told_who_comes_and_goes() -> None:
    machine = server()
    assert sightings(sign_in(machine, 1, "a", "b", "c")) == []
    sign_in_effects = sign_in(machine, 2, "b", "a")
    assert sightings(sign_in_effects) == [("online", ["a"])]


def test_a_watcher_hears_of_the_first_and_the_last_connection_of_a_user() -> None:
    machine = server()
    sign_in(machine, 1, "a", "b")
    socket_ids = {conn: connect(machine, conn) for conn in (2, 3)}
    user = '{"id":"b"}'
    told: list[tuple[str, list[str]]] = []
    for conn, socket_id in socket_ids.items():
        signed = {"auth": sign_user("sandbox", SECRET, socket_id, user), "user_data": user}
        machine.receive(conn, json.dumps({"event": "pusher:signin", "data": signed}), 0.0)
        told += sightings(heard(machine, 1))
    for conn in (2, 3):
        machine.disconnected(conn, 0.0)
        told += sightings(heard(machine, 1))
    assert told == [("online", ["b"]), ("offline", ["b"])]


def test_a_watchlist_has_100_users_at_most() -> None:
    messages = sign_in(server(), 1, "a", *(f"u{number}" for number in range(101)))
    assert [message["data"].get("code") for message in messages] == [None, 4302]


def test_a_user_is_written_to_on_a_channel_of_its_own() -> None:
    machine = server()
    sign_in(machine, 1, "a")
    [reply] = say(machine, "pusher:subscribe", {"channel": "#server-to-user-a"})
    assert reply["event"] == "pusher_internal:subscription_succeeded"
    [refused] = say(machine, "pusher:subscribe", {"channel": "#server-to-user-b"})
    assert refused["event"] == "pusher:subscription_error"
    machine.send_to_user("b", "ev", 1)
    machine.send_to_user("a", "ev", {"n": 1})
    assert heard(machine) == [{"event": "ev", "channel": "#server-to-user-a", "data": {"n": 1}}]


@pytest.mark.parametrize("signed", [{}, {"auth": "x"}, {"auth": "x", "user_data": 7}, {"auth": "x", "user_data": '{"id":"a"}'}])
def test_a_sign_in_without_a_fitting_signature_ends_the_connection(signed: Said) -> None:
    machine = server()
    connect(machine)
    machine.receive(1, json.dumps({"event": "pusher:signin", "data": signed}), 0.0)
    close = machine.take_effects()[-1]
    assert isinstance(close, CloseConn)
    assert (close.code, machine.refused) == (4009, 1)


def test_nor_does_a_user_without_an_id_get_in() -> None:
    machine = server(secret=None)
    connect(machine)
    machine.receive(1, json.dumps({"event": "pusher:signin", "data": {"auth": "x", "user_data": "{}"}}), 0.0)
    assert isinstance(machine.take_effects()[-1], CloseConn)


# Client events


def two(channel: str, **settings: Any) -> PusherServer:  # forwarded to the settings, which check them
    machine = server(**settings)
    for conn in (1, 2):
        subscribe(machine, connect(machine, conn), channel, conn, channel_data=data(conn) if "presence" in channel else None)
    return machine


@pytest.mark.parametrize("channel, sender", [("private-a", {}), ("presence-a", {"user_id": 1})])
def test_a_client_event_goes_to_the_others(channel: str, sender: Said) -> None:
    machine = two(channel)
    message = {"event": "client-x", "data": {"n": 1}, "channel": channel}
    machine.receive(1, json.dumps(message), 0.0)
    assert heard(machine, 2) == [{**message, **sender}]
    assert machine.client_events == 1


def test_its_sender_does_not_hear_it() -> None:
    machine = two("private-a")
    assert say(machine, "client-x", {}, channel="private-a") == []


@pytest.mark.parametrize(
    "channel, settings, target",
    [
        ("public", {}, "public"),
        ("private-encrypted-a", {"encryption_master_key": MASTER}, "private-encrypted-a"),
        ("private-a", {"client_events": False}, "private-a"),
        ("private-a", {}, "private-b"),
        ("private-a", {}, None),
    ],
)
def test_client_events_elsewhere_are_refused(channel: str, settings: Said, target: str | None) -> None:
    machine = two(channel, **settings)
    [error] = say(machine, "client-x", {}, channel=target)
    assert "only supported on private and presence channels" in error["data"]["message"]


def test_more_than_10_in_a_second_are_refused() -> None:
    machine = two("private-a")
    told = [say(machine, "client-x", {}, now=number * 0.05, channel="private-a") for number in range(11)]
    assert [len(messages) for messages in told] == [0] * 10 + [1]
    assert told[-1][0]["data"]["code"] == 4301
    assert told[-1][0]["data"]["channel"] == "private-a"
    assert say(machine, "client-x", {}, now=1.0, channel="private-a") == []


# The auth endpoint


def ask(machine: PusherServer, path: str, fields: Said, *, as_json: bool = False, method: str = "POST") -> tuple[int, Said]:
    kind, body = ("application/json; charset=utf-8", json.dumps(fields)) if as_json else ("", urlencode(fields))
    response = machine.http(HttpCall(method, path, {}, {"content-type": kind}, body.encode()), 0.0, 0.0)
    return response.status, json.loads(response.body)


@pytest.mark.parametrize("as_json", [True, False])
def test_the_endpoint_signs_what_it_is_asked_for(as_json: bool) -> None:
    machine = server()
    answer = ask(machine, "/pusher/auth", {"socket_id": "1.2", "channel_name": "private-a"}, as_json=as_json)
    assert answer == (200, {"auth": sign_channel("sandbox", SECRET, "1.2", "private-a")})
    assert machine.desk.granted == 1


def test_it_names_members_and_users_after_their_socket() -> None:
    machine = server()
    _, answer = ask(machine, "/pusher/auth", {"socket_id": "1.2", "channel_name": "presence-a"})
    assert json.loads(answer["channel_data"])["user_id"] == "user-1-2"
    assert answer["auth"] == sign_channel("sandbox", SECRET, "1.2", "presence-a", answer["channel_data"])
    _, answer = ask(machine, "/pusher/user-auth", {"socket_id": "1.2"})
    assert answer["auth"] == sign_user("sandbox", SECRET, "1.2", answer["user_data"])


def test_it_gives_the_key_of_an_encrypted_channel_where_there_is_one() -> None:
    fields = {"socket_id": "1.2", "channel_name": "private-encrypted-a"}
    assert "shared_secret" in ask(server(encryption_master_key=MASTER), "/pusher/auth", fields)[1]
    assert "shared_secret" not in ask(server(), "/pusher/auth", fields)[1]


@pytest.mark.parametrize(
    "path, fields, method, status",
    [
        ("/elsewhere", {}, "POST", 404),
        ("/pusher/auth", {}, "GET", 405),
        ("/pusher/auth", {}, "POST", 400),
        ("/pusher/auth", {"socket_id": "1.2"}, "POST", 400),
        ("/pusher/user-auth", {"socket_id": "1.2", "channel_name": "x"}, "POST", 400),
        ("/pusher/auth", {"socket_id": "1.2", "channel_name": "private-no"}, "POST", 403),
    ],
)
def test_it_refuses_the_rest(path: str, fields: Said, method: str, status: int) -> None:
    machine = server(forbidden=("private-no",))
    assert ask(machine, path, fields, method=method)[0] == status
    assert (len(machine.desk.refusals), machine.desk.granted) == (1, 0)


def test_an_endpoint_without_a_secret_signs_all_the_same() -> None:
    machine = server(secret=None)
    status, answer = ask(machine, "/pusher/auth", {"socket_id": "1.2", "channel_name": "private-a"})
    assert status == 200
    assert answer["auth"] != sign_channel("sandbox", Secret("None"), "1.2", "private-a")


@pytest.mark.parametrize("body", [b"\xff", b"[", b"[" * 100_000])
def test_a_body_that_cannot_be_read_is_refused(body: bytes) -> None:
    response = server().http(HttpCall("POST", "/pusher/auth", {}, {"content-type": "application/json"}, body), 0.0, 0.0)
    assert response.status == 400
