"""A server that goes away and comes back: everything is as before, and the gap is told."""

from __future__ import annotations

import base64
import json

import pytest

import pushwire
from pushwire.core.events import Down, Gap, Up
from pushwire.providers import pusher
from pushwire.providers.pusher.encryption import NONCE_SIZE, encrypt
from pushwire.providers.pusher.signing import shared_secret
from tests.soketi.server import Soketi
from tests.soketi.talk import MASTER_KEY, config, member, next_of

COMMANDS = [
    pusher.Subscribe("news"),
    pusher.Subscribe("private-news"),
    pusher.Subscribe("presence-room", member("ada", name="Ada")),
    pusher.Subscribe("private-encrypted-news"),
    pusher.Subscribe("cache-news"),
]


def encoded(channel: str, text: str) -> str:
    """The data with which `text` is published on a channel."""
    data = json.dumps(text)
    if not channel.startswith("private-encrypted-"):
        return data
    return encrypt(shared_secret(channel, base64.b64decode(MASTER_KEY)), data, bytes(NONCE_SIZE))


@pytest.mark.parametrize("kill", [False, True], ids=["ended in good order", "killed"])
async def test_all_subscriptions_live_through_a_restart(soketi: Soketi, kill: bool) -> None:
    async with pushwire.connect(config(soketi)) as stream:
        events = aiter(stream)
        for command in COMMANDS:
            await stream.call(command)
        for times in range(2):
            for command in COMMANDS:
                await soketi.publish(command.channel, "greeting", encoded(command.channel, f"hello {times}"))
            seen: dict[str, object] = {}
            while len(seen) < len(COMMANDS):
                event = await next_of(events, pusher.ChannelEvent)
                seen[event.channel] = event.data
            assert seen == {command.channel: f"hello {times}" for command in COMMANDS}
            if times == 0:
                await soketi.restart(kill=kill)
                await next_of(events, Down)
                await next_of(events, Up)
                room = await next_of(events, pusher.Members)
                assert set(room.members) == {"ada"}
                gap = await next_of(events, Gap)
                assert gap.since <= gap.until
        assert set(await soketi.channels()) == {command.channel for command in COMMANDS}
