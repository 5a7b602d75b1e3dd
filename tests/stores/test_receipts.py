"""The caller's own transactions: deliveries finished there, and settled only where that is durable."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import AsyncGenerator, Callable
from functools import partial
from pathlib import Path

import attrs
import psycopg
import pytest
import trio

from pushwire.core.effects import Committed, Identity, Ticket
from pushwire.errors import AlreadyFinished, LocalProtocolError, StoreError
from pushwire.stores.base import Receipt
from pushwire.stores.memory import MemoryStore
from pushwire.stores.postgres import PostgresStore
from pushwire.stores.sqlite import SqliteStore
from tests.stores import kit, postgres_kit
from tests.stores.kit import NAMESPACE, delivered, finished, identity, own, settling
from tests.stores.postgres_kit import Schema


@attrs.frozen
class Event:
    """What can be ACKed."""

    identity: Identity

    def dump(self) -> str:
        return "{}"


def event(number: int) -> Event:
    return Event(identity(number))


def receipt_for(number: int, namespace: str = NAMESPACE) -> Receipt:
    return Receipt(namespace, (identity(number),))


async def settle(store: SqliteStore | PostgresStore | MemoryStore, number: int, receipt: Receipt) -> Committed:
    """What `ack` with a receipt comes to."""
    return await store.commit(NAMESPACE, [settling(number)], 7.0, {Ticket(number): receipt})


def refused(committed: Committed, number: int) -> StoreError:
    error = committed.failed[Ticket(number)]
    assert isinstance(error, StoreError)
    assert error.outcome == "not_stored"
    return error


async def test_a_receipt_that_no_store_gave_is_refused() -> None:
    store = MemoryStore()
    await store.open(NAMESPACE)
    assert "rolled back, or is not committed yet" in str(refused(await settle(store, 1, receipt_for(1)), 1))
    assert (await store.open(NAMESPACE)).finished == {}


# SQLite: in the store's own thread


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncGenerator[SqliteStore, None]:
    async with kit.opened(SqliteStore(tmp_path / "ledger.db")) as store:
        await kit.ack(store, 1, lambda db: db.execute("CREATE TABLE mine (number INTEGER PRIMARY KEY)"))
        yield store


def book_sqlite(store: SqliteStore, db: sqlite3.Connection, number: int) -> Receipt:
    db.execute("INSERT INTO mine VALUES (?)", (number,))
    return store.finish(db, event(number))


async def test_sqlite_what_a_transaction_of_the_callers_finished_is_settled(sqlite: SqliteStore) -> None:
    await sqlite.commit(NAMESPACE, [own(delivered(2))], 1.0, {})
    receipt = await sqlite.run(lambda db: book_sqlite(sqlite, db, 2))
    assert receipt == receipt_for(2)
    # Durable now, whatever comes next.
    assert await kit.numbers(sqlite) == [1, 2]
    assert await settle(sqlite, 2, receipt) == Committed({})
    assert await kit.column(sqlite, "SELECT number FROM mine") == [2]
    assert await kit.column(sqlite, "SELECT at FROM pushwire_ledger ORDER BY seq") == [100.0, 100.0]
    assert await kit.transactions(sqlite) == 4


async def test_sqlite_what_was_rolled_back_is_not_settled(sqlite: SqliteStore) -> None:
    receipts: list[Receipt] = []

    def half(db: sqlite3.Connection) -> None:
        receipts.append(book_sqlite(sqlite, db, 2))
        raise KeyError("no such account")

    with pytest.raises(KeyError, match="no such account"):
        await sqlite.run(half)
    refused(await settle(sqlite, 2, receipts[0]), 2)
    assert await kit.numbers(sqlite) == [1]
    assert await kit.column(sqlite, "SELECT number FROM mine") == []
    assert await sqlite.run(lambda db: book_sqlite(sqlite, db, 2)) == receipts[0]


async def test_sqlite_a_transaction_that_the_file_rolls_back_stores_nothing(sqlite: SqliteStore) -> None:
    def spoil(db: sqlite3.Connection) -> None:
        book_sqlite(sqlite, db, 2)
        with pytest.raises(sqlite3.IntegrityError):
            db.execute("INSERT OR ROLLBACK INTO mine VALUES (2)")
        with pytest.raises(LocalProtocolError, match="the transaction is over"):
            sqlite.finish(db, event(3))

    with pytest.raises(LocalProtocolError, match="rolled the transaction back"):
        await sqlite.run(spoil)
    assert await kit.numbers(sqlite) == [1]
    assert await kit.ack(sqlite, 2) == Committed({})


async def test_sqlite_what_is_finished_is_not_finished_again(sqlite: SqliteStore) -> None:
    with pytest.raises(AlreadyFinished, match="0x0001"):
        await sqlite.run(lambda db: book_sqlite(sqlite, db, 1))
    assert await kit.column(sqlite, "SELECT number FROM mine") == []
    await sqlite.run(lambda db: book_sqlite(sqlite, db, 2))
    booked: list[object] = []
    assert await kit.ack(sqlite, 2, booked.append) == Committed({})
    assert booked == []


async def test_sqlite_finish_belongs_inside_run(sqlite: SqliteStore, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "other.db")
    with pytest.raises(LocalProtocolError, match="not the store's"):
        sqlite.finish(other, event(2))
    other.close()
    with pytest.raises(LocalProtocolError, match="inside the function"):
        await kit.inside(sqlite, lambda file: sqlite.finish(file._db, event(2)))
    booking = await kit.ack(sqlite, 2, lambda db: sqlite.finish(db, event(2)))
    assert isinstance(booking.failed[Ticket(2)], LocalProtocolError)
    with pytest.raises(LocalProtocolError, match="inside the function"):
        await sqlite.read(lambda db: sqlite.finish(db, event(2)))
    with pytest.raises(StoreError, match="is not open"):
        sqlite.finish(sqlite3.Connection(":memory:"), event(2), namespace="unheard of")


async def test_sqlite_what_runs_is_bound_as_a_booking_is(sqlite: SqliteStore) -> None:
    with pytest.raises(LocalProtocolError, match="it may not commit"):
        await sqlite.run(lambda db: db.commit())
    with pytest.raises(LocalProtocolError, match="pushwire_"):
        await sqlite.run(lambda db: db.execute("DELETE FROM pushwire_ledger"))

    async def later(_: sqlite3.Connection) -> None:
        raise AssertionError("never runs")

    look: Callable[[sqlite3.Connection], object] = later
    with pytest.raises(LocalProtocolError, match="plain function"):
        await sqlite.run(look)
    with trio.CancelScope() as scope:
        scope.cancel()
        await sqlite.run(lambda db: book_sqlite(sqlite, db, 2))
    assert scope.cancelled_caught
    assert await kit.numbers(sqlite) == [1]


async def test_sqlite_a_run_that_cannot_begin_is_a_store_error(sqlite: SqliteStore) -> None:
    await kit.inside(sqlite, lambda file: file._db.execute("BEGIN"))
    with pytest.raises(StoreError, match="within a transaction"):
        await sqlite.run(lambda db: None)
    assert await sqlite.run(lambda db: 5) == 5


# PostgreSQL: on any connection


@pytest.fixture
async def store(schema: Schema) -> AsyncGenerator[PostgresStore, None]:
    async with postgres_kit.opened(schema.store()) as store:
        await postgres_kit.ack(store, 1, lambda db: db.execute("CREATE TABLE mine (number INTEGER PRIMARY KEY)"))
        yield store


def book(store: PostgresStore, schema: Schema, *events: int) -> Receipt:
    """A transaction of the caller's own, committed."""
    with schema.connect() as db:
        db.cursor().executemany("INSERT INTO mine VALUES (%s)", [(number,) for number in events])
        return store.finish(db, *map(event, events))


async def test_what_a_transaction_of_the_callers_finished_is_settled(store: PostgresStore, schema: Schema) -> None:
    await store.commit(NAMESPACE, [own(delivered(2), delivered(3))], 1.0, {})
    receipt = await trio.to_thread.run_sync(book, store, schema, 3, 2)
    assert receipt == Receipt(NAMESPACE, (identity(3), identity(2)))
    committed = await store.commit(NAMESPACE, [settling(2, finished(2, 8.0), finished(3, 9.0))], 7.0, {Ticket(2): receipt})
    assert committed == Committed({})
    assert schema.column("SELECT at FROM pushwire_finished ORDER BY turn") == [100.0, 8.0, 9.0]
    assert schema.column("SELECT count(*) FROM pushwire_delivered") == [0]
    assert schema.column("SELECT number FROM mine ORDER BY number") == [2, 3]


async def test_what_is_rolled_back_or_not_committed_yet_is_not_settled(store: PostgresStore, schema: Schema) -> None:
    with schema.connect() as db:
        receipt = store.finish(db, event(2))
        # It waits for nothing: the transaction may be one that its caller means to end after this.
        refused(await settle(store, 2, receipt), 2)
        db.rollback()
        refused(await settle(store, 2, receipt), 2)
        assert await postgres_kit.numbers(store) == [1]
        assert store.finish(db, event(2)) == receipt
    assert await settle(store, 2, receipt) == Committed({})


async def test_an_open_transaction_holds_up_nobody_elses_commit(store: PostgresStore, schema: Schema) -> None:
    with schema.connect() as db:
        store.finish(db, event(2))
        await store.commit(NAMESPACE, [own(delivered(2))], 1.0, {})
        assert await postgres_kit.ack(store, 3) == Committed({})
        # The very same one waits, but not for ever.
        with pytest.raises(StoreError, match="lock timeout") as caught:
            await postgres_kit.ack(store, 2)
        assert caught.value.outcome == "not_stored"
        db.rollback()
    assert await postgres_kit.ack(store, 2) == Committed({})


async def test_what_was_committed_and_never_settled_is_finished_for_the_next_run(schema: Schema) -> None:
    async with postgres_kit.opened(schema.store()) as store:
        await store.commit(NAMESPACE, [own(delivered(2), delivered(3))], 5.0, {})
        schema.column("CREATE TABLE mine (number INTEGER)")
        book(store, schema, 2)
    async with postgres_kit.opened(schema.store()) as store:
        restored = await store.open(NAMESPACE)
        assert (list(restored.finished), list(restored.delivered)) == ([identity(2)], [identity(3)])
        await postgres_kit.ack(store, 4)
        assert schema.column("SELECT turn FROM pushwire_finished ORDER BY turn") == [1, 2]
        await store.close(NAMESPACE)


async def test_what_is_finished_is_not_finished_again(store: PostgresStore, schema: Schema) -> None:
    with pytest.raises(AlreadyFinished, match="0x0001"):
        book(store, schema, 2, 1)
    assert schema.column("SELECT number FROM mine") == []
    with schema.connect() as db:
        with pytest.raises(AlreadyFinished):
            store.finish(db, event(1), event(2))
        # It cannot be committed by mistake.
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            db.execute("INSERT INTO mine VALUES (2)")
        db.rollback()
    book(store, schema, 2)
    booked: list[object] = []
    assert await postgres_kit.ack(store, 2, booked.append) == Committed({})
    assert booked == []


async def test_of_two_transactions_that_finish_the_same_delivery_one_is_stored(store: PostgresStore, schema: Schema) -> None:
    outcomes: list[object] = []

    def other() -> None:
        try:
            outcomes.append(book(store, schema, 2))
        except AlreadyFinished as error:
            outcomes.append(error)

    with schema.connect() as db:
        db.execute("INSERT INTO mine VALUES (200)")
        store.finish(db, event(2))
        thread = threading.Thread(target=other)
        thread.start()
        while not schema.column("SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"):
            await trio.lowlevel.checkpoint()
    await trio.to_thread.run_sync(thread.join)
    (outcome,) = outcomes
    assert isinstance(outcome, AlreadyFinished)
    assert schema.column("SELECT number FROM mine") == [200]


async def test_a_booking_waits_for_a_transaction_that_finishes_the_same_and_is_not_run_then(schema: Schema) -> None:
    booked: list[object] = []
    async with postgres_kit.opened(schema.store(lock_timeout=60.0)) as store:
        with schema.connect() as db:
            store.finish(db, event(2))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(postgres_kit.ack, store, 2, booked.append)
                while not schema.column("SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"):
                    await trio.lowlevel.checkpoint()
                db.commit()
        assert await postgres_kit.numbers(store) == [2]
    assert booked == []


async def test_finish_belongs_inside_a_transaction_of_the_callers_own(store: PostgresStore, schema: Schema) -> None:
    with schema.connect() as db:
        db.autocommit = True
        with pytest.raises(LocalProtocolError, match="inside a transaction"):
            store.finish(db, event(2))
        with db.transaction():
            receipt = store.finish(db, event(2))
    assert await settle(store, 2, receipt) == Committed({})
    committed = await postgres_kit.ack(store, 3, lambda db: store.finish(db, event(3)))
    assert isinstance(committed.failed[Ticket(3)], LocalProtocolError)


async def test_which_stream_is_meant_is_said_where_there_are_several(store: PostgresStore, schema: Schema) -> None:
    await store.open("other")
    with schema.connect() as db:
        with pytest.raises(LocalProtocolError, match="several streams use this store"):
            store.finish(db, event(2))
        receipt = store.finish(db, event(2), namespace="other")
        with pytest.raises(StoreError, match="is not open"):
            store.finish(db, event(2), namespace="unheard of")
    assert receipt == receipt_for(2, "other")
    # The delivery of the same name on the other stream is another one.
    refused(await settle(store, 2, receipt), 2)
    await store.close("other")


async def test_a_connection_to_another_database_is_found_out(store: PostgresStore, schema: Schema) -> None:
    schema.column("DELETE FROM pushwire_delivered; UPDATE pushwire_namespace SET name = 'moved'")
    with schema.connect() as db, pytest.raises(LocalProtocolError, match="to another database"):
        store.finish(db, event(2))


async def test_receipts_and_bookings_in_one_transaction_do_not_disturb_one_another(store: PostgresStore, schema: Schema) -> None:
    receipt = book(store, schema, 2)
    outcomes = await postgres_kit.together(
        store,
        [
            partial(settle, store, 2, receipt),
            partial(settle, store, 3, receipt_for(3)),
            partial(postgres_kit.ack, store, 4, lambda db: db.execute("INSERT INTO mine VALUES (4)")),
        ],
    )
    assert outcomes[0] == outcomes[2] == Committed({})
    assert isinstance(outcomes[1], Committed)
    refused(outcomes[1], 3)
    assert await postgres_kit.numbers(store) == [1, 2, 4]
