"""pushwire, with everything on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import trio
import trio.lowlevel

import pushwire
from pushwire import bitpanda, gelabs, pusher

from .job import Job, Watch

EventT = TypeVar("EventT")

MOST: Final = 1024
"""Events taken at a time: more than a read brings."""


def run(job: Job, watch: Watch) -> None:
    trio.run({"push": pushes, "price": prices, "event": events}[job.kind], job, watch)


async def prices(job: Job, watch: Watch) -> None:
    config = bitpanda.Config(token=pushwire.Secret("token"), url=job.url, compression=job.deflate)
    async with pushwire.connect(config, tls=job.tls, close_within=0.1) as stream:
        await stream.call(bitpanda.Subscribe("prices-v1"))
        await take(stream, bitpanda.Price, job, watch)
        watch.stop()


async def events(job: Job, watch: Watch) -> None:
    config = pusher.Config(key="key", url=job.url, compression=job.deflate)
    async with pushwire.connect(config, tls=job.tls, close_within=0.1) as stream:
        await stream.call(pusher.Subscribe("rates"))
        await take(stream, pusher.ChannelEvent, job, watch)
        watch.stop()


async def pushes(job: Job, watch: Watch) -> None:
    config = gelabs.Config(api_key=pushwire.Secret("key"), url=job.url, compression=job.deflate)
    async with pushwire.connect(config, store=pushwire.MemoryStore(), tls=job.tls, close_within=0.1) as stream:

        async def ack(batch: list[gelabs.Event]) -> None:
            await stream.ack(*[event for event in batch if isinstance(event, gelabs.Transaction)])

        await take(stream, gelabs.Transaction, job, watch, ack if job.acks else None)
        if job.acks:
            await confirmed(stream, job.count)
        watch.stop()


async def take(
    stream: pushwire.Stream[EventT],
    kind: type[object],
    job: Job,
    watch: Watch,
    done: Callable[[list[EventT]], Awaitable[None]] | None = None,
) -> None:
    """Take as many events of that type as the job says; `done` with each batch."""
    left = job.count
    async for batch in stream.batches(MOST):
        watch.start()
        # The peers do nothing with a message either but count it.
        left -= list(map(type, batch)).count(kind)
        if done is not None:
            await done(batch)
        if left == 0:
            break
        del batch  # or it has its place in the processor's caches while the next is read


async def confirmed(stream: pushwire.Stream[gelabs.Event], count: int) -> None:
    """Return when the provider has confirmed all ACKs. Nothing tells when that is, so this looks whenever others have run."""
    while stream.status.session.acks_confirmed < count:
        await trio.lowlevel.checkpoint()
