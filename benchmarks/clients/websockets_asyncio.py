"""websockets on asyncio, and `json.loads`, which is what its users write."""

from __future__ import annotations

import asyncio
import json

from websockets.asyncio.client import connect

from ..payloads import HELLOS, REQUESTS
from .job import Job, Watch, ack


def run(job: Job, watch: Watch) -> None:
    asyncio.run(main(job, watch))


async def main(job: Job, watch: Watch) -> None:
    compression = "deflate" if job.deflate else None
    async with connect(job.url, ssl=job.tls, compression=compression, max_queue=1024, close_timeout=0.1) as connection:
        if REQUESTS[job.kind]:
            await connection.send(REQUESTS[job.kind])
        for _ in range(2 if HELLOS[job.kind] else 1):
            json.loads(await connection.recv())
        left, replies = job.count, job.count if job.acks else 0
        number = 0
        async for text in connection:
            watch.start()
            message = json.loads(text)
            if job.acks and message["type"] != "transaction":
                replies -= 1
            else:
                left -= 1
                if job.acks:
                    number += 1
                    await connection.send(ack(number, message))
            if left == 0 and replies == 0:
                break
        watch.stop()
