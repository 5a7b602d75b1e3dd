"""What is told of what nobody asked for, cannot be read or is refused: all of it as it came, with its time and the reason."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest

from pushwire.core.commands import AnyCommand
from pushwire.core.effects import Close
from pushwire.core.events import Malformed, Stale, SubscriptionRefused, Unrecognized
from pushwire.core.machine import Phase
from pushwire.errors import CommandRefused, ConfigError, LocalProtocolError
from pushwire.providers import gelabs, pusher
from pushwire.providers.pusher.signing import decode_key
from pushwire.testing import pusher as build
from tests.providers.harness import expect
from tests.providers.pusher.harness import Client, asking, config, signing
from tests.providers.pusher.test_encrypted import CHANNEL, NEW, OLD, granted, listening, sealed

USER = '{"id":"1"}'


def at_seven(settings: pusher.Config | None = None) -> Client:
    client = Client(settings).ready()
    client.now = 7.0
    return client


# What nobody asked for


@pytest.mark.parametrize(
    "raw, why",
    [
        (build.subscribed("a"), "a subscription that nobody asked for"),
        (build.subscription_error("private-a"), "a refusal of what nobody asks for"),
        (build.signed_in(USER), "a sign-in that nobody asked for"),
        (build.message("pusher:new_thing", {}), "pusher:new_thing"),
        (build.message("pusher_internal:new_thing", {}, "a"), "pusher_internal:new_thing"),
        (build.message("of-no-channel", {}), "of-no-channel"),
    ],
)
def test_what_nobody_asked_for_is_told_as_it_came(raw: str, why: str) -> None:
    client = at_seven()
    client.receive(raw)
    assert client.take_events() == [Unrecognized(7.0, raw, why)]


def test_before_the_greeting_nothing_but_the_protocols_own_is_known() -> None:
    client = Client()
    client.start()
    client.open()
    client.now = 7.0
    raw = build.event("a", data=1)
    client.receive(raw)
    assert client.take_events() == [Unrecognized(7.0, raw, "ev")]


@pytest.mark.parametrize(
    "raw, why",
    [
        ("{", "truncated"),
        ('{"event":5}', "Expected `str`"),
        (build.message("pusher:error", "odd"), "Expected `object`"),
        (build.message("pusher_internal:member_added", "odd", "a"), "Expected `object`"),
    ],
)
def test_what_cannot_be_read_is_told_as_it_came_and_why(raw: str, why: str) -> None:
    client = at_seven()
    client.subscribe("a")
    client.receive(raw)
    malformed = client.the_event(Malformed)
    assert (malformed.received, malformed.raw) == (7.0, raw)
    assert why in malformed.reason


def test_an_event_that_is_held_or_not_bears_the_time_it_came() -> None:
    client = at_seven()
    client.subscribe("a")
    client.receive(build.event("a", data={"x": 1}))
    assert client.the_event(pusher.ChannelEvent).received == 7.0


# What is refused


@pytest.mark.parametrize("message", ["", None])
def test_a_refusal_without_words_is_a_refusal(message: str | None) -> None:
    client = at_seven()
    client.submit(pusher.Subscribe("a"))
    client.receive(build.error(4100, message, "a"))
    (settled,) = client.take_settled()
    refused = expect(CommandRefused, settled.error)
    assert (refused.command, refused.code, refused.text) == ("Subscribe", 4100, "no reason given")


@pytest.mark.parametrize(
    "command, refuse",
    [
        (pusher.Subscribe("private-a"), lambda: build.error(4009, "not authorised", "private-a")),
        (pusher.SignIn(USER), lambda: build.error(4009, "sign-in refused")),
    ],
)
def test_an_error_that_answers_a_command_names_it(command: AnyCommand, refuse: Callable[[], str]) -> None:
    client = at_seven(signing())
    client.submit(command)
    client.receive(refuse())
    (settled,) = client.take_settled()
    refused = expect(CommandRefused, settled.error)
    assert (refused.command, refused.code) == (type(command).__name__, 4009)


@pytest.mark.parametrize("status, code", [(403, 403), (404, 404), (200, 200)])
@pytest.mark.parametrize(
    "command, name",
    [
        (pusher.Subscribe("private-a"), "Subscribe"),
        (pusher.Subscribe("private-encrypted-a"), "Subscribe"),
        (pusher.SignIn(USER), "SignIn"),
    ],
)
def test_an_endpoint_that_refuses_refuses_the_command_by_its_name(command: AnyCommand, name: str, status: int, code: int) -> None:
    client = at_seven(asking())
    client.submit(command)
    # Without a key, and without the user's data, a success is of no use either; nor is what is none.
    client.respond(status, "odd" if command == pusher.Subscribe("private-a") else {"auth": "k:x"})
    (settled,) = client.take_settled()
    refused = expect(CommandRefused, settled.error)
    assert (refused.command, refused.code) == (name, code)
    assert refused.text.startswith("not authorised: the auth endpoint")


def test_what_is_checked_before_it_is_sent_is_refused_by_the_name_of_the_command() -> None:
    client = at_seven()
    commands: list[tuple[AnyCommand, str]] = [
        (pusher.Subscribe("x" * 1000), "Subscribe: channel may have at most"),
        (pusher.Subscribe("private-a"), "Subscribe: "),
        (pusher.SignIn(USER), "SignIn: "),
        (pusher.Trigger("private-a", "client-x"), "Trigger: private-a is not subscribed to, or not yet"),
        (gelabs.Unsubscribe("0x1"), "Unsubscribe is not a Pusher command"),
    ]
    for command, said in commands:
        with pytest.raises(LocalProtocolError, match=f"^{said}"):
            client.submit(command)


def test_what_the_peer_calls_not_accepted_is_what_ended_the_connection() -> None:
    client = Client()
    client.start()
    client.open()
    client.now = 7.0
    client.receive(build.error(4001, "no such app"))
    (hangup,) = client.hangups
    assert (hangup.code, hangup.reason) == (1000, "not accepted: no such app (code 4001)")
    assert client.machine.status().since == 7.0
    client.closed(Close(code=1006, reason="", by="transport"))
    assert "no such app" in str(client.machine.failure)


def test_a_greeting_that_is_of_no_use_is_hung_up_for_at_once() -> None:
    client = Client()
    client.start()
    client.open()
    client.now = 7.0
    client.receive(build.message("pusher:connection_established", {"no": "socket"}))
    (hangup,) = client.hangups
    assert (hangup.code, hangup.reason) == (1002, "not accepted: connection_established is malformed")
    assert client.machine.status().since == client.the_event(Malformed).received == 7.0


@pytest.mark.parametrize("later, phase", [(5.0, Phase.DIALLING), (5.5, Phase.BACKING_OFF)])
def test_what_an_error_says_counts_for_an_end_that_comes_soon_after_it(later: float, phase: Phase) -> None:
    client = Client().ready()
    client.now = 500.0
    # By its code the next dial is to be made at once.
    client.receive(build.error(4201, "pong not received"))
    client.now += later
    client.closed(Close(code=1000, reason="", by="peer"))
    assert client.phase() is phase


def test_a_close_with_a_meaning_of_its_own_keeps_it() -> None:
    client = Client().ready()
    client.receive(build.error(4201, "pong not received"))
    client.closed(Close(code=4000, reason="", by="peer"))
    assert client.phase() is Phase.CLOSED


# What keeps a connection and its subscriptions


def test_a_ping_is_answered_before_commands_that_wait() -> None:
    client = Client().ready()
    for number in range(200):
        client.submit(pusher.Subscribe(f"c{number}"))
    client.frames.clear()
    client.receive(build.ping())
    assert client.names() == ["pusher:pong"]


def test_a_subscription_that_comes_after_it_was_given_up_as_unanswered_stands_and_is_watched() -> None:
    client = Client(config(stale_after=60.0, ping_interval=10.0)).ready()
    client.subscribe("a")
    client.reconnect()
    client.frames.clear()
    for _ in range(3):
        # Its restoration is not answered, but pings are.
        client.advance(10.0)
        client.receive(build.pong())
    assert any(isinstance(event, SubscriptionRefused) for event in client.take_events())
    client.frames.clear()
    client.receive(build.subscribed("a"))
    assert client.frames == []
    since = client.now
    # Whoever asks for it as well need not wait.
    client.submit(pusher.Subscribe("a"))
    assert expect(pusher.Subscribed, client.the_reply()).channel == "a"
    assert client.frames == []
    for _ in range(7):
        client.advance(10.0)
        client.receive(build.pong())
    stale = [event for event in client.take_events() if isinstance(event, Stale)]
    assert [(event.topic, event.since) for event in stale] == [("a", since)]


@pytest.mark.parametrize("dropped", [0, 1])
def test_of_what_was_held_only_what_was_given_up_is_dropped(dropped: int) -> None:
    other = "private-encrypted-b"
    client = listening()
    client.submit(pusher.Subscribe(other))
    client.respond(200, granted(OLD))
    client.receive(build.subscribed(other))
    client.receive(sealed(NEW, "1"), sealed(NEW, "2", channel=other))
    gone, kept = ((CHANNEL, other), (other, CHANNEL))[dropped]
    client.submit(pusher.Unsubscribe(gone))
    client.events.clear()
    client.closed()
    events = [event for event in client.take_events() if isinstance(event, pusher.Undecipherable)]
    assert [(event.channel, event.reason) for event in events] == [(kept, "the connection ended before the channel's key came")]


def test_a_key_is_asked_for_with_the_connection_and_the_channel_it_is_of() -> None:
    client = listening()
    client.receive(sealed(NEW, "1"))
    request = client.respond(200, granted(NEW))
    body = request.body.decode()
    told = dict(part.split("=") for part in body.split("&")) if "=" in body else json.loads(body)
    assert told == {"socket_id": build.SOCKET_ID, "channel_name": CHANNEL}


def test_an_answer_to_an_earlier_connections_question_changes_nothing() -> None:
    client = listening()
    client.receive(sealed(NEW, "1"))
    fetch = client.fetches[0]
    client.closed()
    client.events.clear()
    client.fetches.insert(0, fetch)
    client.respond(200, granted(NEW))
    assert client.take_events() == []


def test_a_key_that_comes_for_an_earlier_connection_opens_nothing_on_the_next() -> None:
    client = listening()
    client.receive(sealed(NEW, "1"))
    (late,) = client.fetches
    client.reconnect()
    (again,) = [fetch for fetch in client.fetches if fetch is not late]
    client.fetches = [again, late]
    client.respond(200, granted(OLD))
    client.receive(build.subscribed(CHANNEL))
    client.respond(200, granted(NEW))
    client.events.clear()
    client.receive(sealed(OLD, "2"))
    assert client.the_event(pusher.ChannelEvent).data == 2


def test_keys_of_two_channels_may_be_asked_for_at_the_same_time() -> None:
    other = "private-encrypted-b"
    client = listening()
    client.submit(pusher.Subscribe(other))
    client.respond(200, granted(OLD))
    client.receive(build.subscribed(other))
    client.events.clear()
    client.receive(sealed(NEW, "1"), sealed(NEW, "2", channel=other))
    client.submit(pusher.Subscribe("private-c"))
    assert len({fetch.token for fetch in client.fetches}) == 3
    assert [fetch.token.serial < 0 for fetch in client.fetches] == [True, True, False]
    client.respond(200, granted(NEW))
    client.respond(200, granted(NEW))
    events = client.take_all(pusher.ChannelEvent)
    assert [(event.channel, event.data) for event in events] == [(CHANNEL, 1), (other, 2)]


# Which of several is meant


@pytest.mark.parametrize(
    "text, refused",
    [("not allowed on private-aa", "private-aa"), ("neither private-b nor private-aa", "private-aa"), ("no", "private-a")],
)
def test_an_error_refuses_the_channel_that_it_names_the_longest_of_several_else_the_oldest(text: str, refused: str) -> None:
    client = at_seven(signing())
    tickets = {name: client.submit(pusher.Subscribe(name)) for name in ("private-a", "private-b", "private-aa")}
    client.receive(build.error(4009, text))
    (settled,) = client.take_settled()
    assert settled.ticket == tickets[refused]


def test_what_is_wanted_is_remembered_however_much_has_come_and_gone() -> None:
    client = Client().ready()
    client.subscribe("kept")
    for number in range(100):
        client.subscribe(f"c{number}")
        client.submit(pusher.Unsubscribe(f"c{number}"))
        client.take_settled()
    client.frames.clear()
    client.reconnect()
    assert client.names() == ["pusher:subscribe kept"]


# What may be written


@pytest.mark.parametrize("data", ["1e400", "null", '{"a":1}', "9" * 400])
def test_any_json_may_be_triggered(data: str) -> None:
    assert pusher.Trigger("private-a", "client-x", data).data == data


@pytest.mark.parametrize("data", ["", "{", "nul", '"\ud800"'])
def test_what_is_no_json_cannot_be_triggered(data: str) -> None:
    with pytest.raises(LocalProtocolError, match=r"^Trigger: "):
        pusher.Trigger("private-a", "client-x", data)


def test_user_data_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match=r"^SignIn: "):
        pusher.SignIn('{"id":"\ud800"}')


@pytest.mark.parametrize("text", ["", "AAAA", base64.b64encode(bytes(31)).decode(), base64.b64encode(bytes(32)).decode() + "!"])
def test_what_is_not_thirty_two_bytes_in_base64_is_no_key(text: str) -> None:
    assert decode_key(text) is None
    assert decode_key(base64.b64encode(OLD).decode()) == OLD


@pytest.mark.parametrize("name", ["channel_name_limit", "client_event_limit"])
def test_a_limit_is_a_whole_number(name: str) -> None:
    for wrong in (0, -1, 1.5, True, "5"):
        with pytest.raises(ConfigError, match=name):
            config(**{name: wrong})


def test_client_events_leave_one_at_a_time_at_the_rate_that_is_set() -> None:
    client = Client(signing(client_event_rate=2)).ready()
    client.subscribe("private-a")
    for _ in range(5):
        client.submit(pusher.Trigger("private-a", "client-x"))
    assert len(client.take_frames()) == 1
    client.advance(1.0)
    assert len(client.take_frames()) == 2
