"""Signing a user in, and what comes for the user from then on."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl

import pytest

from pushwire.core.commands import Leave
from pushwire.core.effects import Close, SecretFrame
from pushwire.core.events import Malformed, SubscriptionRefused, Unrecognized
from pushwire.errors import AuthenticationRefused, CommandRefused, LocalProtocolError, ReplyTimeout
from pushwire.providers import pusher
from pushwire.testing import pusher as build
from tests.providers.harness import expect
from tests.providers.pusher.harness import Client, asking, signing

USER = '{"id":"12345"}'
DIGEST = "4708d583dada6a56435fb8bc611c77c359a31eebde13337c16ab43aa6de336ba"
"""The published vector: socket 1234.1234."""
CHANNEL = "#server-to-user-12345"


def signed_in(client: Client, user_data: str = USER) -> Client:
    client.submit(pusher.SignIn(user_data))
    client.receive(build.signed_in(user_data))
    client.take_settled()
    client.frames.clear()
    return client


def test_a_sign_in_by_the_secret() -> None:
    client = Client(signing()).ready()
    client.submit(pusher.SignIn(USER))
    (frame,) = client.frames
    assert "***" in expect(SecretFrame, frame).shown
    assert client.take_frames() == [
        {"event": "pusher:signin", "data": {"auth": f"{build.APP_KEY}:{DIGEST}", "user_data": USER}},
    ]
    client.receive(build.signed_in(USER))
    assert client.the_reply() == pusher.SignedIn("12345", USER)
    assert client.take_frames() == [{"event": "pusher:subscribe", "data": {"channel": CHANNEL}}]


@pytest.mark.parametrize("data_as", ["text", "object"])
def test_a_sign_in_by_an_endpoint(data_as: build.DataAs) -> None:
    client = Client(asking()).ready()
    client.submit(pusher.SignIn())
    request = client.respond(200, {"auth": "k:x", "user_data": USER})
    assert request.url == "https://shop.test/pusher/user-auth"
    assert parse_qsl(request.body.decode()) == [("socket_id", "1234.1234")]
    assert client.take_frames()[0]["data"] == {"auth": "k:x", "user_data": USER}
    client.receive(build.message("pusher:signin_success", {"user_data": USER}, data_as=data_as))
    assert client.the_reply() == pusher.SignedIn("12345", USER)


@pytest.mark.parametrize(
    "status, body, text", [(403, {}, "answered HTTP 403"), (200, {"auth": "k:x"}, "gave no user_data"), (200, "odd", "of no use")]
)
def test_an_endpoint_may_refuse(status: int, body: object, text: str) -> None:
    client = Client(asking()).ready()
    client.submit(pusher.SignIn())
    client.respond(status, body)
    assert text in client.the_error(CommandRefused).text
    assert client.frames == []


@pytest.mark.parametrize("user_data", ["", "{}", "[]", "12345", '{"id":null}', '{"id":"\ud800"}', "[" * 100_000])
def test_user_data_must_name_the_user(user_data: str) -> None:
    with pytest.raises(LocalProtocolError, match="user_data must be a JSON text with an id"):
        pusher.SignIn(user_data)


def test_events_for_the_user_come_on_the_users_channel() -> None:
    client = signed_in(Client(signing()).ready())
    client.receive(build.subscribed(CHANNEL), build.event(CHANNEL, "hello", {"n": 1}), build.event("#server-to-user-7"))
    event = client.the_event(pusher.ChannelEvent)
    assert (event.channel, event.event, event.data) == (CHANNEL, "hello", {"n": 1})


def test_nobody_else_may_ask_for_such_a_channel() -> None:
    with pytest.raises(LocalProtocolError, match="channel must be one or more of"):
        pusher.Subscribe(CHANNEL)


def test_a_users_channel_that_is_refused_is_told() -> None:
    client = signed_in(Client(signing()).ready())
    client.receive(build.subscription_error(CHANNEL, 401, "no"))
    assert client.the_event(SubscriptionRefused) == SubscriptionRefused(0.0, CHANNEL, 401, "no")


def test_a_user_whose_id_is_a_number_has_a_channel_too() -> None:
    client = Client(signing()).ready()
    client.submit(pusher.SignIn('{"id":7}'))
    client.receive(build.signed_in('{"id":7}'))
    assert expect(pusher.SignedIn, client.the_reply()).user_id == "7"
    assert client.take_frames()[-1]["data"]["channel"] == "#server-to-user-7"


def test_a_user_without_an_id_has_none() -> None:
    client = Client(signing()).ready()
    client.submit(pusher.SignIn(USER))
    client.frames.clear()
    client.receive(build.signed_in("odd"))
    assert client.the_reply() == pusher.SignedIn(None, "odd")
    assert client.frames == []


def test_a_second_sign_in_is_answered_by_the_first() -> None:
    client = signed_in(Client(signing()).ready())
    client.submit(pusher.SignIn(USER))
    assert client.frames == []
    assert client.the_reply() == pusher.SignedIn("12345", USER)


def test_a_sign_in_is_made_again_after_a_reconnect_until_it_is_given_back() -> None:
    client = signed_in(Client(signing(backoff_first=0.1)).ready())
    client.reconnect()
    (again,) = client.take_frames()
    assert again["event"] == "pusher:signin"
    assert DIGEST not in again["data"]["auth"]
    client.receive(build.signed_in(USER))
    assert client.names() == [f"pusher:subscribe {CHANNEL}"]
    client.submit(Leave(pusher.SignIn(USER)))
    assert client.frames == []
    client.reconnect(Close(code=4200))
    assert client.frames == []


def test_after_a_sign_in_presence_channels_need_no_channel_data() -> None:
    client = signed_in(Client(signing()).ready())
    client.submit(pusher.Subscribe("presence-a"))
    (frame,) = client.take_frames()
    assert set(frame["data"]) == {"channel", "auth"}
    client.receive(build.subscribed("presence-a", {"12345": None}))
    assert expect(pusher.Subscribed, client.the_reply()).me is None


@pytest.mark.parametrize(
    "error", [build.error(4009, "no"), build.error(None, "Invalid signature: Expected HMAC SHA256 hex digest of 1.1::user::{}")]
)
def test_an_error_refuses_a_sign_in_that_is_pending(error: str) -> None:
    client = Client(signing()).ready()
    client.submit(pusher.SignIn(USER))
    client.receive(error)
    assert client.the_error(CommandRefused).command == "SignIn"


def test_a_bad_sign_in_that_closes_the_connection_ends_the_session() -> None:
    client = Client(signing()).ready()
    client.submit(pusher.SignIn(USER))
    client.receive(build.error(4009, "Invalid token"))
    client.closed(Close(code=4009))
    assert isinstance(client.machine.failure, AuthenticationRefused)


def test_a_sign_in_without_an_answer_is_given_up_and_a_late_one_counts_where_it_is_wanted() -> None:
    client = signed_in(Client(signing(backoff_first=0.1)).ready())
    client.reconnect()
    client.advance(10.0)
    refused = [event for event in client.take_events() if isinstance(event, SubscriptionRefused)]
    assert [event.topic for event in refused] == ["#user"]
    client.receive(build.signed_in(USER))
    client.submit(pusher.SignIn(USER))
    assert client.the_reply() == pusher.SignedIn("12345", USER)


def test_a_late_answer_that_nobody_wants_any_more_changes_nothing() -> None:
    client = Client(signing()).ready()
    client.submit(pusher.SignIn(USER))
    client.advance(10.0)
    client.the_error(ReplyTimeout)
    client.frames.clear()
    client.receive(build.signed_in(USER), build.event(CHANNEL))
    assert (client.frames, client.take_events()) == ([], [])


def test_nor_does_the_answer_to_one_that_was_given_back_while_pending() -> None:
    client = Client(signing()).ready()
    ticket = client.submit(pusher.SignIn(USER))
    client.submit(Leave(pusher.SignIn(USER), ticket))
    client.frames.clear()
    client.receive(build.signed_in(USER), build.event(CHANNEL))
    assert (client.frames, client.take_events()) == ([], [])


def test_a_sign_in_that_nobody_asked_for_is_told_and_asks_for_nothing() -> None:
    client = Client(signing()).ready()
    client.receive(build.signed_in(USER), build.event(CHANNEL))
    client.the_event(Unrecognized)
    assert client.frames == []


def test_what_still_comes_for_a_user_who_was_given_back_is_nobodys() -> None:
    client = signed_in(Client(signing()).ready())
    client.submit(Leave(pusher.SignIn(USER)))
    client.receive(build.event(CHANNEL))
    assert client.take_events() == []


def test_a_success_that_cannot_be_read_is_malformed() -> None:
    client = Client(signing()).ready()
    client.submit(pusher.SignIn(USER))
    client.receive(build.message("pusher:signin_success", {}))
    client.the_event(Malformed)
    assert client.settled == []


# The watchlist


@pytest.mark.parametrize("data_as", ["text", "object"])
def test_who_on_the_watchlist_came_and_went_is_told(data_as: build.DataAs) -> None:
    client = signed_in(Client(signing()).ready())
    events = [{"name": "online", "user_ids": ["a", 7]}, {"name": "offline", "user_ids": ["b"]}]
    client.receive(build.message("pusher_internal:watchlist_events", {"events": events}, data_as=data_as))
    assert client.take_events() == [pusher.Watchlist(0.0, "online", ("a", "7")), pusher.Watchlist(0.0, "offline", ("b",))]


def test_a_watchlist_that_cannot_be_read_is_malformed() -> None:
    client = signed_in(Client(signing()).ready())
    client.receive(build.message("pusher_internal:watchlist_events", {"events": [{"name": "online"}]}))
    client.the_event(Malformed)


def test_a_watchlist_that_is_too_long_is_told() -> None:
    client = signed_in(Client(signing()).ready())
    client.receive(build.error(4302, "watchlist limit"))
    assert client.the_event(pusher.PeerError).code == 4302


def test_what_is_asked_shows_no_user_in_the_journal_but_its_data() -> None:
    assert json.loads(USER)["id"] in repr(pusher.SignIn(USER))
    client = Client(signing()).ready()
    client.receive(build.subscribed(CHANNEL))
    client.the_event(Unrecognized)
