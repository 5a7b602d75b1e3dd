"""Users who sign in, on a real server whose app wants that."""

from __future__ import annotations

import pytest

import pushwire
from pushwire.core.events import Up
from pushwire.core.secrets import Secret
from pushwire.errors import CommandRefused
from pushwire.providers import pusher
from tests.soketi.server import USERS, Soketi
from tests.soketi.talk import next_of

ADA = pusher.SignIn('{"id":"ada","user_info":{"name":"Ada"}}')


def config(soketi: Soketi, secret: str = USERS.secret) -> pusher.Config:
    return pusher.Config(url=soketi.url, key=USERS.key, secret=Secret(secret), backoff_first=0.1, backoff_cap=0.5)


async def test_what_is_sent_to_a_user_arrives_also_after_a_restart(soketi: Soketi) -> None:
    async with pushwire.connect(config(soketi)) as stream:
        events = aiter(stream)
        for times in range(2):
            assert (await stream.call(ADA)).user_id == "ada"
            # The user's own channel, which is asked for after the sign-in, is confirmed before this: the server keeps the order.
            await stream.call(pusher.Subscribe(f"news-{times}"))
            await soketi.publish("#server-to-user-ada", "note", f'"hello {times}"', USERS)
            event = await next_of(events, pusher.ChannelEvent)
            assert (event.channel, event.event, event.data) == ("#server-to-user-ada", "note", f"hello {times}")
            if times == 0:
                await soketi.restart()
                await next_of(events, Up)


async def test_a_sign_in_by_another_secret_is_refused(soketi: Soketi) -> None:
    async with pushwire.connect(config(soketi, "another")) as stream:
        with pytest.raises(CommandRefused):
            await stream.call(ADA)
