"""ACKs of what a transaction of the caller's own has finished."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

import pushwire
from pushwire import gelabs
from tests.shell.provider import CONFIG, Provider, Wall, tx_hash
from tests.shell.streams import connect, transaction


@pytest.fixture
def provider(nursery: trio.Nursery) -> Provider:
    provider = Provider()
    nursery.start_soon(provider.run)
    return provider


def finishing(store: pushwire.SqliteStore, event: gelabs.Transaction) -> Callable[[sqlite3.Connection], pushwire.Receipt]:
    def work(db: sqlite3.Connection) -> pushwire.Receipt:
        db.execute("CREATE TABLE IF NOT EXISTS bookings (tx_hash TEXT)")
        db.execute("INSERT INTO bookings VALUES (?)", (event.tx_hash,))
        return store.finish(db, event)

    return work


async def booked(store: pushwire.SqliteStore) -> list[str]:
    return await store.read(lambda db: [row[0] for row in db.execute("SELECT tx_hash FROM bookings")])


async def test_what_the_callers_transaction_finished_is_acked(provider: Provider, tmp_path: Path) -> None:
    store = pushwire.SqliteStore(tmp_path / "ledger.db")
    provider.push(1)
    async with pushwire.connect(CONFIG, store=store, transport=provider.network, entropy=Wall().entropy()) as stream:
        event = await transaction(stream)
        receipt = await store.run(finishing(store, event))
        assert provider.acks == []
        await stream.ack(event, receipt=receipt)
        await provider.until(lambda: not provider.owed)
        assert await booked(store) == [tx_hash(1)]
        assert stream.status.session.unacked == 0


async def test_what_it_rolled_back_stays_in_hand_until_it_is_finished(provider: Provider, tmp_path: Path) -> None:
    store = pushwire.SqliteStore(tmp_path / "ledger.db")
    provider.push(1)
    async with pushwire.connect(CONFIG, store=store, transport=provider.network, entropy=Wall().entropy()) as stream:
        event = await transaction(stream)
        receipts: list[pushwire.Receipt] = []

        def half(db: sqlite3.Connection) -> None:
            receipts.append(finishing(store, event)(db))
            raise KeyError("no such account")

        with pytest.raises(KeyError):
            await store.run(half)
        with pytest.raises(pushwire.StoreError, match="rolled back") as caught:
            await stream.ack(event, receipt=receipts[0])
        assert caught.value.outcome == "not_stored"
        assert stream.status.session.unacked == 1
        assert provider.acks == []
        await stream.ack(event, receipt=await store.run(finishing(store, event)))
        await provider.until(lambda: not provider.owed)
        assert await booked(store) == [tx_hash(1)]


async def test_after_a_crash_between_the_two_it_is_recognised_and_acked(provider: Provider, tmp_path: Path) -> None:
    provider.push(1)
    wall = Wall()
    for crash in (True, False):
        store = pushwire.SqliteStore(tmp_path / "ledger.db")
        with trio.CancelScope() as scope:
            async with pushwire.connect(CONFIG, store=store, transport=provider.network, entropy=wall.entropy()) as stream:
                if crash:
                    await store.run(finishing(store, await transaction(stream)))
                    scope.cancel()
                    await trio.lowlevel.checkpoint()
                await provider.until(lambda: not provider.owed)
                assert stream.status.session.withheld == 1
                assert await booked(store) == [tx_hash(1)]


async def test_a_receipt_is_for_its_own_events_and_needs_no_booking(provider: Provider) -> None:
    provider.push(1)
    async with connect(provider.network) as stream:
        event = await transaction(stream)
        receipt = pushwire.Receipt("ns", (event.identity,))
        with pytest.raises(pushwire.LocalProtocolError, match="was booked in the transaction"):
            await stream.ack(event, book=str, receipt=receipt)
        with pytest.raises(pushwire.LocalProtocolError, match="not for all of these events"):
            await stream.ack(event, receipt=pushwire.Receipt("ns", ()))
        # Of the caller's own making: no store holds anything of it.
        with pytest.raises(pushwire.StoreError, match="receipt for"):
            await stream.ack(event, receipt=receipt)
        await stream.ack(event)
        await provider.until(lambda: not provider.owed)
