"""Every kind of channel, on a real server."""

from __future__ import annotations

import base64

import attrs
import pytest

import pushwire
from pushwire.core.secrets import Secret
from pushwire.errors import AuthenticationRefused, CommandRefused
from pushwire.providers import pusher
from pushwire.providers.pusher.encryption import NONCE_SIZE, encrypt
from pushwire.providers.pusher.signing import shared_secret
from tests.soketi.server import KEY, Soketi
from tests.soketi.talk import MASTER_KEY, config, member, next_of

MASTER = base64.b64decode(MASTER_KEY)


@pytest.mark.parametrize("channel", ["news", "private-news", "cache-news", "private-cache-news"])
async def test_events_of_a_channel_arrive(soketi: Soketi, channel: str) -> None:
    async with pushwire.connect(config(soketi)) as stream:
        assert await stream.call(pusher.Subscribe(channel)) == pusher.Subscribed(channel)
        await soketi.publish(channel, "greeting", '{"price":0.10}')
        event = await next_of(aiter(stream), pusher.ChannelEvent)
        assert (event.channel, event.event, str(event.data)) == (channel, "greeting", "{'price': Decimal('0.10')}")


async def test_data_that_is_no_json_arrives_as_text(soketi: Soketi) -> None:
    async with pushwire.connect(config(soketi)) as stream:
        await stream.call(pusher.Subscribe("news"))
        await soketi.publish("news", "greeting", "hello, world")
        assert (await next_of(aiter(stream), pusher.ChannelEvent)).data == "hello, world"


async def test_after_unsubscribe_nothing_more_arrives(soketi: Soketi) -> None:
    async with pushwire.connect(config(soketi)) as stream:
        for channel in ("news", "weather"):
            await stream.call(pusher.Subscribe(channel))
        await stream.call(pusher.Unsubscribe("news"))
        # Confirmed by nobody, but the server takes what we say in order.
        await stream.call(pusher.Subscribe("sports"))
        await soketi.publish("news", "greeting", "1")
        await soketi.publish("weather", "greeting", "2")
        assert (await next_of(aiter(stream), pusher.ChannelEvent)).channel == "weather"
        assert set(await soketi.channels()) == {"weather", "sports"}


async def test_members_of_a_presence_channel_come_and_go(soketi: Soketi) -> None:
    async with pushwire.connect(config(soketi)) as first:
        alone = await first.call(pusher.Subscribe("presence-room", member("ada", name="Ada")))
        assert alone.members == {"ada": pusher.Member("ada", {"name": "Ada"})}
        events = aiter(first)
        async with pushwire.connect(config(soketi)) as second:
            both = await second.call(pusher.Subscribe("presence-room", member("bob", name="Bob")))
            assert (set(both.members or ()), both.me) == ({"ada", "bob"}, "bob")
            assert (await next_of(events, pusher.MemberAdded)).member == pusher.Member("bob", {"name": "Bob"})
        assert (await next_of(events, pusher.MemberRemoved)).user_id == "bob"


@pytest.mark.parametrize("channel", ["private-encrypted-news", "private-encrypted-cache-news"])
async def test_what_is_encrypted_is_delivered_deciphered(soketi: Soketi, channel: str) -> None:
    async with pushwire.connect(config(soketi)) as stream:
        await stream.call(pusher.Subscribe(channel))
        sealed = encrypt(shared_secret(channel, MASTER), '{"message":"hello world"}', bytes(NONCE_SIZE))
        await soketi.publish(channel, "greeting", sealed)
        event = await next_of(aiter(stream), pusher.ChannelEvent)
        assert event.data == {"message": "hello world"}
        assert b"hello" not in (event.raw if isinstance(event.raw, bytes) else event.raw.encode())


async def test_what_was_encrypted_with_another_key_is_told_of(soketi: Soketi) -> None:
    channel = "private-encrypted-news"
    async with pushwire.connect(config(soketi)) as stream:
        await stream.call(pusher.Subscribe(channel))
        await soketi.publish(channel, "greeting", encrypt(bytes(32), "hello", bytes(NONCE_SIZE)))
        assert (await next_of(aiter(stream), pusher.Undecipherable)).event == "greeting"


async def test_a_cache_channel_begins_with_its_last_event_or_says_that_there_is_none(soketi: Soketi) -> None:
    async with pushwire.connect(config(soketi)) as stream:
        events = aiter(stream)
        await stream.call(pusher.Subscribe("cache-news"))
        assert (await next_of(events, pusher.CacheMiss)).channel == "cache-news"
    await soketi.publish("cache-news", "greeting", '"the last"')
    async with pushwire.connect(config(soketi)) as stream:
        await stream.call(pusher.Subscribe("cache-news"))
        assert (await next_of(aiter(stream), pusher.ChannelEvent)).data == "the last"


@pytest.mark.parametrize("channel", ["private-chat", "presence-chat"])
async def test_client_events_reach_the_others_alone(soketi: Soketi, channel: str) -> None:
    def joining(user_id: str) -> pusher.Subscribe:
        return pusher.Subscribe(channel, member(user_id) if channel.startswith("presence-") else None)

    async with pushwire.connect(config(soketi)) as ada, pushwire.connect(config(soketi)) as bob:
        await ada.call(joining("ada"))
        await bob.call(joining("bob"))
        await ada.call(pusher.Trigger(channel, "client-typing", {"text": "hi"}))
        heard = await next_of(aiter(bob), pusher.ChannelEvent)
        assert (heard.event, heard.data) == ("client-typing", {"text": "hi"})
        assert heard.user_id == ("ada" if channel.startswith("presence-") else None)
        await bob.call(pusher.Trigger(channel, "client-answer"))
        assert (await next_of(aiter(ada), pusher.ChannelEvent)).event == "client-answer"


async def test_client_events_beyond_the_limit_are_held_back_and_not_refused(soketi: Soketi) -> None:
    # Half of what the server takes in a second: it counts what it reads at once, also after it was held up.
    ours = attrs.evolve(config(soketi), client_event_rate=5.0)
    async with pushwire.connect(ours) as ada, pushwire.connect(config(soketi)) as bob:
        for stream in (ada, bob):
            await stream.call(pusher.Subscribe("private-chat"))
        for number in range(12):
            await ada.call(pusher.Trigger("private-chat", "client-count", number))
        events = aiter(bob)
        assert [(await next_of(events, pusher.ChannelEvent)).data for _ in range(12)] == list(range(12))


async def test_a_signature_by_another_secret_is_refused(soketi: Soketi) -> None:
    other = pusher.Config(url=soketi.url, key=KEY, secret=Secret("another"))
    async with pushwire.connect(other) as stream:
        with pytest.raises(CommandRefused) as refused:
            await stream.call(pusher.Subscribe("private-news"))
        assert refused.value.code == 401


async def test_an_app_that_is_not_there_ends_the_session(soketi: Soketi) -> None:
    nobody = pusher.Config(url=soketi.url, key="nobody")
    with pytest.raises(AuthenticationRefused, match="no app with this key"):
        async with pushwire.connect(nobody):
            pass
