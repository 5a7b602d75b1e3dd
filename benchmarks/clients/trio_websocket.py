"""trio-websocket, and `json.loads`."""

from __future__ import annotations

import contextlib

import trio
import trio_websocket

from .job import Job, Watch, take


def run(job: Job, watch: Watch) -> None:
    trio.run(main, job, watch)


async def main(job: Job, watch: Watch) -> None:
    # The feeder never answers the closing handshake.
    with contextlib.suppress(trio_websocket.DisconnectionTimeout):
        async with trio_websocket.open_websocket_url(job.url, disconnect_timeout=0.1) as connection:
            await take(job, watch, connection.get_message, connection.send_message)
