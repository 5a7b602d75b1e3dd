"""Commands that wait behind others or behind an answer, addresses, and what is made of settings."""

from __future__ import annotations

import pytest

from pushwire.core.events import Malformed, Stale, SubscriptionRefused
from pushwire.errors import CommandRefused, ConfigError
from pushwire.providers import pusher
from pushwire.providers.pusher.config import app_url
from pushwire.providers.pusher.deciphering import KEY_EVERY, Deciphering, Failed, Held
from pushwire.providers.pusher.messages import decode
from pushwire.providers.pusher.signing import UNKNOWN_KEY
from pushwire.testing import pusher as build
from tests.providers.harness import expect
from tests.providers.pusher.harness import Client, asking, config, signing
from tests.providers.pusher.test_encrypted import CHANNEL, OLD, sealed
from tests.providers.pusher.test_told import USER

OTHER_USER = '{"id":"2"}'


def refusals(client: Client) -> list[str]:
    """By which command each was refused."""
    return [expect(CommandRefused, settled.error).command for settled in client.take_settled() if settled.error is not None]


def test_one_sign_in_waits_for_another() -> None:
    client = Client(signing()).ready()
    client.submit(pusher.SignIn(USER))
    client.submit(pusher.SignIn(OTHER_USER))
    assert client.names() == ["pusher:signin"]


def test_a_subscription_that_is_given_up_before_it_is_authorised_is_refused_by_its_name() -> None:
    client = Client(asking()).ready()
    client.submit(pusher.Subscribe("private-a"))
    client.submit(pusher.Unsubscribe("private-a"))
    client.respond(200, {"auth": "k:x"})
    assert refusals(client) == ["Subscribe"]


def test_what_was_to_be_triggered_on_a_channel_that_is_left_is_refused_by_its_name() -> None:
    client = Client(signing(client_event_rate=1)).ready()
    client.subscribe("private-a")
    for _ in range(2):
        client.submit(pusher.Trigger("private-a", "client-x"))
    client.submit(pusher.Unsubscribe("private-a"))
    client.advance(5.0)
    assert refusals(client) == ["Trigger"]


def test_of_those_that_are_asked_for_the_one_that_was_asked_for_again_is_the_youngest() -> None:
    client = Client(signing()).ready()
    client.submit(pusher.Subscribe("private-a"))
    client.receive(build.error(4009, "no", "private-a"))
    client.take_settled()
    first = client.submit(pusher.Subscribe("private-b"))
    client.submit(pusher.Subscribe("private-a"))
    client.receive(build.error(4009, "no"))
    assert [settled.ticket for settled in client.take_settled()] == [first]


def test_a_channel_is_not_named_by_a_longer_name_that_begins_like_it() -> None:
    client = Client(signing()).ready()
    oldest = client.submit(pusher.Subscribe("private-b"))
    client.submit(pusher.Subscribe("private-a"))
    client.receive(build.error(4009, "private-ab may not"))
    assert [settled.ticket for settled in client.take_settled()] == [oldest]


# Keys


def held(channel: str = CHANNEL) -> Held:
    raw = sealed(OLD, "1", channel=channel)
    return Held(decode(raw), raw, 1.0)


def test_without_a_key_nothing_opens_and_the_reason_says_so() -> None:
    found = expect(Failed, Deciphering({}).open(CHANNEL, held()))
    assert found.reason == "the channel's key is not known yet"


def test_what_stands_for_a_key_in_a_replay_is_not_asked_for_again() -> None:
    assert not Deciphering({CHANNEL: UNKNOWN_KEY}).may_ask(CHANNEL, 0.0)
    deciphering = Deciphering({CHANNEL: OLD})
    assert deciphering.may_ask(CHANNEL, 0.0)
    deciphering.hold(CHANNEL, held(), 0.0)
    assert [deciphering.may_ask(CHANNEL, at) for at in (0.0, KEY_EVERY - 0.1, KEY_EVERY)] == [False, False, True]


# Addresses and settings


def test_an_address_keeps_its_path_whatever_letters_it_has_and_what_is_empty_in_its_query() -> None:
    assert app_url("wss://h.example/X", "k", {}) == "wss://h.example/X"
    assert app_url("wss://h.example//", "k", {}) == "wss://h.example/app/k"
    assert app_url("wss://h.example/app/k?a=&b=1", "k", {"b": "2"}) == "wss://h.example/app/k?b=1&a="


def test_a_key_is_found_in_an_address_that_ends_in_it_and_in_no_other() -> None:
    assert pusher.Config(url="wss://h.example/app/keyX/").app_key == "keyX"
    for url in ("wss://h.example/other/abc", "wss://h.example/abc", "wss://h.example"):
        with pytest.raises(ConfigError, match="key"):
            pusher.Config(url=url)


@pytest.mark.parametrize("name", ["auth_headers", "auth_params"])
def test_a_mapping_maps_names_to_what_it_should(name: str) -> None:
    for wrong in ({"a": 5}, {5: "a"}, {"a": "b", "c": None}, "text"):
        with pytest.raises(ConfigError, match=f"{name}: "):
            config(auth_url="https://h.example/auth", **{name: wrong})


# What comes when, and what it counts as


def test_what_is_restored_and_refused_or_there_already_bears_the_time_of_the_answer() -> None:
    client = Client(signing()).ready()
    client.subscribe("private-a")
    client.submit(pusher.Subscribe("presence-b", '{"user_id":"1"}'))
    client.receive(build.subscribed("presence-b", {"1": None}))
    client.reconnect()
    client.events.clear()
    now = client.now = client.now + 5.0
    client.receive(
        build.error(4009, "no", "private-a"), build.error(4009, "Existing subscription to channel presence-b", "presence-b")
    )
    told = [event for event in client.take_events() if isinstance(event, SubscriptionRefused | pusher.Members)]
    assert [(type(event), event.received) for event in told] == [(SubscriptionRefused, now), (pusher.Members, now)]


def test_what_comes_on_a_channel_counts_as_a_sign_of_life_whatever_it_is() -> None:
    client = Client(config(stale_after=60.0, ping_interval=10.0)).ready()
    client.subscribe("a")
    for at in range(1, 12):
        client.advance(10.0)
        client.receive(build.pong(), *([build.subscription_count("a", 2)] if at == 5 else []))
        stale = [event for event in client.take_events() if isinstance(event, Stale)]
        assert [event.since for event in stale] == ([50.0] if at == 11 else [])


@pytest.mark.parametrize(
    "data, why", [("[" * 100_000 + "]" * 100_000, "recursion"), ("1e999999", "bounded length"), ('"\\ud800"', "truncated")]
)
def test_data_that_cannot_be_read_is_told_as_it_came(data: str, why: str) -> None:
    client = Client().ready()
    client.subscribe("a")
    client.now = 7.0
    raw = f'{{"event":"ev","channel":"a","data":{data}}}'
    client.receive(raw)
    malformed = client.the_event(Malformed)
    assert (malformed.received, malformed.raw) == (7.0, raw)
    assert why in malformed.reason


def test_a_dial_says_what_it_may_take() -> None:
    client = Client(config(max_message=5000, compression=True))
    client.start()
    (dial,) = client.dials
    assert (dial.generation, dial.max_message, dial.compression) == (1, 5000, True)


def test_the_answer_to_a_ping_counts_against_the_rate_of_all_that_is_sent() -> None:
    for pings, sent in ((0, ["pusher:subscribe a"]), (4, [])):
        client = Client(config(send_rate=1.0, send_burst=2)).ready()
        client.receive(*[build.ping()] * pings)
        client.frames.clear()
        client.submit(pusher.Subscribe("a"))
        assert client.names() == sent


def test_data_that_is_null_is_none() -> None:
    client = Client().ready()
    client.receive('{"event":"pusher:error","data":null}')
    error = client.the_event(pusher.PeerError)
    assert (error.code, error.text) == (None, "no reason given")
