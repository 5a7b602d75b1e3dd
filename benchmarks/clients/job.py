"""What a client is to do, and the watch that it is timed with."""

from __future__ import annotations

import gc
import json
import ssl
import time
from collections.abc import Awaitable, Callable

import attrs

from ..payloads import HELLOS, REQUESTS

__all__ = ["Job", "Watch", "ack", "take"]


@attrs.frozen
class Job:
    """Take `count` messages from `url`; `acks`: ACK each."""

    url: str
    kind: str
    count: int
    acks: bool = False
    deflate: bool = False
    tls: ssl.SSLContext | None = None


class Watch:
    """Measures from the first message to the last."""

    def __init__(self) -> None:
        self.started: tuple[float, float] | None = None
        self.taken: tuple[float, float] = (0.0, 0.0)

    def start(self) -> None:
        if self.started is None:
            # What importing and connecting left is none of the messages': a full pass over it is worth tens of milliseconds.
            gc.collect()
            self.started = (time.perf_counter(), time.process_time())

    def stop(self) -> None:
        assert self.started is not None
        self.taken = (time.perf_counter() - self.started[0], time.process_time() - self.started[1])


def ack(number: int, push: dict[str, dict[str, object]]) -> str:
    data = {"chain_type": push["data"]["chain_type"], "chain_id": push["data"].get("chain_id"), "txHash": push["data"]["txhash"]}
    return json.dumps({"id": str(number), "type": "transactionACK", "data": data})


async def take(
    job: Job, watch: Watch, receive: Callable[[], Awaitable[str | bytes]], send: Callable[[str], Awaitable[None]]
) -> None:
    """What is done by hand on a connection of any library."""
    if REQUESTS[job.kind]:
        await send(REQUESTS[job.kind])
    for _ in range(2 if HELLOS[job.kind] else 1):
        json.loads(await receive())
    left, replies = job.count, job.count if job.acks else 0
    while left or replies:
        message = json.loads(await receive())
        watch.start()
        if job.acks and message["type"] != "transaction":
            replies -= 1
            continue
        left -= 1
        if job.acks:
            await send(ack(left, message))
    watch.stop()
