"""Uses of the public face that must be type errors, in both checkers; every other line must be fine."""

from __future__ import annotations

import sqlite3
from typing import assert_type

import pushwire
from pushwire import gelabs, satoriex
from pushwire.core.commands import Command


class PriceEvent:
    """The event of another provider."""


class SubscribePrices(Command[PriceEvent, str]):
    """A command of another provider."""


async def right(config: gelabs.Config, prices: pushwire.Stream[PriceEvent]) -> None:
    async with pushwire.connect(config) as stream:
        assert_type(stream, pushwire.AckStream[gelabs.Event, gelabs.Transaction, None])
        assert_type(await stream.call(gelabs.Subscribe("0x1", "ethereum")), gelabs.Subscribed)
        assert_type(await stream.call(gelabs.GetTransaction("ethereum", 1, message_id="m")), gelabs.Transaction)
        async for event in stream:
            match event:
                case gelabs.Transaction():
                    await stream.ack(event)
                    assert_type(event.amount, int | None)
                case _:
                    pass
    assert_type(await prices.call(SubscribePrices()), str)


async def balances() -> list[int]:
    return []


async def right_with_a_snapshot(config: gelabs.Config, store: pushwire.SqliteStore) -> None:
    async with pushwire.connect(config, snapshot=balances) as stream:
        assert_type(
            stream,
            pushwire.AckStream[gelabs.Event | pushwire.Hydrated[list[int]] | pushwire.SnapshotFailed, gelabs.Transaction, None],
        )
        assert_type(await stream.call(gelabs.Subscribe("0x1", "ethereum")), gelabs.Subscribed)
        async with stream.subscribe(gelabs.Subscribe("0x1", "ethereum")) as feed:
            assert_type(feed.reply, gelabs.Subscribed)
            async for event in feed:
                match event:
                    case pushwire.Hydrated():
                        assert_type(event.snapshot, list[int])
                    case gelabs.Transaction():
                        await stream.ack(event)
                    case _:
                        pass
        async for value in stream.query(balances, invalidated_by=(gelabs.Transaction, gelabs.Up)):
            assert_type(value, list[int])
        stream.query(balances, invalidated_by=lambda event: isinstance(event, gelabs.Transaction) and event.height is None)
    async with pushwire.connect(config, store=store, ack="on_receipt") as received:
        assert_type(received, pushwire.AckStream[gelabs.Event, gelabs.Transaction, sqlite3.Connection])
    async with pushwire.connect(config, snapshot=balances, store=store) as stored:
        await stored.call(gelabs.GetTransaction("ethereum", 1, message_id="m"))


async def right_by_rest(config: satoriex.Config, keeper: pushwire.TokenKeeper) -> None:
    async with pushwire.open_api(config, tokens=keeper) as api:
        assert_type(api, pushwire.Api[satoriex.Config])
        assert_type(await api.call(satoriex.ListMarkets()), tuple[satoriex.Market, ...])
        api.unsettled.clear()


async def right_by_pages(config: gelabs.Config) -> None:
    async with pushwire.open_api(config) as api:
        async for page in api.pages(gelabs.QueryTransfers("0x1", limit=100)):
            assert_type(page, gelabs.Page)


async def wrong_by_rest(config: gelabs.Config, market: satoriex.GetMarket) -> None:
    async with pushwire.open_api(config) as api:
        await api.call(market)  # expect-error
        await api.call(satoriex.ListMarkets())  # expect-error
        await api.call(gelabs.Subscribe("0x1", "ethereum"))  # expect-error
        api.pages(market)  # expect-error
    pushwire.open_api(config, tokens="plain")  # expect-error
    pushwire.open_api(config, buckets={})  # expect-error


def wrong_names() -> None:
    pushwire.conect  # expect-error
    gelabs.Walet  # expect-error


async def wrong(config: gelabs.Config, prices: pushwire.Stream[PriceEvent], up: gelabs.Up, tx: gelabs.Transaction) -> None:
    gelabs.Config(api_key="sk-plain")  # expect-error
    async with pushwire.connect(config) as stream:
        await stream.call(SubscribePrices())  # expect-error
        await stream.ack(up)  # expect-error
        await stream.call(gelabs.Transaction)  # expect-error
        stream.subscribe(SubscribePrices())  # expect-error
        stream.query(len)  # expect-error
    async with pushwire.connect(config, snapshot=balances) as hydrated:
        await hydrated.call(SubscribePrices())  # expect-error
    pushwire.connect(config, snapshot=3)  # expect-error
    await prices.ack(tx)  # expect-error
    await prices.call(gelabs.Subscribe("0x1", "ethereum"))  # expect-error
    tx.delivery = "new"  # expect-error
    pushwire.connect(config, overflow="drop")  # expect-error
    pushwire.connect(config, store="ledger.db")  # expect-error
    pushwire.connect(config, ack="on_receipt")  # expect-error
