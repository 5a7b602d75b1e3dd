"""The sandbox's Pusher, met by the reference client."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
import trio

import pushwire
from pushwire.core.secrets import Secret
from pushwire.providers import pusher
from pushwire.sandbox.pusher import PusherServer
from pushwire.sandbox.pusher_settings import PusherSettings
from pushwire.sandbox.server import SandboxServer, serve
from tests.pusher_js.client import PusherJs, running
from tests.soketi.npm import needed

KEY: Final = "app-key"
SECRET: Final = "app-secret"
MASTER_KEY: Final = "OHRXNUZRTG5pUTFzQlFGd3J3N3Q2VFZFc0paZDEweVk="


@pytest.fixture(scope="session")
def package() -> Path:
    return needed(Path(__file__).parent)


@attrs.frozen
class Meeting:
    """A sandbox that is being served, and whoever connects to it."""

    machine: PusherServer
    server: SandboxServer
    package: Path

    def client(
        self, user: str = "js", *, key: str = KEY, secret: str = SECRET, until: str = "connected"
    ) -> AbstractAsyncContextManager[PusherJs]:
        return running(self.package, self.server.port, until=until, key=key, secret=secret, masterKey=MASTER_KEY, user=user)

    def publish(self, channel: str, event: str, data: object) -> None:
        self.machine.publish(channel, event, data, trio.current_time())
        self.server.pump()


@asynccontextmanager
async def meeting(package: Path, **settings: Any) -> AsyncGenerator[Meeting, None]:  # any setting of the sandbox
    wanted = PusherSettings(key=KEY, secret=Secret(SECRET), encryption_master_key=Secret(MASTER_KEY), **settings)
    machine = PusherServer(wanted, random.Random(1))
    async with serve(machine) as server:
        yield Meeting(machine, server, package)


KINDS = [f"{kind}{cache}news" for kind in ("", "private-", "presence-", "private-encrypted-") for cache in ("", "cache-")]


@pytest.mark.parametrize("channel", KINDS)
async def test_events_of_every_kind_of_channel_arrive(package: Path, channel: str) -> None:
    async with meeting(package) as met, met.client() as js:
        await js.subscribe(channel)
        met.publish(channel, "greeting", {"text": "hello"})
        assert (await js.saying(event="greeting"))["data"] == {"text": "hello"}


async def test_members_come_and_go(package: Path) -> None:
    async with meeting(package) as met, met.client("ada") as ada:
        alone = await ada.subscribe("presence-room")
        assert (alone["data"]["count"], alone["data"]["me"]["id"]) == (1, "ada")
        async with met.client("bob") as bob:
            both = await bob.subscribe("presence-room")
            assert set(both["data"]["members"]) == {"ada", "bob"}
            assert (await ada.saying(event="pusher:member_added"))["data"]["id"] == "bob"
        assert (await ada.saying(event="pusher:member_removed"))["data"]["id"] == "bob"


async def test_a_cache_channel_begins_with_its_last_event_or_a_miss(package: Path) -> None:
    async with meeting(package) as met, met.client() as first, met.client() as second:
        await first.subscribe("cache-news")
        await first.saying(event="pusher:cache_miss")
        met.publish("cache-news", "greeting", {"text": "the last"})
        await second.subscribe("cache-news")
        assert (await second.saying(event="greeting"))["data"] == {"text": "the last"}


@pytest.mark.parametrize("channel", ["private-chat", "presence-chat"])
async def test_client_events_pass_between_it_and_our_client(package: Path, channel: str) -> None:
    async with meeting(package) as met, met.client("js") as js:
        config = pusher.Config(url=met.server.url, key=KEY, secret=Secret(SECRET))
        ours = pusher.Subscribe(channel, '{"user_id":"us"}' if channel.startswith("presence-") else None)
        async with pushwire.connect(config) as stream:
            await stream.call(ours)
            await js.subscribe(channel)
            await stream.call(pusher.Trigger(channel, "client-typing", {"text": "hi"}))
            heard = await js.saying(client="client-typing")
            assert (heard["data"], heard.get("user_id")) == ({"text": "hi"}, "us" if ours.channel_data else None)
            await js.do("trigger", channel=channel, event="client-answer", data={"text": "ho"})
            async for event in stream:
                if isinstance(event, pusher.ChannelEvent):
                    assert (event.event, event.data) == ("client-answer", {"text": "ho"})
                    assert event.user_id == ("js" if ours.channel_data else None)
                    break


async def test_a_signature_by_another_secret_is_refused(package: Path) -> None:
    async with meeting(package) as met, met.client(secret="another") as js:
        await js.do("subscribe", channel="private-news")
        refused = await js.saying(event="pusher:subscription_error", channel="private-news")
        assert refused["data"]["type"] == "AuthError"


async def test_after_unsubscribe_nothing_more_arrives(package: Path) -> None:
    async with meeting(package) as met, met.client() as js:
        for channel in ("news", "weather"):
            await js.subscribe(channel)
        await js.do("unsubscribe", channel="news")
        await js.subscribe("sports")
        assert set(met.machine.channels) == {"weather", "sports"}


async def test_it_comes_back_after_a_cut_and_subscribes_again(package: Path) -> None:
    async with meeting(package) as met, met.client() as js:
        await js.subscribe("private-news")
        met.machine.cut_all(trio.current_time())
        met.server.pump()
        await js.saying(event="pusher:subscription_succeeded", channel="private-news")
        met.publish("private-news", "greeting", 1)
        assert (await js.saying(event="greeting"))["data"] == 1


async def test_its_pings_are_answered(package: Path) -> None:
    async with meeting(package) as met, met.client() as js:
        await js.do("ping")
        await js.saying(pong=True)


async def test_a_user_signs_in_and_is_sent_to(package: Path) -> None:
    async with meeting(package) as met, met.client("ada") as js:
        await js.do("signin")
        await js.saying(signed_in=True)
        met.machine.send_to_user("ada", "note", {"text": "hello"})
        met.server.pump()
        assert (await js.saying(user="note"))["data"] == {"text": "hello"}


async def test_another_app_is_none(package: Path) -> None:
    async with meeting(package) as met, met.client(key="other", until="disconnected"):
        assert met.machine.connections == []
