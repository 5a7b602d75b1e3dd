"""A Pusher stream against the sandbox on a real socket: channels of every kind, both ways to authorise, reconnects."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import attrs
import pytest
import trio

import pushwire
from pushwire import pusher
from pushwire.errors import AuthenticationRefused, CommandRefused
from pushwire.sandbox import PusherServer, PusherSettings, SandboxServer, serve

MASTER = "A" * 43 + "="
ME = '{"user_id":"me"}'

EventT = TypeVar("EventT")


@attrs.frozen
class Served:
    machine: PusherServer
    server: SandboxServer

    def signing(self, **settings: Any) -> pusher.Config:  # checked by the config
        """A client that has the app's secret."""
        settings.setdefault("secret", pushwire.Secret("s3cret"))
        settings.setdefault("encryption_master_key", pushwire.Secret(MASTER))
        return pusher.Config(url=self.server.url, backoff_first=0.001, **settings)

    def asking(self, **settings: Any) -> pusher.Config:  # as above
        """A client that asks the endpoint."""
        host = self.server.url.partition("/app/")[0].replace("ws", "http", 1)
        settings.setdefault("auth_url", f"{host}/pusher/auth")
        settings.setdefault("user_auth_url", f"{host}/pusher/user-auth")
        return pusher.Config(url=self.server.url, backoff_first=0.001, **settings)

    def publish(self, channel: str, *numbers: int) -> None:
        for number in numbers:
            self.machine.publish(channel, "ev", {"n": number}, trio.current_time())
        self.server.pump()


@asynccontextmanager
async def served(**settings: Any) -> AsyncGenerator[Served]:  # as above
    settings |= {"secret": "s3cret", "encryption_master_key": MASTER}
    machine = PusherServer(PusherSettings(**settings), random.Random(7))
    async with serve(machine) as server:
        yield Served(machine, server)


async def next_of(events: AsyncIterator[pusher.Event], kind: type[EventT]) -> EventT:
    """The next event of this type; others are passed over."""
    while True:
        event = await anext(events)
        if isinstance(event, kind):
            return event


async def numbers(events: AsyncIterator[pusher.Event], count: int) -> list[object]:
    """What the next events on channels say."""
    found = [await next_of(events, pusher.ChannelEvent) for _ in range(count)]
    return [event.data["n"] for event in found if isinstance(event.data, dict)]


CHANNELS = ["public", "private-a", "presence-a", "private-encrypted-a", "cache-a", "private-cache-a", "presence-cache-a"]
CHANNELS.append("private-encrypted-cache-a")


@pytest.mark.parametrize("way", ["signing", "json", "form"])
async def test_channels_of_every_kind(way: str) -> None:
    async with served() as there:
        config = there.signing() if way == "signing" else there.asking(auth_body=way)
        async with pushwire.connect(config) as stream:
            events = aiter(stream)
            for number, channel in enumerate(CHANNELS):
                presence = channel.startswith("presence-")
                reply = await stream.call(pusher.Subscribe(channel, ME if presence and way == "signing" else None))
                assert list(reply.members or ()) == ([reply.me] if presence else [])
                there.publish(channel, number)
                assert await numbers(events, 1) == [number]
                await stream.call(pusher.Unsubscribe(channel))
                there.publish(channel, -1)
    assert there.machine.refused == 0


async def test_a_wrong_key_ends_it() -> None:
    async with served() as there:
        config = attrs.evolve(there.signing(), key="other", url=there.server.url.partition("/app/")[0])
        with pytest.raises(AuthenticationRefused, match="4001"):
            async with pushwire.connect(config):
                raise AssertionError("it cannot be ready")


async def test_a_wrong_secret_refuses_what_is_private_alone() -> None:
    async with served() as there:
        config = attrs.evolve(there.signing(), secret=pushwire.Secret("wrong"))
        async with pushwire.connect(config) as stream:
            with pytest.raises(CommandRefused, match="unauthorized"):
                await stream.call(pusher.Subscribe("private-a"))
            await stream.call(pusher.Subscribe("public"))


async def test_an_endpoint_that_forbids_a_channel() -> None:
    async with served(forbidden=("private-no",)) as there, pushwire.connect(there.asking()) as stream:
        with pytest.raises(CommandRefused, match="HTTP 403"):
            await stream.call(pusher.Subscribe("private-no"))
        await stream.call(pusher.Subscribe("private-yes"))


async def test_a_client_event_reaches_the_others() -> None:
    async with served() as there, pushwire.connect(there.signing()) as one, pushwire.connect(there.signing()) as two:
        await one.call(pusher.Subscribe("presence-a", '{"user_id":1}'))
        await two.call(pusher.Subscribe("presence-a", '{"user_id":2}'))
        added = await next_of(aiter(one), pusher.MemberAdded)
        assert added.member.id == "2"
        await one.call(pusher.Trigger("presence-a", "client-hello", {"n": 1}))
        event = await next_of(aiter(two), pusher.ChannelEvent)
        assert (event.event, event.data, event.user_id) == ("client-hello", {"n": 1}, "1")


async def test_a_user_who_signs_in_is_written_to() -> None:
    async with served() as there, pushwire.connect(there.asking()) as stream:
        signed_in = await stream.call(pusher.SignIn())
        assert signed_in.user_id is not None
        there.machine.send_to_user(signed_in.user_id, "hello", {"n": 1})
        there.server.pump()
        event = await next_of(aiter(stream), pusher.ChannelEvent)
        assert (event.event, event.data) == ("hello", {"n": 1})


async def test_feeds_of_one_stream_read_a_channel_each() -> None:
    async with (
        served() as there,
        pushwire.connect(there.signing()) as stream,
        stream.subscribe(pusher.Subscribe("a")) as a,
        stream.subscribe(pusher.Subscribe("b")) as b,
    ):
        there.publish("a", 1)
        there.publish("b", 2)
        assert (await numbers(aiter(a), 1), await numbers(aiter(b), 1)) == ([1], [2])


@pytest.mark.parametrize("way", ["signing", "asking"])
async def test_through_many_cuts_nothing_is_lost_outside_the_gaps(way: str) -> None:
    async with served(rate=1000.0, max_messages=300, drop_every=60) as there:
        config = there.signing() if way == "signing" else there.asking()
        async with pushwire.connect(config) as stream:
            events = aiter(stream)
            for channel in ("private-a", "public", "private-encrypted-a"):
                await stream.call(pusher.Subscribe(channel))
            arrived: set[object] = set()
            gaps: list[pusher.Gap] = []

            def accounted_for(serial: int, at: float) -> bool:
                return serial in arrived or any(gap.since <= at <= gap.until for gap in gaps)

            while True:
                event = await anext(events)
                assert not isinstance(event, pusher.SubscriptionRefused | pusher.Undecipherable)
                if isinstance(event, pusher.ChannelEvent) and isinstance(event.data, dict):
                    assert event.data["serial"] not in arrived
                    arrived.add(event.data["serial"])
                elif isinstance(event, pusher.Gap):
                    gaps.append(event)
                if there.machine.done and accounted_for(there.machine.sent[-1].serial, there.machine.sent[-1].at):
                    break
            assert all(accounted_for(sent.serial, sent.at) for sent in there.machine.sent)
            assert gaps
