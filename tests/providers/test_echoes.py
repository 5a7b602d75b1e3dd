"""A peer that repeats a secret of ours, in whatever it says, does not bring it into what is shown."""

from __future__ import annotations

import random

import pytest

from pushwire.core.events import Malformed, Unrecognized
from tests.fuzz.feeds import FEEDS
from tests.fuzz.receive import Feed, connect
from tests.providers.harness import Client

UNKNOWN = {
    "bitpanda": '{"CH":"%s"}',
    "gelabs": '{"type":"%s"}',
    "pusher": '{"event":"pusher:%s"}',
    "quantcite": '{"type":"%s"}',
    "quickpay": '{"event":"pusher:%s"}',
    "satoriex": '{"type":"%s"}',
}


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.name)
def test_a_message_of_a_kind_that_is_named_after_a_secret_does_not_show_it(feed: Feed) -> None:
    for secret in feed.secrets:
        client: Client[object] = feed.client(feed.configs[0])
        client.start()
        connect(client, feed.credential)
        client.greet()
        client.events.clear()
        raw = UNKNOWN[feed.name] % secret
        client.receive(raw)
        event = client.the_event(Unrecognized)
        assert (event.raw, secret in event.type) == (raw, False)


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.name)
def test_what_a_decoder_says_of_a_message_does_not_show_it_either(feed: Feed) -> None:
    rng = random.Random(1)
    client: Client[object] = feed.client(feed.configs[0])
    client.start()
    connect(client, feed.credential)
    client.greet()
    client.events.clear()
    malformed = 0
    for said in (*feed.corpus, *feed.often):
        for word in rng.choices(sorted(set(said.split('"')[1::2])), k=3):
            client.receive(said.replace(f'"{word}"', f'"{feed.secrets[0]}"'))
        malformed += sum(isinstance(event, Malformed) for event in client.events)
        assert not [event for event in client.take_events() if isinstance(event, Malformed) and feed.secrets[0] in repr(event)]
    assert malformed
