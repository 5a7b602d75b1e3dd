"""pushwire, with everything on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import trio
import trio.lowlevel

import pushwire
from pushwire import bitpanda, gelabs, pusher

from .job import Job, Watch

MOST: Final = 1024
"""Events taken at a time: more than a read brings."""


def run(job: Job, watch: Watch) -> None:
    trio.run({"push": pushes, "price": prices, "event": events}[job.kind], job, watch)


async def prices(job: Job, watch: Watch) -> None:
    config = bitpanda.Config(token=pushwire.Secret("token"), url=job.url, compression=job.deflate)
    left = job.count
    async with pushwire.connect(config, tls=job.tls, close_within=0.1) as stream:
        await stream.call(bitpanda.Subscribe("prices-v1"))
        async for batch in stream.batches(MOST):
            watch.start()
            left -= _count(batch, bitpanda.Price)
            if left == 0:
                break
            del batch  # or it has its place in the processor's caches while the next is read
        watch.stop()


async def events(job: Job, watch: Watch) -> None:
    config = pusher.Config(key="key", url=job.url, compression=job.deflate)
    left = job.count
    async with pushwire.connect(config, tls=job.tls, close_within=0.1) as stream:
        await stream.call(pusher.Subscribe("rates"))
        async for batch in stream.batches(MOST):
            watch.start()
            left -= _count(batch, pusher.ChannelEvent)
            if left == 0:
                break
            del batch  # or it has its place in the processor's caches while the next is read
        watch.stop()


async def pushes(job: Job, watch: Watch) -> None:
    config = gelabs.Config(api_key=pushwire.Secret("key"), url=job.url, compression=job.deflate)
    left = job.count
    async with pushwire.connect(config, store=pushwire.MemoryStore(), tls=job.tls, close_within=0.1) as stream:
        async for batch in stream.batches(MOST):
            watch.start()
            left -= _count(batch, gelabs.Transaction)
            if job.acks:
                await stream.ack(*[event for event in batch if isinstance(event, gelabs.Transaction)])
            if left == 0:
                break
            del batch  # or it has its place in the processor's caches while the next is read
        if job.acks:
            await confirmed(stream, job.count)
        watch.stop()


def _count(batch: Sequence[object], kind: type) -> int:
    """How many are of that type. The peers do nothing with a message either but count it."""
    return list(map(type, batch)).count(kind)


async def confirmed(stream: pushwire.Stream[gelabs.Event], count: int) -> None:
    """Return when the provider has confirmed all ACKs. Nothing tells when that is, so this looks whenever others have run."""
    while stream.status.session.acks_confirmed < count:
        await trio.lowlevel.checkpoint()
