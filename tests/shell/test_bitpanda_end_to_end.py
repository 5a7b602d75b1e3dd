"""A Bitpanda stream against the sandbox on a real socket: tokens, prices, feeds, reconnects, and the books of both sides."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager

import attrs
import pytest
import trio

import pushwire
from pushwire import bitpanda
from pushwire.core.effects import Identity
from pushwire.errors import AuthenticationRefused, CommandRefused
from pushwire.providers.bitpanda import PRICES
from pushwire.sandbox import BitpandaServer, BitpandaSettings, SandboxServer, serve
from pushwire.sandbox.bitpanda_tokens import TOKEN_PATH
from pushwire.testing.bitpanda import AAPL, BTC

ETH = bitpanda.Pair("cr", "ETH", "EUR")


class Noticing(BitpandaServer):
    """A Bitpanda that tells when something happened to it."""

    def __init__(self, settings: BitpandaSettings, rng: random.Random) -> None:
        super().__init__(settings, rng)
        self.changed = trio.lowlevel.ParkingLot()
        self.signs = 0

    def sign_of_life(self, conn: int, now: float) -> None:
        super().sign_of_life(conn, now)
        self.signs += conn in self.connections
        self.changed.unpark_all()

    def receive(self, conn: int, message: str | bytes, now: float) -> None:
        super().receive(conn, message, now)
        self.changed.unpark_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self.changed.park()


@attrs.frozen
class Served:
    machine: Noticing
    server: SandboxServer

    def config(self, *, stale_after: float = 60.0, ping_interval: float = 25.0) -> bitpanda.Config:
        return bitpanda.Config(
            url=self.server.url,
            token=pushwire.Secret("t1"),
            backoff_first=0.001,
            stale_after=stale_after,
            ping_interval=ping_interval,
        )

    def push(self, *pairs: bitpanda.Pair) -> list[Identity]:
        """Send a price of each."""
        pushed = [self.machine.push(pair, trio.current_time()).identity for pair in pairs]
        self.server.pump()
        return pushed


@asynccontextmanager
async def served(settings: BitpandaSettings | None = None) -> AsyncGenerator[Served]:
    machine = Noticing(settings or BitpandaSettings(tokens=("t1",)), random.Random(7))
    async with serve(machine) as server:
        yield Served(machine, server)


async def take(events: AsyncIterator[bitpanda.Event], number: int) -> list[Identity]:
    """The next prices, by what tells them apart; other events are passed over."""
    taken: list[Identity] = []
    while len(taken) < number:
        event = await anext(events)
        if isinstance(event, bitpanda.Price):
            taken.append(event.identity)
    return taken


async def test_prices_come_as_they_were_sent() -> None:
    async with served() as there, pushwire.connect(there.config()) as stream:
        await stream.call(bitpanda.Subscribe(PRICES, [BTC, AAPL]))
        pushed = there.push(BTC, ETH, AAPL, BTC)
        assert await take(aiter(stream), 3) == [pushed[0], *pushed[2:]]


async def test_what_is_not_in_the_domain_is_refused_in_the_providers_words() -> None:
    async with served() as there, pushwire.connect(there.config()) as stream:
        with pytest.raises(CommandRefused, match="asset not found for domain: ABC"):
            await stream.call(bitpanda.Subscribe(PRICES, [bitpanda.Pair("cr", "ABC", "EUR")]))
        with pytest.raises(CommandRefused, match="fiat not found: XXX"):
            await stream.call(bitpanda.Subscribe(PRICES, fiats=["XXX"]))
        with pytest.raises(CommandRefused, match="channel not supported"):
            await stream.call(bitpanda.Subscribe("prices-v9"))


async def test_a_wrong_token_ends_it() -> None:
    async with served() as there:
        config = attrs.evolve(there.config(), token=pushwire.Secret("wrong"))
        with pytest.raises(AuthenticationRefused):
            async with pushwire.connect(config):
                raise AssertionError("it cannot be ready")


async def test_a_dropped_pair_no_longer_comes_and_the_others_go_on() -> None:
    async with served() as there, pushwire.connect(there.config()) as stream:
        await stream.call(bitpanda.Subscribe(PRICES, [BTC, AAPL, ETH]))
        await stream.call(bitpanda.Drop(PRICES, [AAPL]))
        # It returns when the channel was given up; what is left stands again behind the next command of the channel.
        await stream.call(bitpanda.Subscribe(PRICES, [BTC]))
        pushed = there.push(AAPL, BTC, ETH)
        assert await take(aiter(stream), 2) == pushed[1:]


async def test_several_tasks_read_feeds_of_one_stream_and_the_last_to_leave_unsubscribes() -> None:
    async with served() as there, pushwire.connect(there.config()) as stream:
        async with stream.subscribe(bitpanda.Subscribe(PRICES, [BTC, AAPL])) as wide:
            async with stream.subscribe(bitpanda.Subscribe(PRICES, [BTC])) as narrow:
                pushed = there.push(AAPL, BTC)
                assert await take(aiter(wide), 2) == pushed
                assert await take(aiter(narrow), 1) == pushed[1:]
            (conn,) = there.machine.connections
            assert len(there.machine.topics(conn)) == 2
        await there.machine.until(lambda: not there.machine.topics(conn))


async def test_a_pair_that_falls_silent_is_told_to_the_feed_of_its_fiat() -> None:
    async with (
        served() as there,
        pushwire.connect(there.config(stale_after=0.05)) as stream,
        stream.subscribe(bitpanda.Subscribe(PRICES, fiats=["EUR"])) as feed,
    ):
        there.push(BTC)
        silent: set[bitpanda.Topic] = set()
        async for event in feed:
            if isinstance(event, bitpanda.Stale):
                silent.add(event.topic)
            if len(silent) == 2:
                break
        assert silent == {bitpanda.Topic.of(PRICES, BTC), bitpanda.Topic(PRICES, "EUR")}


async def test_pings_are_signs_of_life_to_the_server() -> None:
    async with served() as there, pushwire.connect(there.config(ping_interval=0.001)):
        await there.machine.until(lambda: there.machine.signs >= 3)


async def test_after_a_cut_all_is_subscribed_to_again_and_what_was_missed_lies_in_a_gap() -> None:
    async with served() as there, pushwire.connect(there.config()) as stream:
        await stream.call(bitpanda.Subscribe(PRICES, [BTC, AAPL]))
        events = aiter(stream)
        before = there.push(BTC)
        assert await take(events, 1) == before
        there.machine.cut_all(trio.current_time())
        missed = there.push(BTC)
        gap = None
        while gap is None:
            event = await anext(events)
            assert not isinstance(event, bitpanda.Price)
            gap = event if isinstance(event, bitpanda.Gap) else None
        assert gap.since <= there.machine.sent[missed[0]] <= gap.until
        pushed = there.push(AAPL)
        assert await take(events, 1) == pushed


async def test_a_feed_through_many_cuts_loses_nothing_outside_its_gaps() -> None:
    settings = BitpandaSettings(tokens=("t1",), rate=2000.0, max_messages=400, drop_every=60)
    async with served(settings) as there, pushwire.connect(there.config()) as stream:
        await stream.call(bitpanda.Subscribe(PRICES, fiats=["EUR"]))
        arrived: set[Identity] = set()
        gaps: list[bitpanda.Gap] = []

        def accounted_for(identity: Identity) -> bool:
            at = there.machine.sent[identity]
            return identity in arrived or any(gap.since <= at <= gap.until for gap in gaps)

        async for event in stream:
            if isinstance(event, bitpanda.Price):
                assert event.identity not in arrived
                arrived.add(event.identity)
            elif isinstance(event, bitpanda.Gap):
                gaps.append(event)
            if there.machine.done and accounted_for(list(there.machine.sent)[-1]):
                break
        assert all(map(accounted_for, there.machine.sent))
        assert gaps
        assert arrived


async def test_tokens_come_from_the_token_endpoint_and_are_renewed_when_they_are_refused() -> None:
    settings = BitpandaSettings(tokens=("none-but-ours",), clients={"me": pushwire.Secret("hush")})
    async with served(settings) as there:
        grant = bitpanda.ClientCredentials(
            token_url=there.server.url.replace("ws://", "http://").replace("/ws", TOKEN_PATH),
            client_id="me",
            client_secret=pushwire.Secret("hush"),
        )
        config = attrs.evolve(there.config(), token=pushwire.TokenKeeper(grant))
        async with pushwire.connect(config) as stream:
            await stream.call(bitpanda.Subscribe(PRICES))
            there.machine.tokens.expire()
            there.machine.cut_all(trio.current_time())
            there.server.pump()
            events = aiter(stream)
            while not isinstance(await anext(events), bitpanda.Gap):
                pass
            assert await take(events, len(there.push(BTC))) == list(there.machine.sent)[-1:]
        assert there.machine.tokens.granted == 2
