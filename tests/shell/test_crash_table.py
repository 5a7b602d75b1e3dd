"""One test for each row of docs/crash-table.md, on a real SQLite file.

A crash is a run that is given up at that point, without a chance to send or store anything more; that real processes killed
with SIGKILL fare no worse is shown by tests/shell/test_kill.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import pytest
import trio

import pushwire
from pushwire import gelabs
from pushwire.core.effects import Committed, Ticket, Write
from tests.shell.provider import CONFIG, Provider, Wall, tx_hash

LedgerStream: TypeAlias = pushwire.AckStream[gelabs.Event, gelabs.Transaction, sqlite3.Connection]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def provider(nursery: trio.Nursery) -> Provider:
    provider = Provider()
    nursery.start_soon(provider.run)
    return provider


@asynccontextmanager
async def run(provider: Provider, store: pushwire.SqliteStore, wall: Wall | None = None) -> AsyncGenerator[LedgerStream]:
    """One run of the program; `crash()` inside ends it."""
    with trio.CancelScope() as scope:
        entropy = (wall or Wall()).entropy()
        async with pushwire.connect(CONFIG, store=store, transport=provider.network, entropy=entropy) as stream:
            crashes[stream] = scope
            yield stream


crashes: dict[object, trio.CancelScope] = {}


async def crash(stream: LedgerStream) -> None:
    crashes.pop(stream).cancel()
    await trio.lowlevel.checkpoint()


async def transaction(stream: LedgerStream) -> gelabs.Transaction:
    """The next transaction, control events passed over."""
    async for event in stream:
        if isinstance(event, gelabs.Transaction):
            return event
    raise AssertionError("the stream ended")


def booked(path: Path) -> list[str]:
    with sqlite3.connect(path) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'bookings'").fetchall():
            return []
        rows = [row[0] for row in db.execute("SELECT tx_hash FROM bookings")]
    db.close()
    return rows


async def finish(stream: LedgerStream, event: gelabs.Transaction) -> None:
    def insert(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE IF NOT EXISTS bookings (tx_hash TEXT)")
        db.execute("INSERT INTO bookings VALUES (?)", (event.tx_hash,))

    await stream.ack(event, book=insert)


async def settles(stream: LedgerStream, provider: Provider, path: Path, number: int = 1) -> None:
    """The run that follows a crash: the transaction is delivered, booked once and ACKed."""
    event = await transaction(stream)
    assert event.tx_hash == tx_hash(number)
    await finish(stream, event)
    await provider.until(lambda: not provider.owed)


async def test_1_before_it_is_read(provider: Provider, path: Path) -> None:
    async with run(provider, pushwire.SqliteStore(path)) as stream:
        await crash(stream)
    provider.push(1)
    async with run(provider, pushwire.SqliteStore(path)) as stream:
        await settles(stream, provider, path)
    assert booked(path) == [tx_hash(1)]


async def test_2_in_hand(provider: Provider, path: Path) -> None:
    provider.push(1)
    provider.push(2)
    async with run(provider, pushwire.SqliteStore(path)) as stream:
        first, second = await transaction(stream), await transaction(stream)
        await finish(stream, first)  # the commit that notes that the second was delivered
        assert second.delivery == "new"
        await crash(stream)
    async with run(provider, pushwire.SqliteStore(path)) as stream:
        again = await transaction(stream)
        assert (again.tx_hash, again.delivery) == (second.tx_hash, "redelivery")
        await finish(stream, again)
        await provider.until(lambda: not provider.owed)
    assert booked(path) == [tx_hash(1), tx_hash(2)]


async def test_3_before_the_commit(provider: Provider, path: Path) -> None:
    provider.push(1)

    class Crash(BaseException):
        """The process ends while the booking runs."""

    def halfway(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE bookings (tx_hash TEXT)")
        db.execute("INSERT INTO bookings VALUES ('half')")
        raise Crash

    async with run(provider, pushwire.SqliteStore(path)) as stream:
        event = await transaction(stream)
        with pytest.raises(Crash):
            await stream.ack(event, book=halfway)
        await crash(stream)
    assert provider.acks == []
    async with run(provider, pushwire.SqliteStore(path)) as stream:
        await settles(stream, provider, path)
    assert booked(path) == [tx_hash(1)]


async def recognised(provider: Provider, path: Path) -> None:
    """The run that follows a commit whose ACK the provider never got: withheld, ACKed, not booked again."""
    async with run(provider, pushwire.SqliteStore(path)) as stream:
        await provider.until(lambda: not provider.owed)
        assert stream.status.session.withheld == 1
        assert stream.status.session.unacked == 0
    assert booked(path) == [tx_hash(1)]


async def test_4_before_the_ack(provider: Provider, path: Path) -> None:
    provider.push(1)
    async with run(provider, pushwire.SqliteStore(path)) as stream:
        event = await transaction(stream)
        provider.peers[-1].drop()  # nothing can leave any more
        await finish(stream, event)
        await crash(stream)
    assert provider.acks == []
    await recognised(provider, path)


async def test_5_before_the_ack_arrives(provider: Provider, path: Path) -> None:
    provider.push(1)
    provider.lose_acks = True
    async with run(provider, pushwire.SqliteStore(path)) as stream:
        await finish(stream, await transaction(stream))
        await crash(stream)
    provider.lose_acks = False
    await recognised(provider, path)


async def test_6_before_the_reply(provider: Provider, path: Path) -> None:
    provider.push(1)
    provider.answer = False
    async with run(provider, pushwire.SqliteStore(path)) as stream:
        await finish(stream, await transaction(stream))
        await provider.until(lambda: not provider.owed)
        await crash(stream)
    provider.answer = True
    async with run(provider, pushwire.SqliteStore(path)) as stream:
        provider.push(2)
        assert (await transaction(stream)).tx_hash == tx_hash(2)
    assert booked(path) == [tx_hash(1)]


async def test_7_the_connection(provider: Provider, path: Path) -> None:
    provider.push(1)
    provider.lose_acks = True
    async with run(provider, pushwire.SqliteStore(path)) as stream:
        event = await transaction(stream)
        arrived = trio.Event()
        provider.on_message = lambda message: arrived.set()
        await finish(stream, event)
        await arrived.wait()  # the ACK left, and was lost
        provider.lose_acks = False
        provider.peers[-1].drop()
        await provider.until(lambda: not provider.owed)
        assert stream.status.session.withheld <= 1
    assert booked(path) == [tx_hash(1)]


async def test_8_the_booking(provider: Provider, path: Path) -> None:
    provider.push(1)

    def refuse(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE bookings (tx_hash TEXT)")
        raise KeyError("no such account")

    async with run(provider, pushwire.SqliteStore(path)) as stream:
        event = await transaction(stream)
        with pytest.raises(KeyError, match="no such account"):
            await stream.ack(event, book=refuse)
        assert provider.acks == []
        await finish(stream, event)
        await provider.until(lambda: not provider.owed)
    assert booked(path) == [tx_hash(1)]


async def test_9_the_disk(provider: Provider, path: Path) -> None:
    provider.push(1)
    async with run(provider, pushwire.SqliteStore(path)) as stream:
        event = await transaction(stream)

        def too_much(db: sqlite3.Connection) -> None:
            # The disk is full: SQLite's own bound on the file stands in for it.
            pages = db.execute("PRAGMA page_count").fetchone()[0]
            db.execute(f"PRAGMA max_page_count = {pages}")
            db.execute("CREATE TABLE bookings (tx_hash TEXT)")
            db.execute("INSERT INTO bookings VALUES (?)", ("x" * 100_000,))

        with pytest.raises(sqlite3.Error, match="full"):
            await stream.ack(event, book=too_much)
        assert provider.acks == []
        assert stream.status.session.unacked == 1

        with pytest.raises(pushwire.StoreError) as caught:
            await stream.park(event, "x" * 100_000)
        assert caught.value.outcome == "not_stored"
        assert provider.acks == []

        def make_room(db: sqlite3.Connection) -> None:
            db.execute("PRAGMA max_page_count = 1000000")
            db.execute("CREATE TABLE bookings (tx_hash TEXT)")
            db.execute("INSERT INTO bookings VALUES (?)", (event.tx_hash,))

        await stream.ack(event, book=make_room)
        await provider.until(lambda: not provider.owed)
    assert booked(path) == [tx_hash(1)]


class Forgetful(pushwire.SqliteStore):
    """Stores the first commit that settles something, and cannot tell that it did."""

    forgot = False

    async def commit(
        self,
        namespace: str,
        writes: Sequence[Write],
        mark: float,
        books: Mapping[Ticket, Callable[[sqlite3.Connection], object]],
    ) -> Committed:
        committed = await super().commit(namespace, writes, mark, books)
        if not self.forgot and any(write.ticket is not None for write in writes):
            self.forgot = True
            raise pushwire.StoreError("the answer was lost", outcome="unknown")
        return committed


async def test_10_the_commit(provider: Provider, path: Path) -> None:
    provider.push(1)
    async with run(provider, Forgetful(path)) as stream:
        event = await transaction(stream)
        with pytest.raises(pushwire.StoreError) as caught:
            await finish(stream, event)
        assert caught.value.outcome == "unknown"
        assert provider.acks == []
        await finish(stream, event)
        await provider.until(lambda: not provider.owed)
    assert booked(path) == [tx_hash(1)]


async def test_11_cancelled(provider: Provider, path: Path) -> None:
    provider.push(1)
    async with run(provider, pushwire.SqliteStore(path)) as stream:
        event = await transaction(stream)
        with trio.CancelScope() as scope:
            scope.cancel()
            await finish(stream, event)
        assert stream.status.session.unacked == 0
        await provider.until(lambda: not provider.owed)
    assert booked(path) == [tx_hash(1)]


async def test_12_a_long_outage(provider: Provider, path: Path) -> None:
    wall = Wall()
    async with run(provider, pushwire.SqliteStore(path), wall) as stream:
        await crash(stream)
    left = wall.at
    wall.at += 3 * 86_400.0
    async with run(provider, pushwire.SqliteStore(path), wall) as stream:
        async for event in stream:
            if isinstance(event, gelabs.Gap):
                assert event.since == pytest.approx(left, abs=1.0)
                assert event.until == pytest.approx(wall.at - CONFIG.resend_cap, abs=1.0)
                break
