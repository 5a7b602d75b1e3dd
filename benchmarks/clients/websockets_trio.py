"""websockets on trio, and `json.loads`."""

from __future__ import annotations

import trio
from websockets.trio.client import connect

from .job import Job, Watch, take


def run(job: Job, watch: Watch) -> None:
    trio.run(main, job, watch)


async def main(job: Job, watch: Watch) -> None:
    async with connect(job.url, compression=None, max_queue=1024, close_timeout=0.1) as connection:
        await take(job, watch, connection.recv, connection.send)
