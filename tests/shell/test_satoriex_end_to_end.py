"""SatoriEx over real sockets: streams and REST calls against the sandbox, on one port."""

from __future__ import annotations

import random
from collections.abc import AsyncIterable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trio

import pushwire
from pushwire import satoriex
from pushwire.core.events import Hydrated
from pushwire.core.journal_lines import read_journal
from pushwire.providers import load
from pushwire.sandbox.satoriex import SatoriexServer
from pushwire.sandbox.satoriex_settings import SatoriexSettings
from pushwire.sandbox.server import SandboxServer, serve

TOKEN = "eyJ-do-not-show-this/+="
MARKET = satoriex.SubscribeMarket("mkt_abc123")
DATA = satoriex.SubscribeMarketData("mkt_abc123")
TRADES = satoriex.Topic("market", "mkt_abc123")
PRICES = satoriex.Topic("marketdata", "mkt_abc123")
ORDER = satoriex.PlaceOrder(
    market_id="mkt_abc123", outcome_id="yes", side=satoriex.Side.BUY, price=satoriex.Bps(4200), quantity=10
)

KindT = TypeVar("KindT")


def machine(**settings: Any) -> SatoriexServer:  # any setting of the sandbox
    return SatoriexServer(SatoriexSettings(tokens=settings.pop("tokens", [TOKEN]), **settings), random.Random(1))


def config(server: SandboxServer, **settings: Any) -> satoriex.Config:  # any setting of the config
    if "login" not in settings:
        settings.setdefault("token", pushwire.Secret(TOKEN))
    return satoriex.Config(url=server.url, backoff_first=0.01, backoff_cap=0.05, **settings)


async def next_of(events: AsyncIterable[object], kind: type[KindT]) -> KindT:
    """The next event of this kind; others are passed over."""
    async for event in events:
        if isinstance(event, kind):
            return event
    raise AssertionError("the stream ended")


async def until_subscribed(exchange: SatoriexServer, *topics: satoriex.Topic) -> None:
    """Nothing confirms a subscription: look at the other side."""
    with trio.fail_after(10):
        while not any(list(topics) == exchange.topics(conn) for conn in exchange.connections):  # noqa: ASYNC110 - it says nothing
            await trio.sleep(0.001)


async def test_events_of_all_channels_arrive_and_a_cut_connection_is_restored() -> None:
    exchange = machine()
    async with serve(exchange) as server, pushwire.connect(config(server)) as stream:
        await stream.call(MARKET)
        await stream.call(DATA)
        for _ in range(2):
            await until_subscribed(exchange, TRADES, PRICES)
            # Once with the name at the top, once in the payload.
            for _ in range(2):
                now = trio.current_time()
                exchange.push("order_filled", {"order_id": "ord_1", "price": 4200}, now)
                exchange.push("trade", {"market_id": "mkt_abc123", "price": 4200}, now, topic=TRADES)
                exchange.push("order book", {"market_id": "mkt_abc123", "bids": [], "asks": []}, now, topic=PRICES)
                server.pump()
                assert (await next_of(stream, satoriex.OrderFilled)).order_id == "ord_1"
                assert (await next_of(stream, satoriex.Trade)).price == 4200
                assert (await next_of(stream, satoriex.OrderBookUpdate)).bids == ()
            exchange.cut_all(trio.current_time())
            server.pump()
            gap = await next_of(stream, satoriex.Gap)
            assert gap.since < gap.until


async def test_a_wrong_token_ends_it_and_is_not_shown() -> None:
    async with serve(machine(tokens=["another"])) as server:
        with pytest.raises(pushwire.AuthenticationRefused) as caught:
            async with pushwire.connect(config(server)):
                raise AssertionError("not reached")
    assert caught.value.status == 401
    assert "do-not-show" not in str(caught.value)


async def test_a_revoked_token_is_renewed_once_and_the_stream_goes_on() -> None:
    exchange = machine(tokens=["first", "second"])
    asked: list[bool] = []

    async def source(wanted: Any) -> pushwire.Secret:
        asked.append(wanted.refresh)
        return pushwire.Secret("second" if wanted.refresh or len(asked) > 2 else "first")

    async with serve(exchange) as server, pushwire.connect(config(server, token=source)) as stream:
        exchange.revoke(pushwire.Secret("first"), trio.current_time())
        server.pump()
        assert (await next_of(stream, satoriex.Down)).reason.startswith("close 4001 by peer")
        assert (await next_of(stream, satoriex.Up)).generation == 2
        exchange.push("mention", {}, trio.current_time(), account=1)
        server.pump()
        await next_of(stream, satoriex.Mention)
    assert asked == [False, True]


async def test_a_login_serves_the_stream_and_the_calls() -> None:
    exchange = machine(passwords={"a@example.org": pushwire.Secret("pw")}, fill_after=0.01)
    login = satoriex.Login(email="a@example.org", password=pushwire.Secret("pw"))
    async with (
        serve(exchange) as server,
        pushwire.connect(config(server, login=login)) as stream,
        pushwire.open_api(config(server, login=login)) as api,
    ):
        placed = await api.call(ORDER)
        assert (placed.status, placed.trades) == ("pending", ())
        server.pump()
        filled = await next_of(stream, satoriex.OrderFilled)
        assert (filled.order_id, filled.status, filled.side) == (placed.order_id, "filled", satoriex.Side.BUY)
        (position,) = await api.call(satoriex.ListPositions())
        assert (position.shares, position.avg_buy_price) == (10, 4200)


async def test_an_expired_token_is_renewed_within_a_call() -> None:
    exchange = machine(tokens=["first", "second"])
    exchange.revoke(pushwire.Secret("first"), 0.0)

    async def source(wanted: Any) -> pushwire.Secret:
        return pushwire.Secret("second" if wanted.refresh else "first")

    async with serve(exchange) as server, pushwire.open_api(config(server, token=source)) as api:
        assert await api.call(satoriex.ListOrders()) == ()
        with pytest.raises(pushwire.CommandRefused, match="ErrMarketNotTrading"):
            await api.call(satoriex.PlaceOrder(**{name: getattr(ORDER, name) for name in FIELDS}, market_id="mkt_other"))


FIELDS = ("outcome_id", "side", "price", "quantity")


async def test_events_wait_for_the_snapshot() -> None:
    exchange = machine()
    loads = trio.Event()

    async with serve(exchange) as server, pushwire.open_api(config(server)) as api:

        async def snapshot() -> tuple[satoriex.OrderRecord, ...]:
            await loads.wait()
            return await api.call(satoriex.ListOrders())

        async with pushwire.connect(config(server), snapshot=snapshot) as stream:
            exchange.push("order_filled", {"order_id": "ord_1"}, trio.current_time())
            server.pump()
            loads.set()
            events = aiter(stream)
            kinds: list[type] = []
            while satoriex.OrderFilled not in kinds:
                kinds.append(type(await anext(events)))
            assert kinds[-2:] == [Hydrated, satoriex.OrderFilled]


async def test_a_query_is_fetched_again_when_an_order_is_filled() -> None:
    exchange = machine(fill_after=0.01)
    async with serve(exchange) as server, pushwire.open_api(config(server)) as api, pushwire.connect(config(server)) as stream:

        async def orders() -> list[str | None]:
            return [order.status for order in await api.call(satoriex.ListOrders())]

        statuses = stream.query(orders, invalidated_by=(satoriex.OrderFilled,), every=3600.0)
        assert await anext(statuses) == []
        await api.call(ORDER)
        server.pump()
        with trio.fail_after(10):
            assert await anext(statuses) == ["filled"]


async def source_of_tokens(_: object) -> pushwire.Secret:
    return pushwire.Secret(TOKEN)


LOGIN = satoriex.Login(email="a@example.org", password=pushwire.Secret("do-not-show-this-either"))
OWNERS: list[dict[str, Any]] = [{}, {"token": source_of_tokens}, {"login": LOGIN}]


@pytest.mark.parametrize("owner", OWNERS, ids=["token", "source", "login"])
async def test_a_journal_holds_no_token_and_can_be_read_again(tmp_path: Path, owner: dict[str, Any]) -> None:
    journal = tmp_path / "journal"
    exchange = machine()
    async with serve(exchange) as server, pushwire.connect(config(server, **owner), journal=journal) as stream:
        await stream.call(MARKET)
        (token,) = exchange._tokens.values()
        exchange.push("mention", {"text": token.reveal()}, trio.current_time())
        server.pump()
        await next_of(stream, satoriex.Mention)
    lines = journal.read_bytes().splitlines(keepends=True)
    written = b"".join(lines).decode()
    assert "do-not-show" not in written
    assert token.reveal() not in written
    records = list(read_journal(lines, load))
    assert len(records) == len(lines)
