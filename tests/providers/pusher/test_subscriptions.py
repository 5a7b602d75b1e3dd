"""Subscribing and unsubscribing: what is sent, what answers it, what is restored."""

from __future__ import annotations

import pytest

from pushwire.core.commands import Leave
from pushwire.core.effects import Close
from pushwire.core.events import Gap, Stale, SubscriptionRefused, Unrecognized
from pushwire.errors import CommandRefused, LocalProtocolError, ReplyTimeout
from pushwire.providers import pusher
from pushwire.providers.gelabs import GetTransaction
from pushwire.testing import pusher as build
from tests.providers.harness import expect
from tests.providers.pusher.harness import Client, config, signing

QUICK = {"backoff_first": 0.1}


def told(client: Client) -> list[str]:
    """The events not taken yet, by their types, but for those of the connection."""
    return [type(event).__name__ for event in client.take_events() if type(event).__name__ not in {"Up", "Down", "Gap"}]


# Public channels


def test_a_public_channel_is_asked_for_by_its_name_alone() -> None:
    client = Client().ready()
    client.submit(pusher.Subscribe("my-channel"))
    assert client.take_frames() == [{"event": "pusher:subscribe", "data": {"channel": "my-channel"}}]
    client.receive(build.subscribed("my-channel"))
    assert client.the_reply() == pusher.Subscribed("my-channel")
    assert client.take_events() == []


@pytest.mark.parametrize(
    "data", ['"{}"', "{}", '""', "null", '"not json"', "[1]"], ids=["text", "object", "empty", "null", "plain", "list"]
)
def test_the_data_of_a_success_does_not_matter(data: str) -> None:
    client = Client().ready()
    client.submit(pusher.Subscribe("my-channel"))
    client.receive(f'{{"event":"pusher_internal:subscription_succeeded","channel":"my-channel","data":{data}}}')
    assert client.the_reply() == pusher.Subscribed("my-channel")
    assert client.take_events() == []


def test_a_success_may_have_no_data_at_all() -> None:
    client = Client().ready()
    client.submit(pusher.Subscribe("my-channel"))
    client.receive('{"event":"pusher_internal:subscription_succeeded","channel":"my-channel"}')
    assert client.the_reply() == pusher.Subscribed("my-channel")


def test_a_channel_that_is_subscribed_to_is_not_asked_for_again() -> None:
    # soketi consents again, Pusher answers with an error that names no channel.
    client = Client().ready()
    client.subscribe("my-channel")
    client.submit(pusher.Subscribe("my-channel"))
    assert client.frames == []
    assert client.the_reply() == pusher.Subscribed("my-channel")


def test_two_who_ask_at_the_same_time_are_answered_by_one_subscription() -> None:
    client = Client().ready()
    client.submit(pusher.Subscribe("my-channel"))
    client.submit(pusher.Subscribe("my-channel"))
    assert client.names() == ["pusher:subscribe my-channel"]
    client.receive(build.subscribed("my-channel"))
    assert [settled.reply for settled in client.take_settled()] == [pusher.Subscribed("my-channel")] * 2
    assert client.frames == []


def test_channels_are_answered_by_their_names_whatever_the_order() -> None:
    client = Client().ready()
    first, second = client.submit(pusher.Subscribe("a")), client.submit(pusher.Subscribe("b"))
    client.receive(build.subscribed("b"), build.subscribed("a"))
    assert [settled.ticket for settled in client.take_settled()] == [second, first]


@pytest.mark.parametrize("message", [build.subscribed("other"), build.message("pusher_internal:subscription_succeeded", {})])
def test_a_success_that_nobody_asked_for_answers_nobody(message: str) -> None:
    client = Client().ready()
    client.submit(pusher.Subscribe("my-channel"))
    client.receive(message)
    assert told(client) in (["Unrecognized"], ["Malformed"])
    assert client.settled == []


def test_another_providers_command_is_refused() -> None:
    client = Client().ready()
    with pytest.raises(LocalProtocolError, match="GetTransaction is not a Pusher command"):
        client.submit(GetTransaction("ethereum", 1, "0x1"))


# Refusals


@pytest.mark.parametrize("name", ["pusher:subscription_error", "pusher_internal:subscription_error"])
def test_a_subscription_error_refuses_the_channel_it_names(name: str) -> None:
    client = Client(signing()).ready()
    client.submit(pusher.Subscribe("private-a"))
    client.submit(pusher.Subscribe("private-b"))
    client.receive(build.subscription_error("private-b", 401, "The connection is unauthorized.", name=name))
    error = client.the_error(CommandRefused)
    assert (error.command, error.code, error.text) == ("Subscribe", 401, "The connection is unauthorized.")
    assert client.take_events() == []


@pytest.mark.parametrize(
    "data, code, text",
    [
        ({"type": "LimitReached", "error": "Too many channels", "status": 4100}, 4100, "Too many channels"),
        ({"error": "The channel name is longer than 200", "status": 4009}, 4009, "The channel name is longer than 200"),
        ({"type": "AuthError"}, None, "AuthError"),
        ({}, None, "no reason given"),
        (None, None, "no reason given"),
        ({"status": "401"}, None, "no reason given"),
        (["what"], None, "no reason given"),
    ],
)
def test_a_subscription_error_says_what_it_can(data: object, code: int | None, text: str) -> None:
    client = Client().ready()
    client.submit(pusher.Subscribe("my-channel"))
    client.receive(build.message("pusher:subscription_error", data, "my-channel", data_as="object"))
    error = client.the_error(CommandRefused)
    assert (error.code, error.text) == (code, text)


def test_a_subscription_error_that_names_no_channel_is_malformed() -> None:
    client = Client().ready()
    client.submit(pusher.Subscribe("my-channel"))
    client.receive(build.message("pusher:subscription_error", {"status": 401}))
    assert told(client) == ["Malformed"]
    assert client.settled == []


def test_a_subscription_error_of_what_nobody_asks_for_is_told() -> None:
    client = Client().ready()
    client.receive(build.subscription_error("my-channel"))
    client.the_event(Unrecognized)


@pytest.mark.parametrize("data_as", ["text", "object"])
def test_an_error_4009_without_a_channel_refuses_the_oldest_private_subscription(data_as: build.DataAs) -> None:
    client = Client(signing()).ready()
    client.submit(pusher.Subscribe("public"))
    client.submit(pusher.Subscribe("private-a"))
    client.submit(pusher.Subscribe("private-b"))
    client.receive(build.error(4009, "Connection is unauthorized", data_as=data_as))
    error = client.the_error(CommandRefused)
    assert (error.code, error.text) == (4009, "Connection is unauthorized")
    client.receive(build.subscribed("private-b"), build.subscribed("public"))
    assert [settled.error for settled in client.take_settled()] == [None, None]
    assert client.take_events() == []


def test_an_error_without_a_code_refuses_the_channel_that_it_names_in_words() -> None:
    client = Client(signing()).ready()
    for channel in ("private-a", "private-a.b", "private-b"):
        client.submit(pusher.Subscribe(channel))
    digest = "Invalid signature: Expected HMAC SHA256 hex digest of 1234.1234:private-a.b, but got 00"
    client.receive(build.error(None, digest))
    (settled,) = client.take_settled()
    assert expect(CommandRefused, settled.error).text == digest
    client.receive(build.subscribed("private-a"), build.subscribed("private-b"))
    assert [settled.error for settled in client.take_settled()] == [None, None]


def test_an_error_without_words_refuses_the_oldest() -> None:
    client = Client(signing()).ready()
    client.submit(pusher.Subscribe("private-a"))
    client.receive(build.error(None, None))
    assert client.the_error(CommandRefused).text == "no reason given"


@pytest.mark.parametrize(
    "code, text, channel",
    [
        (4200, "Invalid message format", None),
        (4301, "too fast", None),
        (None, "No current subscription to channel private-gone, cannot unsubscribe", None),
        (None, "Existing subscription to channel private-joined", None),
        (None, "Invalid signature: Expected HMAC SHA256 hex digest of 1.1::user::{}, but got 00", None),
        (4009, "no", "private-joined"),
    ],
)
def test_an_error_about_something_else_refuses_no_subscription(code: int | None, text: str, channel: str | None) -> None:
    client = Client(signing()).ready()
    client.subscribe("private-joined")
    client.submit(pusher.Subscribe("private-a"))
    client.receive(build.error(code, text, channel))
    assert client.settled == []
    assert client.the_event(pusher.PeerError).text == text


def test_an_error_that_names_a_pending_channel_refuses_it_whatever_its_code() -> None:
    client = Client(signing()).ready()
    client.submit(pusher.Subscribe("private-a"))
    client.receive(build.error(4301, "not now", "private-a"))
    assert client.the_error(CommandRefused).code == 4301


@pytest.mark.parametrize("channel, members", [("my-channel", None), ("presence-x", {})])
def test_an_existing_subscription_is_as_good_as_a_new_one(channel: str, members: dict[str, pusher.Member] | None) -> None:
    client = Client(signing()).ready()
    client.submit(pusher.Subscribe(channel, '{"user_id":"me"}' if members is not None else None))
    client.receive(build.error(None, f"Existing subscription to channel {channel}"))
    assert client.the_reply() == pusher.Subscribed(channel, members, "me" if members is not None else None)
    client.receive(build.event(channel))
    assert told(client)[-1] == "ChannelEvent"


def test_silence_refuses_a_subscription_and_keeps_the_connection() -> None:
    client = Client(signing()).ready()
    client.submit(pusher.Subscribe("private-a"))
    client.advance(10.0)
    assert str(client.the_error(ReplyTimeout)) == "no reply to Subscribe within 10 s"
    assert client.hangups == []
    client.submit(pusher.Subscribe("private-b"))
    client.receive(build.subscribed("private-b"))
    assert client.the_reply() == pusher.Subscribed("private-b")


def test_a_consent_that_comes_too_late_is_given_back() -> None:
    client = Client(signing()).ready()
    client.submit(pusher.Subscribe("private-a"))
    client.advance(10.0)
    client.names()
    client.receive(build.subscribed("private-a"), build.event("private-a"))
    assert client.names() == ["pusher:unsubscribe private-a"]
    assert client.take_events() == []
    client.receive(build.subscribed("private-a"))
    client.the_event(Unrecognized)


# Unsubscribing


def test_unsubscribing_is_done_when_it_is_said() -> None:
    client = Client().ready()
    client.subscribe("my-channel")
    client.submit(pusher.Unsubscribe("my-channel"))
    assert client.take_frames() == [{"event": "pusher:unsubscribe", "data": {"channel": "my-channel"}}]
    assert client.the_reply() is None


def test_what_still_comes_on_a_channel_that_was_given_up_is_nobodys() -> None:
    client = Client(signing()).ready()
    client.subscribe("presence-a", '{"user_id":"me"}', {"me": None})
    client.take_events()
    client.submit(pusher.Unsubscribe("presence-a"))
    client.receive(build.event("presence-a"), build.member_added("presence-a", "x"), build.subscription_count("presence-a", 1))
    assert client.take_events() == []


def test_what_was_never_subscribed_to_needs_no_words() -> None:
    client = Client().ready()
    client.submit(pusher.Unsubscribe("my-channel"))
    assert client.frames == []
    assert client.the_reply() is None


def test_unsubscribing_while_the_subscription_is_pending_waits_for_its_answer() -> None:
    client = Client().ready()
    client.submit(pusher.Subscribe("my-channel"))
    client.submit(pusher.Unsubscribe("my-channel"))
    assert client.names() == ["pusher:subscribe my-channel"]
    client.receive(build.subscribed("my-channel"), build.event("my-channel"))
    assert client.names() == ["pusher:unsubscribe my-channel"]
    assert [settled.error for settled in client.take_settled()] == [None, None]
    assert client.take_events() == []


def test_a_channel_can_be_had_again_after_it_was_given_up_while_pending() -> None:
    client = Client().ready()
    for command in (pusher.Subscribe("a"), pusher.Unsubscribe("a"), pusher.Subscribe("a")):
        client.submit(command)
    client.receive(build.subscribed("a"))
    assert client.names() == ["pusher:subscribe a", "pusher:unsubscribe a", "pusher:subscribe a"]
    client.receive(build.subscribed("a"), build.event("a"))
    assert told(client) == ["ChannelEvent"]


def test_the_last_to_leave_unsubscribes() -> None:
    client = Client().ready()
    client.subscribe("my-channel")
    client.submit(pusher.Subscribe("my-channel"))
    client.submit(Leave(pusher.Subscribe("my-channel")))
    assert client.frames == []
    client.submit(Leave(pusher.Subscribe("my-channel")))
    assert client.names() == ["pusher:unsubscribe my-channel"]


# Reconnects


def test_channels_are_restored_in_their_order_with_the_same_channel_data() -> None:
    client = Client(signing(**QUICK)).ready()
    client.subscribe("a")
    client.subscribe("presence-b", '{"user_id":"me"}', {"me": None})
    client.subscribe("c")
    client.take_events()
    client.reconnect()
    first, second, third = client.take_frames()
    assert [frame["data"]["channel"] for frame in (first, second, third)] == ["a", "presence-b", "c"]
    assert second["data"]["channel_data"] == '{"user_id":"me"}'
    assert Gap not in {type(event) for event in client.take_events()}
    client.receive(build.subscribed("a"), build.subscribed("presence-b", {"me": None, "you": None}), build.subscribed("c"))
    members, gap = client.take_events()
    assert [*expect(pusher.Members, members).members] == ["me", "you"]
    assert isinstance(gap, Gap)


def test_what_was_unsubscribed_while_pending_is_not_asked_for_after_a_reconnect() -> None:
    client = Client(config(**QUICK)).ready()
    client.submit(pusher.Subscribe("my-channel"))
    client.submit(pusher.Unsubscribe("my-channel"))
    client.names()
    client.reconnect()
    assert client.frames == []
    refused, done = client.take_settled()
    assert expect(CommandRefused, refused.error).text == "my-channel was given up before it was asked for"
    assert (done.reply, done.error) == (None, None)


def test_what_was_unsubscribed_while_down_is_not_asked_for() -> None:
    client = Client(config(**QUICK)).ready()
    client.subscribe("my-channel")
    client.closed()
    client.submit(pusher.Unsubscribe("my-channel"))
    while not client.dials:
        client.advance(1.0)
    client.open()
    client.receive(build.established("2.2"))
    assert client.frames == []
    assert client.the_reply() is None


def test_a_pending_subscription_is_asked_for_again_on_the_next_connection() -> None:
    client = Client(signing(**QUICK)).ready()
    client.submit(pusher.Subscribe("private-a"))
    (first,) = client.take_frames()
    client.reconnect()
    (second,) = client.take_frames()
    assert first["data"]["auth"] != second["data"]["auth"], "it is signed for its socket"
    client.receive(build.subscribed("private-a"))
    assert client.the_reply() == pusher.Subscribed("private-a")


def test_a_refused_restoration_is_told_and_asked_for_again_at_the_next_connection() -> None:
    client = Client(signing(**QUICK)).ready()
    client.subscribe("private-a")
    client.reconnect()
    client.receive(build.subscription_error("private-a", 403, "no longer"))
    refused = [event for event in client.take_events() if isinstance(event, SubscriptionRefused)]
    assert refused == [SubscriptionRefused(client.now, "private-a", 403, "no longer")]
    client.names()
    client.reconnect(Close(code=4200))
    assert client.names() == ["pusher:subscribe private-a"]


def test_a_restoration_that_is_answered_too_late_counts_all_the_same() -> None:
    client = Client(signing(**QUICK, stale_after=60.0)).ready()
    client.subscribe("private-a")
    client.reconnect()
    client.advance(10.0)
    assert "SubscriptionRefused" in told(client)
    client.names()
    client.receive(build.subscribed("private-a"), build.event("private-a"))
    assert told(client) == ["ChannelEvent"]
    assert client.frames == []
    client.receive(build.pong())
    client.advance(60.0)
    assert isinstance(client.take_events()[-1], Stale)


def test_what_is_remembered_for_restoring_does_not_grow_with_what_was_given_up() -> None:
    client = Client().ready()
    for number in range(100):
        client.subscribe(f"channel-{number}")
        client.submit(pusher.Unsubscribe(f"channel-{number}"))
        client.take_settled()
    assert len(expect(pusher.PusherMachine, client.machine)._dialect._said) < 30


# Staleness


def test_a_channel_that_is_silent_too_long_is_told() -> None:
    client = Client(config(stale_after=60.0)).ready()
    client.subscribe("my-channel")
    client.advance(30.0)
    client.receive(build.event("my-channel"))
    client.take_events()
    client.advance(59.0)
    assert client.events == []
    client.advance(1.0)
    assert client.the_event(Stale) == Stale(90.0, "my-channel", 30.0)
