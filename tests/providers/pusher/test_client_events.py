"""Client events: who may send them, how they look, how fast they go."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pushwire.errors import CommandRefused, ConnectionLost, LocalProtocolError, NotReady
from pushwire.providers import pusher
from pushwire.testing import pusher as build
from tests.providers.pusher.harness import Client, signing


def nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


def listening(**settings: float) -> Client:
    client = Client(signing(**settings)).ready()
    client.subscribe("private-a")
    return client


@pytest.mark.parametrize(
    "data, sent",
    [
        ({"n": 1}, {"n": 1}),
        ('{"n":1}', {"n": 1}),
        ([1, None], [1, None]),
        ('"text"', "text"),
        (Decimal("1.5"), "1.5"),
        (7, 7),
    ],
)
def test_a_client_event_is_done_when_it_is_said(data: object, sent: object) -> None:
    client = listening()
    client.submit(pusher.Trigger("private-a", "client-typing", data))
    assert client.take_frames() == [{"event": "client-typing", "channel": "private-a", "data": sent}]
    assert client.the_reply() is None


def test_without_data_an_empty_object_is_sent() -> None:
    client = listening()
    client.submit(pusher.Trigger("private-a", "client-typing"))
    assert client.take_frames()[0]["data"] == {}


@pytest.mark.parametrize("channel", ["my-channel", "cache-a", "private-encrypted-a", "private-encrypted-cache-a"])
def test_only_private_and_presence_channels_that_are_not_encrypted_take_them(channel: str) -> None:
    with pytest.raises(LocalProtocolError, match="for private and presence channels that are not encrypted"):
        pusher.Trigger(channel, "client-x")


@pytest.mark.parametrize("event", ["typing", "client-", "", "Client-x", "pusher:ping", 7])
def test_their_names_begin_with_client(event: str) -> None:
    with pytest.raises(LocalProtocolError, match="must begin with 'client-' and a name"):
        pusher.Trigger("private-a", event)


def test_their_names_have_at_most_200_characters() -> None:
    assert len(pusher.Trigger("private-a", "client-" + "x" * 193).event) == 200
    with pytest.raises(LocalProtocolError, match="at most 200 characters"):
        pusher.Trigger("private-a", "client-" + "x" * 194)


@pytest.mark.parametrize("data", ["hello", "", "NaN", "{", '"\ud800"', "[" * 100_000])
def test_a_text_must_be_json_already(data: object) -> None:
    with pytest.raises(LocalProtocolError, match="data JSON text"):
        pusher.Trigger("private-a", "client-x", data)


@pytest.mark.parametrize("data", [object(), {"x": object()}, nested(100_000), {"x": "\ud800"}])
def test_a_value_must_be_one_that_json_can_say(data: object) -> None:
    with pytest.raises(LocalProtocolError, match="Trigger: "):
        pusher.Trigger("private-a", "client-x", data)


def test_a_name_must_be_one_that_can_be_sent() -> None:
    with pytest.raises(LocalProtocolError, match="must be UTF-8"):
        pusher.Trigger("private-a", "client-\ud800")


def test_data_is_bounded() -> None:
    client = listening(client_event_limit=100)
    client.submit(pusher.Trigger("private-a", "client-x", '"' + "\u00e9" * 49 + '"'))
    with pytest.raises(LocalProtocolError, match="at most 100 bytes"):
        client.submit(pusher.Trigger("private-a", "client-x", '"' + "\u00e9" * 49 + 'x"'))


def test_the_limit_of_data_is_10_kilobytes() -> None:
    client = listening()
    client.submit(pusher.Trigger("private-a", "client-x", '"' + "x" * 10_238 + '"'))
    with pytest.raises(LocalProtocolError, match="at most 10240 bytes"):
        client.submit(pusher.Trigger("private-a", "client-x", '"' + "x" * 10_239 + '"'))


def test_they_go_out_after_the_subscription_succeeded() -> None:
    client = Client(signing()).ready()
    with pytest.raises(LocalProtocolError, match="private-a is not subscribed to, or not yet"):
        client.submit(pusher.Trigger("private-a", "client-x"))
    client.submit(pusher.Subscribe("private-a"))
    with pytest.raises(LocalProtocolError, match="not yet"):
        client.submit(pusher.Trigger("private-a", "client-x"))
    client.receive(build.subscribed("private-a"))
    client.submit(pusher.Trigger("private-a", "client-x"))


def test_while_down_they_fail() -> None:
    client = listening()
    client.closed()
    client.submit(pusher.Trigger("private-a", "client-x"))
    client.the_error(NotReady)


def test_after_a_reconnect_they_wait_for_their_channel() -> None:
    client = listening(backoff_first=0.1)
    client.reconnect()
    with pytest.raises(LocalProtocolError, match="not yet"):
        client.submit(pusher.Trigger("private-a", "client-x"))


def test_no_more_than_10_go_out_in_any_second() -> None:
    client = listening()
    for number in range(40):
        client.submit(pusher.Trigger("private-a", "client-x", number))
    times = [0.0] * len(client.take_frames())
    while len(times) < 40:
        client.advance(client.machine.next_deadline() - client.now)
        times += [client.now] * len(client.take_frames())
    assert all(later - first > 1.0 for first, later in zip(times, times[10:], strict=False))
    assert times[-1] < 4.5


def test_other_commands_do_not_wait_behind_them() -> None:
    client = listening()
    for _ in range(3):
        client.submit(pusher.Trigger("private-a", "client-x"))
    client.submit(pusher.Subscribe("my-channel"))
    assert client.names() == ["client-x", "pusher:subscribe my-channel"]


def test_what_waits_for_its_turn_when_its_channel_is_given_up_is_refused() -> None:
    client = listening()
    for _ in range(2):
        client.submit(pusher.Trigger("private-a", "client-x"))
    client.submit(pusher.Unsubscribe("private-a"))
    client.take_settled()
    client.advance(1.0)
    assert client.the_error(CommandRefused).text == "private-a is no longer subscribed to"


def test_what_waits_for_its_turn_when_the_connection_ends_never_left() -> None:
    client = listening()
    for _ in range(2):
        client.submit(pusher.Trigger("private-a", "client-x"))
    client.take_settled()
    client.closed()
    assert client.the_error(ConnectionLost).sent == "no"


def test_a_server_that_finds_them_too_fast_says_so() -> None:
    client = listening()
    client.submit(pusher.Trigger("private-a", "client-x"))
    client.receive(build.error(4301, "The rate limit for sending client events exceeded the quota.", "private-a"))
    error = client.the_event(pusher.PeerError)
    assert (error.code, error.channel) == (4301, "private-a")
