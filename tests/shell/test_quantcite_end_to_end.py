"""A QuantCite stream and its REST calls against the sandbox on a real socket: transactions, reconnects, sessions, secrets."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
import pytest
import trio

import pushwire
from pushwire import quantcite
from pushwire.core.events import Gap, Up
from pushwire.errors import AuthenticationRefused, CommandRefused, LocalProtocolError, NotReady
from pushwire.sandbox import QuantciteServer, QuantciteSettings, SandboxServer, serve
from pushwire.testing import quantcite as build

KEY = "qc-hidden"
OWN = quantcite.Credentials(pushwire.Secret("own-key-hidden"), pushwire.Secret("own-secret-hidden"))
SUBSCRIBE = quantcite.SubscribeTransactions("bybit", transaction_types=("deposits", "withdrawals"))


@attrs.frozen
class Served:
    machine: QuantciteServer
    server: SandboxServer

    def config(self, **settings: Any) -> quantcite.Config:  # any setting of the config, which checks them itself
        base = f"http://{urlsplit(self.server.url).netloc}/api/v1"
        given: dict[str, Any] = {"api_key": pushwire.Secret(KEY), "backoff_first": 0.001, **settings}
        return quantcite.Config(url=self.server.url, api_url=base, **given)

    def push(self, *names: str) -> None:
        """Push a deposit for each name, which is its id."""
        for name in names:
            self.machine.push(build.wire(transaction_id=name), trio.current_time())
        self.server.pump()

    def cut(self) -> None:
        self.machine.cut_all(trio.current_time())
        self.server.pump()


@asynccontextmanager
async def sandbox(**settings: Any) -> AsyncGenerator[Served]:  # forwarded to the settings, which check them
    given: dict[str, Any] = {"keys": (KEY,), "history": 0, **settings}
    machine = QuantciteServer(QuantciteSettings(**given), random.Random(1))
    async with serve(machine) as server:
        yield Served(machine, server)


async def ids(events: AsyncIterable[object], count: int) -> list[str]:
    """The ids of the next transactions; other events are passed over."""
    found: list[str] = []
    async for event in events:
        if isinstance(event, quantcite.Transaction):
            found.append(event.transaction_id)
            if len(found) == count:
                break
    return found


async def test_transactions_arrive_once_through_a_cut_and_the_history_brings_what_was_missed() -> None:
    async with sandbox() as served, pushwire.connect(served.config()) as stream:
        summary = await stream.call(SUBSCRIBE)
        assert summary.transactions == 0
        events = aiter(stream)
        served.push("a", "b")
        assert await ids(events, 2) == ["a", "b"]
        served.cut()
        served.push("missed")
        assert await ids(events, 1) == ["missed"]
        async for event in events:
            if isinstance(event, Gap):
                break
        served.push("c")
        assert await ids(events, 1) == ["c"]
        assert stream.status.session.withheld == 2
        assert stream.status.session.generation == 2


@pytest.mark.slow
async def test_thousands_arrive_exactly_once_while_connections_are_cut() -> None:
    arrived: list[object] = []
    async with sandbox(history_limit=5000) as served, pushwire.connect(served.config()) as stream:
        await stream.call(SUBSCRIBE)
        events = aiter(stream)
        for turn in range(1, 7):
            served.push(*(f"{turn}-{number}" for number in range(400)))
            # In the midst of them: some have been read, some lie in our buffers, some have not left.
            arrived += await ids(events, 400 * turn - 200 - len(arrived))
            served.cut()
        arrived += await ids(events, 2400 - len(arrived))
        # What was pushed after a cut came on another connection; after the last cut nothing more may have had to come.
        assert stream.status.session.generation in (6, 7)
    assert len(arrived) == len(set(arrived))
    assert set(arrived) == {f"{turn}-{number}" for turn in range(1, 7) for number in range(400)}


async def test_commands_are_answered_typed() -> None:
    async with sandbox() as served, pushwire.connect(served.config(testnet=True)) as stream:
        exchanges = await stream.call(quantcite.GetExchanges())
        assert [one.exchange_name for one in exchanges if one.requires_passphrase] == ["okx"]
        assert (await stream.call(quantcite.ValidateCredentials("bybit"))).success
        with pytest.raises(LocalProtocolError, match="need a passphrase"):
            await stream.call(quantcite.SubscribeTransactions("okx", credentials=OWN))
        with pytest.raises(CommandRefused) as caught:
            await stream.call(quantcite.SubscribeTransactions("nowhere"))
        assert caught.value.code == 4004
        assert served.machine.commands == ["get_exchanges", "validate_credentials", "subscribe_transactions"]


async def test_a_feed_gets_the_transactions_of_its_exchange() -> None:
    async with sandbox() as served, pushwire.connect(served.config()) as stream, stream.subscribe(SUBSCRIBE) as feed:
        served.push("a")
        assert await ids(feed, 1) == ["a"]
        served.cut()
        served.push("b")
        assert await ids(feed, 1) == ["b"]


async def test_several_tasks_share_one_stream() -> None:
    got: dict[str, list[str]] = {}

    async def follow(stream: pushwire.Stream[quantcite.Event], exchange: str, started: trio.Event) -> None:
        command = quantcite.SubscribeTransactions(exchange, credentials=OWN)
        async with stream.subscribe(command) as feed:
            started.set()
            got[exchange] = await ids(feed, 3)

    async with sandbox(rate=200.0) as served, pushwire.connect(served.config()) as stream, trio.open_nursery() as nursery:
        for exchange in ("bybit", "binance"):
            started = trio.Event()
            nursery.start_soon(follow, stream, exchange, started)
            await started.wait()
    assert {len(names) for names in got.values()} == {3}
    assert set(got["bybit"]).isdisjoint(got["binance"])


async def test_a_wrong_key_is_refused_for_good() -> None:
    async with sandbox() as served:
        with pytest.raises(AuthenticationRefused, match="Authentication failed"):
            async with pushwire.connect(served.config(api_key=pushwire.Secret("wrong"))):
                pass


async def test_the_key_in_the_url_and_the_greeting_awaited_work_on_the_wire() -> None:
    async with sandbox(greeting=True) as served:
        for settings in ({"auth": "query"}, {"greeting": "wait"}):
            async with pushwire.connect(served.config(**settings)) as stream:
                assert len(await stream.call(quantcite.GetExchanges())) == 3


async def test_where_no_success_is_told_the_stream_is_not_ready() -> None:
    async with sandbox(success="legacy") as served:
        with pytest.raises(NotReady):
            async with pushwire.connect(served.config(legacy_success=False), ready_within=0.05):
                pass


async def test_rest_calls_get_a_session_and_a_new_one_when_it_has_gone() -> None:
    async with sandbox(history=6) as served, pushwire.open_api(served.config()) as api:
        page = await api.call(quantcite.QueryTransactions("bybit"))
        assert len(page.transactions) == 6
        served.machine.sessions.clear()
        assert (await api.call(quantcite.CheckCredentials("bybit"))).success
        assert (await api.call(quantcite.SessionStatus())).authenticated
        assert len(served.machine.sessions) == 1
        usage = await api.call(quantcite.DataUsage())
        assert usage.billing_tier == "premium"
        assert [one.exchange_name for one in await api.call(quantcite.ListExchanges())] == ["bybit", "binance", "okx"]
        with pytest.raises(CommandRefused) as caught:
            await api.call(quantcite.QueryTransactions("nowhere"))
        assert caught.value.code == "invalid_exchange"


async def test_a_wrong_key_gets_no_session() -> None:
    async with sandbox() as served, pushwire.open_api(served.config(api_key=pushwire.Secret("wrong"))) as api:
        with pytest.raises(AuthenticationRefused, match="invalid_api_key"):
            await api.call(quantcite.SessionStatus())


async def test_the_rest_history_and_the_stream_agree() -> None:
    async with sandbox(history=30) as served:
        config = served.config()
        async with pushwire.connect(config) as stream, pushwire.open_api(config) as api:
            summary = await stream.call(quantcite.SubscribeTransactions("bybit"))
            pushed = await ids(stream, summary.transactions)
            page = await api.call(quantcite.QueryTransactions("bybit"))
            assert [tx.transaction_id for tx in page.transactions] == pushed


async def test_a_journal_of_a_run_with_credentials_holds_none(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    async with sandbox() as served, pushwire.connect(served.config(auth="query"), journal=path) as stream:
        await stream.call(quantcite.SubscribeTransactions("binance", credentials=OWN))
        served.cut()
        async for event in stream:
            if isinstance(event, Up) and event.generation == 2:
                break
    text = path.read_text(encoding="utf-8")
    assert "subscribe" in text.lower()
    assert not any(hidden in text for hidden in (KEY, "own-key-hidden", "own-secret-hidden"))
