"""A stream whose ledger is in PostgreSQL: bookings, and transactions of the caller's own."""

from __future__ import annotations

import psycopg
import pytest
import trio
from psycopg.rows import TupleRow

import pushwire
from pushwire import gelabs
from tests.shell.provider import CONFIG, Provider, Wall, tx_hash
from tests.shell.streams import transaction
from tests.stores.postgres_kit import Schema


@pytest.fixture
def provider(nursery: trio.Nursery) -> Provider:
    provider = Provider()
    nursery.start_soon(provider.run)
    return provider


def insert(db: psycopg.Connection[TupleRow], event: gelabs.Transaction) -> None:
    db.execute("CREATE TABLE IF NOT EXISTS bookings (tx_hash TEXT)")
    db.execute("INSERT INTO bookings VALUES (%s)", (event.tx_hash,))


async def test_a_booking_and_the_ledger_are_one_transaction(provider: Provider, schema: Schema) -> None:
    provider.push(1)
    store = schema.store()
    async with pushwire.connect(CONFIG, store=store, transport=provider.network, entropy=Wall().entropy()) as stream:
        event = await transaction(stream)

        def refuse(db: psycopg.Connection[TupleRow]) -> None:
            insert(db, event)
            raise KeyError("no such account")

        with pytest.raises(KeyError, match="no such account"):
            await stream.ack(event, book=refuse)
        assert provider.acks == []
        await stream.ack(event, book=lambda db: insert(db, event))
        await provider.until(lambda: not provider.owed)
    assert schema.column("SELECT tx_hash FROM bookings") == [tx_hash(1)]


async def test_a_transaction_of_the_callers_own_is_acked_when_it_is_committed(provider: Provider, schema: Schema) -> None:
    provider.push(1)
    wall = Wall()
    for crash in (True, False):
        store = schema.store()
        with trio.CancelScope() as scope:
            async with pushwire.connect(CONFIG, store=store, transport=provider.network, entropy=wall.entropy()) as stream:
                if crash:
                    event = await transaction(stream)
                    with schema.connect() as db:
                        insert(db, event)
                        receipt = store.finish(db, event)
                        with pytest.raises(pushwire.StoreError, match="is not committed yet"):
                            await stream.ack(event, receipt=receipt)
                    assert provider.acks == []
                    scope.cancel()
                    await trio.lowlevel.checkpoint()
                await provider.until(lambda: not provider.owed)
                assert stream.status.session.withheld == 1
    provider.push(2)
    store = schema.store()
    async with pushwire.connect(CONFIG, store=store, transport=provider.network, entropy=wall.entropy()) as stream:
        event = await transaction(stream, 2)
        with schema.connect() as db:
            insert(db, event)
            receipt = store.finish(db, event)
        await stream.ack(event, receipt=receipt)
        await provider.until(lambda: not provider.owed)
        with schema.connect() as db, pytest.raises(pushwire.AlreadyFinished):
            store.finish(db, event)
    assert schema.column("SELECT tx_hash FROM bookings") == [tx_hash(1), tx_hash(2)]
