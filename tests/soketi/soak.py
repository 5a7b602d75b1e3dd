"""Minutes of silence on a real server, in real time: `nox -s soak` runs them; the file's name keeps them out of every other run.

soketi closes a connection with 4201 to which it has sent nothing for two minutes, whatever RFC 6455 pings it gets: only the JSON
ping makes it send something (providers/pusher.md, 1).
"""

from __future__ import annotations

from typing import Final

import pytest
import trio

import pushwire
from pushwire.core.events import Down
from pushwire.core.machine import Phase
from pushwire.providers import pusher
from tests.soketi.server import Soketi
from tests.soketi.talk import config, next_of

SILENCE: Final = 305
"""Seconds."""


@pytest.mark.slow
async def test_five_minutes_of_silence_cost_no_connection(soketi: Soketi) -> None:
    async with pushwire.connect(config(soketi)) as stream:
        await stream.call(pusher.Subscribe("private-news"))
        events = aiter(stream)
        with trio.move_on_after(SILENCE):
            async for event in events:
                assert not isinstance(event, Down), event
        session = stream.status.session
        assert (session.phase, session.generation) == (Phase.READY, 1)
        await soketi.publish("private-news", "greeting", '"still there"')
        assert (await next_of(aiter(stream), pusher.ChannelEvent)).data == "still there"
