"""What arrives on channels: events, members, counts, cache misses."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pushwire.core.events import Malformed, Unrecognized
from pushwire.providers import pusher
from pushwire.testing import pusher as build
from tests.providers.harness import expect
from tests.providers.pusher.harness import Client, signing

ME = '{"user_id":"me","user_info":{"name":"M"}}'


def listening(*channels: str) -> Client:
    """A ready client that is subscribed to these."""
    client = Client(signing()).ready()
    for channel in channels or ("my-channel",):
        client.subscribe(
            channel, ME if channel.startswith("presence-") else None, {} if channel.startswith("presence-") else None
        )
    client.take_events()
    return client


# Data


@pytest.mark.parametrize(
    "data, value",
    [
        (r'"{\"n\":1}"', {"n": 1}),
        ('{"n":1}', {"n": 1}),
        (r'"[1,\"x\",null,true]"', [1, "x", None, True]),
        ('"hello world"', "hello world"),
        (r'"\"quoted\""', "quoted"),
        ('""', ""),
        ("null", None),
        ('"null"', None),
        ("7", 7),
        ('"7"', 7),
        (r'"{\"price\":0.1}"', {"price": Decimal("0.1")}),
        ('{"price":1.50}', {"price": Decimal("1.50")}),
        (r'"{\"big\":1e99}"', {"big": Decimal("1e99")}),
        # Without bounds, it stays the text that it is.
        (r'"{\"big\":1e999999}"', '{"big":1e999999}'),
        ('"NaN"', "NaN"),
        (r'"{\"half\":"', '{"half":'),
        ('"' + "[" * 5_000 + '"', "[" * 5_000),
    ],
)
def test_data_is_decoded_where_it_is_json_and_else_is_the_text(data: str, value: object) -> None:
    client = listening()
    raw = f'{{"event":"ev","channel":"my-channel","data":{data}}}'
    client.receive(raw)
    event = client.the_event(pusher.ChannelEvent)
    assert (event.channel, event.event, event.data, event.raw, event.user_id) == ("my-channel", "ev", value, raw, None)
    assert "float" not in str(type(event.data))


def test_data_may_be_absent_and_messages_may_be_binary() -> None:
    client = listening()
    client.receive(b'{"event":"ev","channel":"my-channel"}')
    event = client.the_event(pusher.ChannelEvent)
    assert (event.data, event.raw) == (None, b'{"event":"ev","channel":"my-channel"}')


@pytest.mark.parametrize(
    "raw",
    [
        '{"event":"ev","channel":"my-channel","data":1e999999}',
        '{"event":"ev","channel":"my-channel","data":%s}' % ("9" * 5000),
        '{"event":"ev","channel":"my-channel","data":[}',
        '{"event":"ev","channel":7}',
        '{"channel":"my-channel"}',
        '{"event":null}',
        "[]",
        "",
        "ping",
        b"\xff",
        "[" * 100_000,
        '{"event":"ev","channel":"my-channel","data":"\\ud800"}',
        '{"event":"ev","channel":"my-channel","user_id":{}}',
    ],
)
def test_what_cannot_be_read_is_malformed_and_kept(raw: str | bytes) -> None:
    client = listening()
    client.receive(raw, build.event("my-channel"))
    malformed, event = client.take_events()
    assert expect(Malformed, malformed).raw == raw
    assert isinstance(event, pusher.ChannelEvent)


@pytest.mark.parametrize("user_id, expected", [("7", "7"), (7, "7"), (None, None)])
def test_a_client_event_says_who_sent_it(user_id: str | int | None, expected: str | None) -> None:
    client = listening("presence-a")
    more = {} if user_id is None else {"user_id": user_id}
    client.receive(build.message("client-typing", {"n": 1}, "presence-a", data_as="object", **more))
    assert client.the_event(pusher.ChannelEvent).user_id == expected


def test_events_of_channels_that_are_not_wanted_are_passed_over() -> None:
    client = listening()
    client.receive(build.event("other"))
    assert client.take_events() == []


def test_an_event_without_a_channel_is_told() -> None:
    client = listening()
    client.receive(build.message("ev", {"n": 1}))
    assert client.the_event(Unrecognized).type == "ev"


@pytest.mark.parametrize("name", ["pusher:news", "pusher_internal:news"])
def test_events_of_the_protocol_that_are_not_known_are_told(name: str) -> None:
    client = listening()
    client.receive(build.event("my-channel", name))
    assert client.the_event(Unrecognized).type == name


def test_a_restored_cache_channel_gives_its_last_event_after_the_consent() -> None:
    client = listening("cache-a", "private-cache-b")
    client.receive(build.event("cache-a", data={"last": 1}), build.event("private-cache-b", data={"last": 2}))
    assert [expect(pusher.ChannelEvent, event).data for event in client.take_events()] == [{"last": 1}, {"last": 2}]


# Cache misses and counts


@pytest.mark.parametrize("channel", ["cache-a", "private-cache-a", "presence-cache-a"])
def test_an_empty_cache_is_told(channel: str) -> None:
    client = listening(channel)
    client.receive(build.cache_miss(channel))
    assert client.the_event(pusher.CacheMiss) == pusher.CacheMiss(0.0, channel)


def test_how_many_are_subscribed_is_told() -> None:
    client = listening()
    client.receive(build.subscription_count("my-channel", 17))
    assert client.the_event(pusher.SubscriptionCount) == pusher.SubscriptionCount(0.0, "my-channel", 17)


@pytest.mark.parametrize(
    "name, data",
    [
        ("pusher_internal:subscription_count", None),
        ("pusher_internal:subscription_count", {"subscription_count": "17"}),
        ("pusher_internal:member_added", {}),
        ("pusher_internal:member_removed", {"user_id": None}),
    ],
)
def test_news_that_cannot_be_read_is_malformed(name: str, data: object) -> None:
    client = listening("presence-a")
    client.receive(build.message(name, data, "presence-a"))
    client.the_event(Malformed)


@pytest.mark.parametrize("name", ["pusher:cache_miss", "pusher_internal:subscription_count", "pusher_internal:member_added"])
def test_news_of_a_channel_that_names_none_is_malformed(name: str) -> None:
    client = listening()
    client.receive(build.message(name, {"subscription_count": 1, "user_id": "x"}))
    client.the_event(Malformed)


# Presence


def test_members_come_with_the_reply_and_as_an_event() -> None:
    client = Client(signing()).ready()
    client.submit(pusher.Subscribe("presence-a", ME))
    client.receive(build.subscribed("presence-a", {"me": {"name": "M"}, "7": {"rank": 1.5}}))
    members = {"me": pusher.Member("me", {"name": "M"}), "7": pusher.Member("7", {"rank": Decimal("1.5")})}
    assert client.the_reply() == pusher.Subscribed("presence-a", members, "me")
    assert client.the_event(pusher.Members) == pusher.Members(0.0, "presence-a", members)


def test_ids_are_texts_also_where_numbers_were_sent() -> None:
    client = listening("presence-a")
    presence = {"presence": {"ids": [1, 2, "3"], "hash": {"1": {"n": 1}, "2": None}, "count": 3}}
    client.submit(pusher.Unsubscribe("presence-a"))
    client.take_settled()
    client.submit(pusher.Subscribe("presence-a", '{"user_id":1}'))
    client.receive(build.message("pusher_internal:subscription_succeeded", presence, "presence-a"))
    members = {"1": pusher.Member("1", {"n": 1}), "2": pusher.Member("2"), "3": pusher.Member("3")}
    assert client.the_reply() == pusher.Subscribed("presence-a", members, "1")
    client.take_events()
    client.receive(build.member_added("presence-a", 4, {"n": 4}), build.member_removed("presence-a", 1))
    added, removed = client.take_events()
    assert added == pusher.MemberAdded(0.0, "presence-a", pusher.Member("4", {"n": 4}))
    assert removed == pusher.MemberRemoved(0.0, "presence-a", "1")


def test_a_later_subscriber_is_told_of_the_members_as_they_are_then() -> None:
    client = Client(signing()).ready()
    first = client.subscribe("presence-a", ME, {"me": None})
    client.receive(build.member_added("presence-a", "you"), build.member_added("presence-a", "you", {"n": 2}))
    client.receive(build.member_removed("presence-a", "me"), build.member_removed("presence-a", "nobody"))
    client.submit(pusher.Subscribe("presence-a", ME))
    assert client.the_reply() == pusher.Subscribed("presence-a", {"you": pusher.Member("you", {"n": 2})}, "me")
    assert expect(pusher.Subscribed, first).members == {"me": pusher.Member("me")}, "what was told stays as it was"


@pytest.mark.parametrize(
    "data", [None, {}, {"presence": None}, {"presence": 7}, {"presence": {"ids": [{"id": 1}]}}, {"presence": {"hash": 7}}, "text"]
)
def test_a_list_of_members_that_cannot_be_read_does_not_cost_the_channel(data: object) -> None:
    client = Client(signing()).ready()
    client.submit(pusher.Subscribe("presence-a", ME))
    client.receive(build.message("pusher_internal:subscription_succeeded", data, "presence-a"), build.event("presence-a"))
    assert client.the_reply() == pusher.Subscribed("presence-a", {}, "me")
    assert [type(event) for event in client.take_events()] == [pusher.Members, Malformed, pusher.ChannelEvent]


@pytest.mark.parametrize("presence", [{"ids": ["1"]}, {"hash": {"1": None}}, {"ids": [1], "count": 1}])
def test_ids_or_infos_alone_will_do(presence: object) -> None:
    client = Client(signing()).ready()
    client.submit(pusher.Subscribe("presence-a", ME))
    client.receive(build.message("pusher_internal:subscription_succeeded", {"presence": presence}, "presence-a"))
    assert client.the_event(pusher.Members).members == {"1": pusher.Member("1")}


def test_members_of_a_channel_that_has_no_list_are_told_all_the_same() -> None:
    client = listening("my-channel")
    client.receive(build.member_added("my-channel", "x"), build.member_removed("my-channel", "x"))
    assert [type(event) for event in client.take_events()] == [pusher.MemberAdded, pusher.MemberRemoved]


def test_what_is_kept_of_a_message_does_not_show() -> None:
    assert "raw=<5 characters>" in repr(pusher.PeerError(0.0, None, "", None, "shown"))
    assert "raw=<5 bytes>" in repr(pusher.Undecipherable(0.0, "a", "ev", "", b"shown"))
