"""Authorisation by an endpoint, with a real server to judge it."""

from __future__ import annotations

import pytest
import trio

import pushwire
from pushwire.core.events import Up
from pushwire.core.secrets import Secret
from pushwire.errors import CommandRefused
from pushwire.providers import pusher
from pushwire.providers.pusher.auth import AuthBody
from tests.soketi.endpoint import Asked, serving
from tests.soketi.server import KEY, Soketi
from tests.soketi.talk import PATIENCE, next_of


def config(soketi: Soketi, auth_url: str, body: AuthBody = "form") -> pusher.Config:
    """A connection that has no secret."""
    return pusher.Config(
        url=soketi.url,
        key=KEY,
        auth_url=auth_url,
        auth_body=body,
        auth_headers={"X-User": Secret("ada")},
        backoff_first=0.1,
        backoff_cap=0.5,
        reply_timeout=PATIENCE,
    )


@pytest.mark.parametrize("body", ["form", "json"])
async def test_an_endpoint_authorises_private_and_presence_channels(soketi: Soketi, body: AuthBody) -> None:
    async with serving() as endpoint, pushwire.connect(config(soketi, endpoint.url, body)) as stream:
        await stream.call(pusher.Subscribe("private-news"))
        room = await stream.call(pusher.Subscribe("presence-room"))
        assert (set(room.members or ()), room.me) == ({"ada"}, "ada")
        assert [asked.headers["x-user"] for asked in endpoint.asked] == ["ada"] * 2
        for channel in ("private-news", "presence-room"):
            await soketi.publish(channel, "greeting", "1")
        events = aiter(stream)
        assert [(await next_of(events, pusher.ChannelEvent)).channel for _ in range(2)] == ["private-news", "presence-room"]


async def test_what_the_endpoint_refuses_is_refused(soketi: Soketi) -> None:
    def refuse(asked: Asked) -> tuple[int, dict[str, str]]:
        return 403, {}

    async with serving(refuse) as endpoint, pushwire.connect(config(soketi, endpoint.url)) as stream:
        with pytest.raises(CommandRefused, match="HTTP 403"):
            await stream.call(pusher.Subscribe("private-news"))


async def test_every_connection_asks_anew_and_a_late_answer_reaches_no_other(soketi: Soketi) -> None:
    async with serving() as endpoint, pushwire.connect(config(soketi, endpoint.url)) as stream:
        events = aiter(stream)
        await next_of(events, Up)
        endpoint.gate = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.call, pusher.Subscribe("private-news"))
            with trio.fail_after(PATIENCE):
                await endpoint.arrived.wait()
            await soketi.restart()
            await next_of(events, Up)
            # The first answer comes now that its socket is gone.
            endpoint.gate.set()
        await soketi.publish("private-news", "greeting", "1")
        assert (await next_of(events, pusher.ChannelEvent)).data == 1
        first, second = (asked.fields["socket_id"] for asked in endpoint.asked)
        assert first != second
