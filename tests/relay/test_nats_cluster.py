"""Events in three NATS servers at once: stored once, also through the loss of the one that leads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
import trio

from pushwire.relay.entries import Entry, Outcome
from pushwire.relay.sinks.base import SinkError
from pushwire.relay.sinks.nats import NatsSink
from tests.relay.kit import entry
from tests.relay.nats_kit import STREAM
from tests.relay.nats_server import NatsServer, needed_cluster

BATCH = 100
EVENTS = 2_000


def sink_to(servers: Sequence[NatsServer]) -> NatsSink:
    return NatsSink([one.url for one in servers], STREAM, create=True, monitors=[one.monitor for one in servers])


async def opened(sink: NatsSink) -> None:
    """Open it, as often as that takes: a cluster that begins, or has lost a server, has no leader for a while."""
    while True:
        try:
            return await sink.open()
        except SinkError:
            await sink.close()


async def bring(sink: NatsSink, entries: Sequence[Entry]) -> None:
    """Write it all in batches, each until it is settled."""
    await opened(sink)
    for start in range(0, len(entries), BATCH):
        due = list(entries[start : start + BATCH])
        while due:
            with trio.move_on_after(5):
                try:
                    answers = await sink.write(due)
                except SinkError:
                    answers = [Outcome.UNKNOWN] * len(due)
                due = [one for one, answer in zip(due, answers, strict=True) if answer is Outcome.UNKNOWN]
            if due:
                await sink.close()
                await opened(sink)
    await sink.close()


@pytest.mark.slow
async def test_two_relays_store_each_once_through_the_loss_of_the_leader() -> None:
    with needed_cluster() as servers, trio.fail_after(150):
        sink = sink_to(servers)
        await opened(sink)
        lines = list(await sink.check())
        assert any("in a file of most of 3 servers" in line for line in lines)
        assert any("sync_interval is always" in line for line in lines)
        name = str(servers[0].request(f"$JS.API.STREAM.INFO.{STREAM}")["cluster"]["leader"])
        leader = servers[int(name.removeprefix("n"))]
        entries = [entry(number) for number in range(EVENTS)]
        await bring(sink, entries[: EVENTS // 2])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bring, sink, entries)
            nursery.start_soon(bring, sink_to(servers[::-1]), entries)
            await trio.to_thread.run_sync(leader.kill)
        await opened(sink)
        assert any(f"of server {name}, which is not there" in line for line in await sink.check())
        await sink.close()
        left = next(server for server in servers if server is not leader)
        assert Counter(left.ids(STREAM)) == {f"wallets:{number}": 1 for number in range(EVENTS)}
