"""pushwire, with everything on."""

from __future__ import annotations

import trio
import trio.lowlevel

import pushwire
from pushwire import bitpanda, gelabs, pusher

from .job import Job, Watch


def run(job: Job, watch: Watch) -> None:
    trio.run({"push": pushes, "price": prices, "event": events}[job.kind], job, watch)


async def prices(job: Job, watch: Watch) -> None:
    config = bitpanda.Config(token=pushwire.Secret("token"), url=job.url, compression=job.deflate)
    left = job.count
    async with pushwire.connect(config, tls=job.tls, close_within=0.1) as stream:
        await stream.call(bitpanda.Subscribe("prices-v1"))
        async for batch in stream.batches(256):
            watch.start()
            left -= sum(isinstance(event, bitpanda.Price) for event in batch)
            if left == 0:
                break
        watch.stop()


async def events(job: Job, watch: Watch) -> None:
    config = pusher.Config(key="key", url=job.url, compression=job.deflate)
    left = job.count
    async with pushwire.connect(config, tls=job.tls, close_within=0.1) as stream:
        await stream.call(pusher.Subscribe("rates"))
        async for batch in stream.batches(256):
            watch.start()
            left -= sum(isinstance(event, pusher.ChannelEvent) for event in batch)
            if left == 0:
                break
        watch.stop()


async def pushes(job: Job, watch: Watch) -> None:
    config = gelabs.Config(api_key=pushwire.Secret("key"), url=job.url, compression=job.deflate)
    left = job.count
    async with pushwire.connect(config, store=pushwire.MemoryStore(), tls=job.tls, close_within=0.1) as stream:
        async for batch in stream.batches(256):
            watch.start()
            transactions = [event for event in batch if isinstance(event, gelabs.Transaction)]
            left -= len(transactions)
            if job.acks:
                await stream.ack(*transactions)
            if left == 0:
                break
        if job.acks:
            await confirmed(stream, job.count)
        watch.stop()


async def confirmed(stream: pushwire.Stream[gelabs.Event], count: int) -> None:
    """Return when the provider has confirmed all ACKs. Nothing tells when that is, so this looks whenever others have run."""
    while stream.status.session.acks_confirmed < count:
        await trio.lowlevel.checkpoint()
