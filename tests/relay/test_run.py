"""The relay in this process, against a sandbox on a real socket."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio

from pushwire.core.effects import Committed, Ticket, Write
from pushwire.core.machine import Phase
from pushwire.core.secrets import Secret
from pushwire.errors import AuthenticationRefused, CommandRefused, ConfigError, StoreError
from pushwire.providers import gelabs as provider
from pushwire.relay.config import StreamSettings
from pushwire.relay.entries import Answer, Entry, Outcome, Refused
from pushwire.relay.link import Link
from pushwire.relay.loop import Limits, Timing
from pushwire.relay.run import INBOX_BYTES, Relay
from pushwire.relay.sinks.base import Sink
from pushwire.relay.sinks.function import FunctionSink
from pushwire.relay.sinks.sqlite import SqliteSink
from pushwire.sandbox import GelabsSettings
from pushwire.sandbox.gelabs_book import Connection
from pushwire.sandbox.server import serve
from pushwire.stores.memory import MemoryStore
from pushwire.stores.sqlite import SqliteStore
from tests.cli.program import KEY, PATIENCE, Gelabs, gelabs
from tests.shell.sockets import Proxy
from tests.shell.sockets import serve as serve_proxy

FLOOD = 3 * INBOX_BYTES // 1_000
"""Messages."""
QUICK = Timing(backoff_first=0.01, backoff_cap=0.02, stop_within=5)


class Kept:
    """A sink that keeps what it is given, after whatever `before` does."""

    def __init__(self, before: Callable[[Sequence[Entry]], Sequence[Answer] | None] = lambda _: None) -> None:
        self.keys: list[str | None] = []
        self.kinds: list[str] = []
        self._before = before
        self.opened = self.closed = 0
        self.refusals = 0
        self.hangs = False
        self.given_up = trio.Event()

    async def open(self) -> None:
        self.opened += 1
        if self.refusals:
            self.refusals -= 1
            raise OSError("away")

    async def write(self, batch: Sequence[Entry]) -> Sequence[Answer]:
        if self.hangs:
            try:
                await trio.sleep_forever()
            finally:
                self.given_up.set()
        answers = self._before(batch)
        if answers is not None:
            return answers
        self.keys += (entry.key for entry in batch)
        self.kinds += (entry.kind for entry in batch)
        return [Outcome.STORED] * len(batch)

    async def close(self) -> None:
        self.closed += 1

    async def check(self) -> Sequence[str]:
        return ()


def stream(url: str, *commands: provider.Subscribe, key: str = KEY) -> StreamSettings:
    config = provider.Config(api_key=Secret(key), url=url, backoff_first=0.01, backoff_cap=0.02, close_within=1)
    return StreamSettings("wallets", config, commands)


@asynccontextmanager
async def relaying(relay: Relay) -> AsyncGenerator[None]:
    """The relay runs within the block, and is stopped at its end."""
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(relay.run)
            yield
            relay.stop()


def all_acked(server: Gelabs, count: int) -> Callable[[], bool]:
    return lambda: server.generated == count and not server.unacked()


async def test_each_event_is_stored_and_then_acked() -> None:
    server, sink = gelabs(rate=2000, max_messages=300), Kept()
    async with serve(server) as sandbox:
        relay = Relay([stream(sandbox.url)], sink, ledger=MemoryStore(), timing=QUICK)
        async with relaying(relay):
            await server.until(all_acked(server, 300))
    assert len(sink.keys) == len(set(sink.keys)) == 300
    assert relay.counts == {"stored": 300}
    assert (sink.opened, sink.closed) == (1, 1)


async def test_what_the_sink_does_not_answer_for_is_written_again_and_never_acked_before() -> None:
    fails = iter([True, False, True, True])
    server = gelabs(rate=2000, max_messages=200)

    def before(batch: Sequence[Entry]) -> None:
        if next(fails, False):
            acked = {message.identity for message in server.messages.values() if message.acked}
            assert not acked & {entry.identity for entry in batch}
            raise OSError("cut")

    sink = Kept(before)
    sink.refusals = 2
    async with serve(server) as sandbox:
        relay = Relay([stream(sandbox.url)], sink, ledger=MemoryStore(), timing=QUICK)
        async with relaying(relay):
            await server.until(all_acked(server, 200))
    assert len(sink.keys) == len(set(sink.keys)) == 200
    assert relay.counts["unknown"] > 0


async def test_a_sink_that_stands_still_holds_back_a_bounded_number_and_goes_on_by_itself() -> None:
    server, sink = gelabs(rate=4000, max_messages=400), Kept()
    sink.hangs = True
    limits = Limits(max_events=50, batch_events=10)
    async with serve(server) as sandbox:
        config = stream(sandbox.url)
        relay = Relay([config], sink, ledger=MemoryStore(), timing=Timing(write_within=0.05, backoff_first=0.01), limits=limits)
        async with relaying(relay):
            await sink.given_up.wait()
            await server.until(lambda: server.generated == 400)
            assert relay._loop.held("wallets")[0] <= 50
            assert server.acks == 0
            sink.hangs = False
            await server.until(all_acked(server, 400))
    assert len(sink.keys) == 400


async def test_stop_gives_up_a_sink_that_hangs_and_acks_nothing() -> None:
    server, sink = gelabs(rate=2000, max_messages=20), Kept()
    sink.hangs = True
    async with serve(server) as sandbox:
        relay = Relay([stream(sandbox.url)], sink, ledger=MemoryStore(), timing=Timing(stop_within=0.05))
        async with relaying(relay):
            await server.until(lambda: server.generated == 20)
    assert (server.acks, sink.closed) == (0, 1)


async def test_what_the_sink_refuses_is_parked_and_acked(tmp_path: Path) -> None:
    server = gelabs(rate=2000, max_messages=10)
    sink = Kept(lambda batch: [Refused("too large")] * len(batch))
    store = SqliteStore(tmp_path / "ledger.db")
    async with serve(server) as sandbox, relaying(Relay([stream(sandbox.url)], sink, ledger=store, timing=QUICK)):
        await server.until(all_acked(server, 10))
        parked = await store.parked()
    assert {record.note for record in parked} == {"too large"}
    assert len(parked) == 10


class Failing(MemoryStore):
    """A store whose first commits of tickets fail."""

    failures = 3

    def commit_now(self, namespace: str, writes: Sequence[Write], mark: float, books: object) -> Committed:
        if any(write.ticket is not None for write in writes) and self.failures:
            self.failures -= 1
            raise StoreError("full")
        return super().commit_now(namespace, writes, mark, dict[Ticket, Callable[[None], object]]())


@pytest.mark.parametrize("refuses", [False, True])
async def test_a_ledger_that_fails_is_asked_again(refuses: bool) -> None:
    server, store = gelabs(rate=2000, max_messages=30), Failing()
    sink = Kept((lambda batch: [Refused("no")] * len(batch)) if refuses else lambda _: None)
    async with serve(server) as sandbox, relaying(Relay([stream(sandbox.url)], sink, ledger=store, timing=QUICK)):
        await server.until(all_acked(server, 30))
    assert store.failures == 0
    assert len(sink.keys) == (0 if refuses else 30)


async def test_a_stream_that_fails_for_good_ends_the_relay_with_its_error() -> None:
    async with serve(gelabs()) as sandbox:
        with trio.fail_after(PATIENCE), pytest.raises(AuthenticationRefused):
            await Relay([stream(sandbox.url, key="wrong")], Kept(), ledger=MemoryStore(), timing=QUICK).run()


async def test_a_refused_subscription_ends_the_relay_with_its_error() -> None:
    class Refusing(Gelabs):
        def _on_subscribe(self, connection: Connection, command_id: str, fields: dict[str, object], _now: float) -> None:
            self._reply(connection.conn, command_id, "subscribe", None, 400, "no such chain")

    async with serve(Refusing(GelabsSettings(keys=[KEY]))) as sandbox:
        wrong = stream(sandbox.url, provider.Subscribe(address="0xaa", chain_type="none"))
        with trio.fail_after(PATIENCE), pytest.raises(CommandRefused):
            await Relay([wrong], Kept(), ledger=MemoryStore(), timing=QUICK).run()


async def test_a_subscription_whose_reply_lies_behind_more_than_may_wait_is_asked_for_again() -> None:
    class Flooding(Gelabs):
        """Sends more than a relay may take before its sink answers, then the reply."""

        asked = 0

        def _on_subscribe(self, connection: Connection, command_id: str, fields: dict[str, object], now: float) -> None:
            self.asked += 1
            for number in range(FLOOD if self.asked == 1 else 0):
                self.push({"chain_type": "base", "txhash": f"0x{number:064x}", "note": "x" * 1_000}, now)
            super()._on_subscribe(connection, command_id, fields, now)

    server, sink = Flooding(GelabsSettings(keys=[KEY])), Kept()
    sink.hangs = True
    limits = Limits(max_events=50, batch_events=10)
    timing = Timing(write_within=0.05, backoff_first=0.01, backoff_cap=0.02)
    async with serve(server) as sandbox:
        wallets = stream(sandbox.url, provider.Subscribe(address="0xaa", chain_type="base"))
        relay = Relay([wallets], sink, ledger=MemoryStore(), timing=timing, limits=limits)
        async with relaying(relay):
            while relay._room.statistics().tasks_waiting < 2:  # the reading, and the asking
                await trio.lowlevel.checkpoint()
            sink.hangs = False
            await server.until(lambda: server.asked > 1 and len(server.messages) == FLOOD and not server.unacked())
    assert len(sink.keys) == FLOOD


async def test_cancelling_it_closes_the_sink() -> None:
    server, sink = gelabs(rate=100), Kept()
    async with serve(server) as sandbox:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(Relay([stream(sandbox.url)], sink, ledger=MemoryStore()).run)
                await server.until(lambda: server.acks > 0)
                scope.cancel()
    assert sink.closed == 1


async def test_stopped_before_it_runs_it_ends_at_once() -> None:
    relay = Relay([stream("ws://127.0.0.1:1/")], Kept(), ledger=MemoryStore())
    relay.stop()
    with trio.fail_after(PATIENCE):
        await relay.run()


async def test_what_comes_after_a_restart_is_stored_once(tmp_path: Path) -> None:
    server = gelabs(rate=2000, max_messages=100)
    sink = SqliteSink(tmp_path / "events.db")

    lost = trio.Event()

    async def loses_the_answer(batch: Sequence[Entry]) -> Sequence[Answer]:
        await sink.write(batch)
        lost.set()
        raise OSError("the answer is lost")

    async with serve(server) as sandbox:
        await sink.open()
        lossy: Sink = FunctionSink(loses_the_answer)
        relay = Relay([stream(sandbox.url)], lossy, ledger=MemoryStore(), timing=Timing(stop_within=0.05))
        async with relaying(relay):
            await server.until(lambda: server.generated == 100)
            await lost.wait()
        await sink.close()
        assert server.acks == 0
        relay = Relay([stream(sandbox.url)], sink, ledger=MemoryStore(), timing=QUICK)
        async with relaying(relay):
            await server.until(all_acked(server, 100))
    assert relay.counts["duplicate"] > 0
    assert sum(relay.counts.values()) == 100
    assert math.isinf(relay._loop.next_deadline()) or relay._loop.finished


async def test_it_shows_where_it_stands_and_counts_what_has_become_of_events() -> None:
    server = gelabs(rate=2000, max_messages=100)
    fails = iter([True])

    def before(batch: Sequence[Entry]) -> None:
        if next(fails, False):
            raise OSError("cut")

    sink = Kept(before)
    sink.refusals = 1
    async with serve(server) as sandbox:
        relay = Relay([stream(sandbox.url)], sink, ledger=Failing(), timing=QUICK)
        async with relaying(relay):
            await server.until(all_acked(server, 100))
            look = relay.look()
            assert (look.sink, look.away_since, look.error, look.stopping) == (Link.OPEN, None, "OSError: cut", False)
            wallets = look.streams["wallets"]
            assert wallets.status is not None
            assert (wallets.status.session.phase, wallets.down_since, wallets.taking) == (Phase.READY, None, True)
        ended = relay.look()
    tally = relay.tally
    assert (tally.open_failures, tally.opened, tally.backoffs, tally.unknown_writes) == (1, 2, 2, 1)
    assert tally.outcomes["wallets"]["stored"] == 100
    assert tally.store_errors["wallets"] == Failing.failures
    assert tally.streams["wallets"].deliveries["new"] == 100
    assert min(tally.commits.buckets[-1][1], tally.writes.buckets[-1][1]) > 0
    assert (ended.sink, ended.stopping, ended.streams["wallets"].events) == (Link.CLOSED, True, 0)
    assert ended.away_since is not None


async def test_several_relays_of_a_stream_whose_messages_have_no_ids_are_refused_without_a_word_about_it() -> None:
    plan = attrs.evolve(stream("ws://127.0.0.1:1/"), unidentified="its document names no ids")
    with pytest.raises(ConfigError, match=r"streams\.wallets: gelabs is at least once, since its document names no ids"):
        Relay([plan], Kept(), active_active=True)
    Relay([attrs.evolve(plan, accept_duplicates=True)], Kept(), active_active=True)
    Relay([attrs.evolve(plan, unidentified="")], Kept(), active_active=True)
    Relay([plan], Kept())


async def test_a_stream_with_a_proxy_goes_through_it(nursery: trio.Nursery) -> None:
    proxy = Proxy()
    port = await serve_proxy(nursery, proxy.http)
    server, sink = gelabs(rate=2000, max_messages=10), Kept()
    async with serve(server) as sandbox:
        plan = attrs.evolve(stream(sandbox.url), proxy=f"http://127.0.0.1:{port}")
        async with relaying(Relay([plan], sink, ledger=MemoryStore(), timing=QUICK)):
            await server.until(all_acked(server, 10))
    assert len(sink.keys) == 10
    assert proxy.asked == ["127.0.0.1"]
