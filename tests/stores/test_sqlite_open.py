"""Opening the file, closing it, and who else may have it meanwhile."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from pushwire.core.effects import Committed
from pushwire.errors import StoreError
from pushwire.stores.sqlite import SqliteStore
from tests.stores.kit import NAMESPACE, Gate, ack, column, numbers, opened, process
from tests.threads import threads_at_work


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def insert(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE IF NOT EXISTS mine (number INTEGER)")
    db.execute("INSERT INTO mine VALUES (1)")


async def fails(store: SqliteStore, match: str) -> StoreError:
    """The error of opening it; nothing is left running."""
    threads = threads_at_work()
    with pytest.raises(StoreError, match=match) as caught:
        await store.open(NAMESPACE)
    assert caught.value.outcome == "not_stored"
    assert threads_at_work() == threads
    with pytest.raises(StoreError, match="is not open"):
        await ack(store, 1)
    return caught.value


async def test_the_file_is_kept_so_that_durable_means_on_the_disk(path: Path) -> None:
    async with opened(SqliteStore(path)) as store:
        assert await column(store, "PRAGMA journal_mode") == ["wal"]
        assert await column(store, "PRAGMA synchronous") == [2]
        assert await column(store, "PRAGMA locking_mode") == ["exclusive"]
        assert await column(store, "SELECT version FROM pushwire_schema") == [2]


async def test_the_callers_tables_are_in_the_same_file(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE accounts (name TEXT, balance INTEGER)")
        db.execute("INSERT INTO accounts VALUES ('ann', 5)")
    db.close()
    async with opened(SqliteStore(path)) as store:
        await ack(store, 1, lambda db: db.execute("UPDATE accounts SET balance = balance + 2"))
        assert await column(store, "SELECT balance FROM accounts") == [7]
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT balance FROM accounts").fetchall() == [(7,)]
    db.close()


async def test_a_path_object_and_a_string_are_the_same(path: Path) -> None:
    async with opened(SqliteStore(path)) as store:
        await ack(store, 1)
    async with opened(SqliteStore(str(path))) as store:
        assert await numbers(store) == [1]
    assert repr(SqliteStore(path)) == f"SqliteStore({str(path)!r})"


# Who else has it


async def test_a_second_store_on_the_file_is_told_that_it_is_held(path: Path) -> None:
    async with opened(SqliteStore(path)) as store:
        await fails(SqliteStore(path), r"ledger\.db is held by another process, or another store of this one")
        assert await ack(store, 1) == Committed({})
    async with opened(SqliteStore(path)) as store:
        assert await numbers(store) == [1]


@pytest.mark.slow
async def test_a_second_process_is_told_that_it_is_held(path: Path) -> None:
    with process("tests.stores.committer", path) as committer:
        assert committer.stdout is not None
        reported = int(committer.stdout.readline())
        await fails(SqliteStore(path), "is held by another process")
        committer.kill()
        committer.communicate()
    async with opened(SqliteStore(path)) as store:
        assert reported in await numbers(store)


async def test_the_file_is_held_against_plain_connections_too(path: Path) -> None:
    async with opened(SqliteStore(path)):
        db = sqlite3.connect(path, timeout=0)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            db.execute("SELECT * FROM pushwire_ledger")
        db.close()


async def test_a_plain_connection_that_reads_keeps_the_store_from_opening(path: Path) -> None:
    async with opened(SqliteStore(path)):
        pass
    db = sqlite3.connect(path)
    db.execute("SELECT * FROM pushwire_ledger").fetchall()
    await fails(SqliteStore(path), "is held by another process")
    db.close()
    async with opened(SqliteStore(path)):
        pass


# Files that will not do


async def test_a_newer_schema_is_refused_and_left_as_it_is(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE pushwire_schema (version INTEGER, something TEXT)")
        db.execute("INSERT INTO pushwire_schema VALUES (3, 'new')")
    db.close()
    await fails(SqliteStore(path), r"newer pushwire \(schema 3, known: 2\)")
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("pushwire_schema",)]
    db.close()


async def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(path: Path) -> None:
    await trio.Path(path).write_bytes(b"a shopping list\n" * 100)
    error = await fails(SqliteStore(path), r"ledger\.db: file is not a database")
    assert isinstance(error.__cause__, sqlite3.DatabaseError)
    assert await trio.Path(path).read_bytes() == b"a shopping list\n" * 100


async def test_a_directory_that_is_not_there_is_not_made(path: Path) -> None:
    await fails(SqliteStore(path.parent / "missing" / "ledger.db"), "unable to open database file")
    assert not (path.parent / "missing").exists()


async def test_a_directory_is_no_file(path: Path) -> None:
    await trio.Path(path).mkdir()
    await fails(SqliteStore(path), "unable to open database file")


@pytest.mark.parametrize("nowhere", [":memory:", ""])
async def test_what_does_not_outlive_the_process_is_refused(nowhere: str) -> None:
    await fails(SqliteStore(nowhere), "cannot keep a write-ahead log")


async def test_a_row_that_cannot_be_read_is_named_with_the_file(path: Path) -> None:
    async with opened(SqliteStore(path)) as store:
        await ack(store, 1)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE pushwire_ledger SET key = '[\"half'")
    db.close()
    await fails(SqliteStore(path), r"ledger\.db: Unterminated")


async def test_after_a_failure_the_same_store_can_be_opened(path: Path) -> None:
    holder, store = SqliteStore(path), SqliteStore(path)
    async with opened(holder):
        await fails(store, "is held")
    async with opened(store):
        assert await ack(store, 1) == Committed({})


async def test_a_second_namespace_that_cannot_be_loaded_leaves_the_first_as_it_was(path: Path) -> None:
    async with opened(SqliteStore(path)) as store:
        with pytest.raises(StoreError, match="surrogates"):
            await store.open("half \ud800")
        assert await ack(store, 1) == Committed({})


# Open and closed


async def test_nothing_works_before_open_or_after_close(path: Path) -> None:
    async def all_refuse(store: SqliteStore) -> None:
        for attempt in (ack(store, 1), store.read(bool), store.parked(), store.close(NAMESPACE)):
            with pytest.raises(StoreError, match=r"ledger\.db is not open: .*connect"):
                await attempt

    store = SqliteStore(path)
    await all_refuse(store)
    async with opened(store):
        pass
    await all_refuse(store)
    async with opened(store):
        assert await ack(store, 1) == Committed({})


async def test_the_last_of_several_streams_closes_the_file(path: Path) -> None:
    store = SqliteStore(path)
    threads = threads_at_work()
    await store.open("one")
    await store.open("other")
    await store.open("one")
    await store.close("one")
    assert await ack(store, 1, namespace="one") == Committed({})
    await store.close("one")
    with pytest.raises(StoreError, match="is not open"):
        await ack(store, 2, namespace="one")
    with pytest.raises(StoreError, match="is not open"):
        await store.close("one")
    assert await ack(store, 2, namespace="other") == Committed({})
    await store.close("other")
    assert threads_at_work() == threads
    async with opened(SqliteStore(path), "one") as again:
        assert await numbers(again, "one") == [1]


async def test_streams_that_open_at_the_same_time_share_one_thread(path: Path) -> None:
    store = SqliteStore(path)
    threads = threads_at_work()
    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(store.open, str(number))
    (thread,) = threads_at_work() - threads
    assert thread.name == "pushwire ledger.db"
    assert thread.daemon
    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(store.close, str(number))
    assert threads_at_work() == threads


async def test_opening_that_is_cancelled_leaves_nothing(path: Path) -> None:
    store = SqliteStore(path)
    threads = threads_at_work()
    with trio.CancelScope() as scope:
        scope.cancel()
        await store.open(NAMESPACE)
    assert scope.cancelled_caught
    assert threads_at_work() == threads


async def test_closing_that_is_cancelled_closes(path: Path) -> None:
    store = SqliteStore(path)
    threads = threads_at_work()
    await store.open(NAMESPACE)
    with trio.CancelScope() as scope:
        scope.cancel()
        await store.close(NAMESPACE)
    assert threads_at_work() == threads


async def test_closing_waits_for_commits_under_way_and_opening_for_the_close(path: Path) -> None:
    store = SqliteStore(path)
    gate = Gate()
    results: list[Committed] = []

    async def commit(number: int) -> None:
        results.append(await ack(store, number, insert))

    await store.open(NAMESPACE)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.read, gate)
        await gate.reached()
        nursery.start_soon(commit, 1)
        nursery.start_soon(commit, 2)
        await wait_all_tasks_blocked()
        nursery.start_soon(store.close, NAMESPACE)
        await wait_all_tasks_blocked()
        with pytest.raises(StoreError, match="is not open"):
            await ack(store, 3)
        nursery.start_soon(store.open, NAMESPACE)
        await wait_all_tasks_blocked()
        gate.open()
    assert results == [Committed({}), Committed({})]
    assert await numbers(store) == [1, 2]
    assert await column(store, "SELECT number FROM mine") == [1, 1]
    await store.close(NAMESPACE)


def test_the_same_store_serves_one_run_of_trio_after_the_other(path: Path) -> None:
    store = SqliteStore(path)

    async def run(number: int) -> list[int]:
        async with opened(store):
            await ack(store, number)
            return await numbers(store)

    assert trio.run(run, 1) == [1]
    assert trio.run(run, 2) == [1, 2]


def test_a_run_of_trio_that_ends_without_a_close_leaves_the_file_free(path: Path) -> None:
    store, threads = SqliteStore(path), threads_at_work()

    async def run(store: SqliteStore, number: int) -> None:
        await store.open(NAMESPACE)
        await ack(store, number)

    trio.run(run, store, 1)
    assert threads_at_work() == threads
    trio.run(run, store, 2)
    trio.run(run, SqliteStore(path), 3)

    async def look() -> list[int]:
        async with opened(SqliteStore(path)) as again:
            return await numbers(again)

    assert trio.run(look) == [1, 2, 3]
