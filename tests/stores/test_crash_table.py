"""The rows of docs/crash-table.md that hold for SQLite and PostgreSQL alike: with `ack="on_receipt"`, and ACKed by hand.

A crash is a run that is given up at that point; `test_kill` and `test_postgres_kill` kill real processes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import trio
import trio.lowlevel
import trio.testing

import pushwire
from pushwire import gelabs
from pushwire.core.effects import Committed
from pushwire.errors import StoreError
from pushwire.shell.stream import AckPolicy
from pushwire.stores.base import Store
from tests.shell.provider import CONFIG, Provider, Wall, tx_hash
from tests.shell.streams import next_of, transaction
from tests.stores.kit import AnyStore
from tests.stores.postgres_kit import Schema

pytestmark = pytest.mark.parametrize("make", ["sqlite", "postgres"], indirect=True)

Connection: TypeAlias = Any  # sqlite3's or psycopg's, which have these few methods in common
Make: TypeAlias = Callable[..., AnyStore]
LedgerStream: TypeAlias = pushwire.AckStream[gelabs.Event, gelabs.Transaction, Connection]


class Crash(BaseException):
    """The process ends."""


@pytest.fixture
def provider(nursery: trio.Nursery) -> Provider:
    provider = Provider()
    nursery.start_soon(provider.run)
    return provider


@pytest.fixture
def booked(request: pytest.FixtureRequest, make: Make, tmp_path: Path) -> Callable[[], list[object]]:
    """What the bookings have left."""

    def read() -> list[object]:
        if isinstance(make(), pushwire.SqliteStore):
            with closing(sqlite3.connect(tmp_path / "ledger.db")) as db:
                return [row[0] for row in db.execute("SELECT tx_hash FROM bookings")]
        schema: Schema = request.getfixturevalue("schema")
        return schema.column("SELECT tx_hash FROM bookings")

    return read


@asynccontextmanager
async def run(
    provider: Provider, store: Store[Connection], ack: AckPolicy = "on_receipt", *, crash: bool = False
) -> AsyncGenerator[LedgerStream]:
    """One run of the program, which a crash may end."""
    with trio.CancelScope() as scope:
        async with pushwire.connect(CONFIG, store=store, ack=ack, transport=provider.network, entropy=Wall().entropy()) as stream:
            yield stream
            if crash:
                scope.cancel()
                await trio.lowlevel.checkpoint()


def insert(db: Connection, event: gelabs.Transaction) -> None:
    db.execute("CREATE TABLE IF NOT EXISTS bookings (tx_hash TEXT)")
    db.execute(f"INSERT INTO bookings VALUES ('{event.tx_hash}')")


async def settle(stream: LedgerStream, number: int, delivery: str) -> None:
    event = await transaction(stream, number)
    assert event.delivery == delivery
    assert event.amount is not None
    await stream.ack(event, book=lambda db: insert(db, event))


async def ends_well(provider: Provider, make: Make, booked: Callable[[], list[object]]) -> None:
    """A last run finds nothing to deliver but what is new, and all is booked once."""
    provider.push(2)
    async with run(provider, make()) as stream:
        await settle(stream, 2, "new")
        await provider.until(lambda: not provider.owed)
        assert stream.status.session.unacked == 0
    assert booked() == [tx_hash(1), tx_hash(2)]


# ACKed on receipt


async def test_on_receipt_1_before_it_is_durable(
    provider: Provider, make: Make, booked: Callable[[], list[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make()
    keep, tried = store.commit, trio.Event()

    async def refuse(namespace: str, writes: Any, mark: float, books: Any) -> Committed:
        if any(record.kind == "held" for write in writes for record in write.records):
            tried.set()
            raise StoreError("the disk is full")
        return await keep(namespace, writes, mark, books)

    monkeypatch.setattr(store, "commit", refuse)
    provider.push(1)
    async with run(provider, store, crash=True) as stream:
        await tried.wait()
        await trio.testing.wait_all_tasks_blocked()
        assert stream.status.session.store_error == "the disk is full"
    assert provider.acks == []
    async with run(provider, make()) as stream:
        await settle(stream, 1, "new")
        await provider.until(lambda: not provider.owed)
    await ends_well(provider, make, booked)


async def test_on_receipt_2_durable_and_not_acked(provider: Provider, make: Make, booked: Callable[[], list[object]]) -> None:
    provider.push(1)
    provider.lose_acks = True
    async with run(provider, make(), crash=True) as stream:
        await transaction(stream, 1)
    provider.lose_acks = False
    async with run(provider, make()) as stream:
        await settle(stream, 1, "redelivery")
        await provider.until(lambda: not provider.owed)
        assert stream.status.session.withheld == 1
    await ends_well(provider, make, booked)


async def test_on_receipt_3_in_hand(provider: Provider, make: Make, booked: Callable[[], list[object]]) -> None:
    provider.push(1)
    for delivery in ("new", "redelivery", "redelivery"):
        async with run(provider, make(), crash=True) as stream:
            event = await transaction(stream, 1)
            assert event.delivery == delivery
            await provider.until(lambda: not provider.owed)
    async with run(provider, make()) as stream:
        await settle(stream, 1, "redelivery")
    assert provider.acks == [tx_hash(1)], "it was never sent again, and ACKed once"
    await ends_well(provider, make, booked)


async def test_on_receipt_4_before_the_commit(provider: Provider, make: Make, booked: Callable[[], list[object]]) -> None:
    provider.push(1)

    def halfway(db: Connection) -> None:
        insert(db, event)
        raise Crash

    async with run(provider, make(), crash=True) as stream:
        event = await transaction(stream, 1)
        with pytest.raises(Crash):
            await stream.ack(event, book=halfway)
        await provider.until(lambda: not provider.owed)
    async with run(provider, make()) as stream:
        await settle(stream, 1, "redelivery")
    await ends_well(provider, make, booked)


async def test_on_receipt_5_after_the_commit(provider: Provider, make: Make, booked: Callable[[], list[object]]) -> None:
    provider.push(1)
    async with run(provider, make(), crash=True) as stream:
        await settle(stream, 1, "new")
        await provider.until(lambda: not provider.owed)
    await ends_well(provider, make, booked)


async def test_on_receipt_6_what_no_longer_decodes(provider: Provider, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> gelabs.Transaction:
        raise ValueError("not in this version")

    provider.push(1)
    async with run(provider, make(), crash=True) as stream:
        await provider.until(lambda: not provider.owed)
    monkeypatch.setattr(gelabs.Config, "revive", refuse)
    store = make()
    async with run(provider, store) as stream:
        malformed = await next_of(stream, gelabs.Malformed)
        assert (tx_hash(1) in str(malformed.raw), malformed.reason) == (True, "not in this version")
        while stream.status.session.unacked:
            await trio.lowlevel.checkpoint()
        (record,) = await store.parked()
        assert (record.note, record.raw) == ("not in this version", malformed.raw)


async def test_what_was_acked_on_receipt_is_not_passed_over_by_a_run_that_acks_by_hand(provider: Provider, make: Make) -> None:
    provider.push(1)
    async with run(provider, make(), crash=True):
        await provider.until(lambda: not provider.owed)
    with pytest.raises(pushwire.ConfigError, match=r"deliveries that were ACKed on receipt \(1\)"):
        async with run(provider, make(), "manual"):
            raise AssertionError("not reached")


# ACKed by hand


async def test_2_in_hand(provider: Provider, make: Make, booked: Callable[[], list[object]]) -> None:
    provider.push(1)
    async with run(provider, make(), "manual", crash=True) as stream:
        await transaction(stream, 1)
    async with run(provider, make(), "manual") as stream:
        event = await transaction(stream, 1)
        await stream.ack(event, book=lambda db: insert(db, event))
        await provider.until(lambda: not provider.owed)
    await ends_well(provider, make, booked)


async def test_3_before_the_commit(provider: Provider, make: Make, booked: Callable[[], list[object]]) -> None:
    provider.push(1)

    def halfway(db: Connection) -> None:
        insert(db, event)
        raise Crash

    async with run(provider, make(), "manual", crash=True) as stream:
        event = await transaction(stream, 1)
        with pytest.raises(Crash):
            await stream.ack(event, book=halfway)
    assert provider.acks == []
    async with run(provider, make(), "manual") as stream:
        again = await transaction(stream, 1)
        await stream.ack(again, book=lambda db: insert(db, again))
        await provider.until(lambda: not provider.owed)
    await ends_well(provider, make, booked)


async def test_5_before_the_ack_arrives(provider: Provider, make: Make, booked: Callable[[], list[object]]) -> None:
    provider.push(1)
    provider.lose_acks = True
    async with run(provider, make(), "manual", crash=True) as stream:
        await settle(stream, 1, "new")
    provider.lose_acks = False
    async with run(provider, make(), "manual") as stream:
        await provider.until(lambda: not provider.owed)
        assert stream.status.session.withheld == 1
    await ends_well(provider, make, booked)


async def test_6_before_the_reply(provider: Provider, make: Make, booked: Callable[[], list[object]]) -> None:
    provider.push(1)
    provider.answer = False
    async with run(provider, make(), "manual", crash=True) as stream:
        await settle(stream, 1, "new")
        await provider.until(lambda: not provider.owed)
    provider.answer = True
    await ends_well(provider, make, booked)
