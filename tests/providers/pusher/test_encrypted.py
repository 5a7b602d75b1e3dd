"""Encrypted channels: deciphered, the key asked for once more where it does not fit."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import pytest

from pushwire.core.events import Gap
from pushwire.core.secrets import Secret
from pushwire.errors import LocalProtocolError
from pushwire.providers import pusher
from pushwire.providers.pusher import deciphering, encryption
from pushwire.providers.pusher.signing import shared_secret
from pushwire.testing import pusher as build
from tests.providers.harness import expect
from tests.providers.pusher.harness import Client, asking, signing

CHANNEL = "private-encrypted-a"
OLD, NEW = bytes(range(32)), bytes(range(1, 33))


def granted(key: bytes) -> Mapping[str, str]:
    return {"auth": "k:x", "shared_secret": base64.b64encode(key).decode()}


def sealed(key: bytes, text: str, name: str = "ev", channel: str = CHANNEL) -> str:
    data = encryption.encrypt(key, text, bytes(24))
    return build.message(name, data, channel, data_as="object")


def listening(**settings: float) -> Client:
    """A ready client that has a channel with the old key."""
    client = Client(asking(**settings)).ready()
    client.submit(pusher.Subscribe(CHANNEL))
    client.respond(200, granted(OLD))
    client.receive(build.subscribed(CHANNEL))
    client.take_settled()
    client.frames.clear()
    return client


def told(client: Client) -> list[object]:
    """The events: the data of those that were deciphered, the names of those that were not."""
    return [
        event.data if isinstance(event, pusher.ChannelEvent) else expect(pusher.Undecipherable, event).event
        for event in client.take_events()
    ]


@pytest.mark.parametrize("text, data", [('{"n":"hello world"}', {"n": "hello world"}), ("Hello!", "Hello!"), ("", "")])
def test_an_event_is_deciphered(text: str, data: object) -> None:
    client = listening()
    client.receive(sealed(OLD, text))
    event = client.the_event(pusher.ChannelEvent)
    assert (event.channel, event.event, event.data, event.raw) == (CHANNEL, "ev", data, sealed(OLD, text))


def test_a_key_made_from_the_master_key_opens_as_well() -> None:
    master = base64.b64decode("OHRXNUZRTG5pUTFzQlFGd3J3N3Q2VFZFc0paZDEweVk=")
    client = Client(signing(encryption_master_key=Secret(base64.b64encode(master).decode()))).ready()
    for channel in ("private-encrypted-channel", "private-encrypted-cache-channel"):
        client.subscribe(channel)
        client.receive(sealed(shared_secret(channel, master), '{"n":1}', channel=channel))
        assert told(client) == [{"n": 1}]
    client.receive(sealed(NEW, "x", channel="private-encrypted-channel"))
    assert told(client) == ["ev"], "there is no other key to be had"
    assert client.fetches == []


def test_the_protocols_own_events_are_not_encrypted() -> None:
    client = listening()
    client.receive(build.cache_miss(CHANNEL), build.subscription_count(CHANNEL, 2))
    assert [type(event) for event in client.take_events()] == [pusher.CacheMiss, pusher.SubscriptionCount]


def test_a_key_that_does_not_fit_is_asked_for_once_more_and_what_follows_waits_its_turn() -> None:
    client = listening()
    client.receive(sealed(NEW, "1"), sealed(NEW, "2"), sealed(OLD, "3"))
    client.receive(sealed(NEW, "4"))
    assert client.take_events() == []
    assert len(client.fetches) == 1
    client.now = 3.0
    client.respond(200, granted(NEW))
    assert told(client) == [1, 2, "ev", 4]
    client.receive(sealed(NEW, "5"))
    assert told(client) == [5]


def test_what_was_held_says_when_it_was_received() -> None:
    client = listening()
    client.now = 1.0
    client.receive(sealed(NEW, "1"))
    client.now = 3.0
    client.respond(200, granted(NEW))
    assert client.the_event(pusher.ChannelEvent).received == 1.0


@pytest.mark.parametrize("status, body", [(403, {}), (500, {}), (200, "odd"), (200, {"auth": "k:x"}), (200, granted(OLD))])
def test_what_no_key_opens_is_dropped_by_name(status: int, body: object) -> None:
    client = listening()
    client.receive(sealed(NEW, "1", "changed"))
    client.respond(status, body)
    event = client.the_event(pusher.Undecipherable)
    assert (event.channel, event.event, event.raw) == (CHANNEL, "changed", sealed(NEW, "1", "changed"))
    assert event.reason.startswith("not opened by the channel's key: ")
    client.receive(sealed(OLD, "2"))
    assert told(client) == [2], "the old key is kept"


def test_a_key_that_cannot_be_fetched_leaves_the_old_one() -> None:
    client = listening()
    client.receive(sealed(NEW, "1"), sealed(OLD, "2"))
    client.fail(OSError("no route"))
    assert told(client) == ["ev", 2]


@pytest.mark.parametrize("status, body", [(200, granted(NEW)), (403, {})])
def test_what_is_held_for_a_channel_that_is_given_up_is_nobodys(status: int, body: object) -> None:
    client = listening()
    client.receive(sealed(NEW, "1"))
    client.submit(pusher.Unsubscribe(CHANNEL))
    client.respond(status, body)
    assert client.take_events() == []


def test_a_peer_cannot_have_us_ask_for_each_of_its_messages() -> None:
    client = listening()
    client.receive(sealed(NEW, "1"))
    client.respond(200, granted(OLD))
    client.receive(sealed(NEW, "2"), sealed(NEW, "3"))
    assert client.fetches == []
    assert told(client) == ["ev"] * 3
    client.now = deciphering.KEY_EVERY
    client.receive(sealed(NEW, "4"))
    client.respond(200, granted(NEW))
    assert told(client) == [4]


def test_so_many_wait_for_a_key_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciphering, "HOLD", 2)
    client = listening()
    client.receive(sealed(NEW, "1"), sealed(NEW, "2"), sealed(NEW, "3"))
    assert client.the_event(pusher.Undecipherable).reason == "2 others wait for the channel's key"
    client.respond(200, granted(NEW))
    assert told(client) == [1, 2]


@pytest.mark.parametrize("data", [None, "plain text", {"nonce": "x"}, {"message": "not encrypted"}])
def test_what_is_not_encrypted_is_not_delivered_as_if_it_were(data: object) -> None:
    client = listening()
    client.receive(build.event(CHANNEL, data=data))
    client.respond(403)
    assert told(client) == ["ev"]


def test_what_waits_for_a_key_when_the_connection_ends_is_told_and_the_key_comes_too_late() -> None:
    client = listening(backoff_first=0.1)
    client.receive(sealed(NEW, "1"))
    client.reconnect()
    assert [event for event in client.take_events() if isinstance(event, pusher.Undecipherable | Gap)] == [
        pusher.Undecipherable(0.0, CHANNEL, "ev", "the connection ended before the channel's key came", sealed(NEW, "1"))
    ]
    client.respond(200, granted(NEW))
    assert client.take_events() == []
    client.respond(200, granted(OLD))
    client.receive(build.subscribed(CHANNEL), sealed(OLD, "2"))
    assert client.take_events()[-1:] != []
    client.receive(sealed(OLD, "3"))
    assert told(client) == [3]


def test_events_that_come_before_the_key_are_told() -> None:
    client = Client(asking()).ready()
    client.submit(pusher.Subscribe(CHANNEL))
    client.receive(sealed(OLD, "1"))
    client.respond(200, granted(OLD))
    client.respond(403)
    assert told(client) == [1]


def test_without_pynacl_an_encrypted_channel_is_refused_before_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pushwire.providers.pusher.dialect.available", lambda: False)
    client = Client(asking()).ready()
    with pytest.raises(LocalProtocolError, match=r"encrypted channels need PyNaCl: install pushwire\[pusher\]"):
        client.submit(pusher.Subscribe(CHANNEL))
