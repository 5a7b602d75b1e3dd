"""Commits that gather, that are cancelled, and what is kept of them."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from pushwire.core.effects import Committed, Record, Restored, Ticket
from pushwire.errors import StoreError
from pushwire.stores.sqlite import SqliteStore
from tests.stores.kit import (
    NAMESPACE,
    Book,
    Gate,
    ack,
    column,
    delivered,
    finished,
    identity,
    inside,
    numbers,
    opened,
    own,
    settling,
    together,
    transactions,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
async def store(path: Path) -> AsyncGenerator[SqliteStore, None]:
    async with opened(SqliteStore(path)) as store:
        await ack(store, 1, lambda db: db.execute("CREATE TABLE mine (number INTEGER PRIMARY KEY)"))
        yield store


def insert(number: int) -> Book:
    return lambda db: db.execute("INSERT INTO mine VALUES (?)", (number,))


async def test_what_is_delivered_and_not_finished_takes_a_bounded_memory(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pushwire.stores.sqlite_tables.SPELLED", 4)
    await store.commit(NAMESPACE, [own(*map(delivered, range(2, 12)))], 0.0, {})
    assert await inside(store, lambda file: len(file._tables._spelled)) <= 4
    await store.commit(NAMESPACE, [settling(2, *map(finished, range(2, 12)))], 0.0, {})
    assert await inside(store, lambda file: len(file._tables._spelled)) == 0
    assert await column(store, "SELECT DISTINCT finished FROM pushwire_ledger") == [1]


async def test_all_that_was_stored_is_there_for_another_store(path: Path) -> None:
    poison = Record("parked", identity(4), 3.0, "why", "raw ☃")
    async with opened(SqliteStore(path)) as store:
        await store.commit(NAMESPACE, [own(delivered(2, 1.5), delivered(3, 1.0)), settling(1), settling(4, poison)], 12.25, {})
        await store.open("other")
        await store.commit("other", [own(finished(9))], 8.0, {})
        await store.close("other")
    again = SqliteStore(path)
    assert await again.open(NAMESPACE) == Restored(
        {identity(4): 3.0, identity(1): 100.0}, {identity(3): 1.0, identity(2): 1.5}, 12.25
    )
    assert await again.open("other") == Restored({identity(9): 100.0}, {}, 8.0)
    assert await again.parked() == await again.parked(NAMESPACE) == [poison]
    assert await again.parked("other") == await again.parked("unheard of") == []
    await again.close("other")
    await again.close(NAMESPACE)


# Together


async def test_commits_that_wait_at_the_same_time_are_one_transaction(store: SqliteStore) -> None:
    await store.open("other")
    before = await transactions(store)
    outcomes = await together(
        store,
        [partial(ack, store, n, insert(n), namespace="other" if n % 3 == 0 else NAMESPACE) for n in range(2, 32)],
    )
    assert outcomes == [Committed({})] * 30
    assert (before, await transactions(store)) == (1, 2)
    assert await column(store, "SELECT number FROM mine") == list(range(2, 32))
    assert await numbers(store) == [1, *(n for n in range(2, 32) if n % 3)]
    assert await numbers(store, "other") == [n for n in range(2, 32) if n % 3 == 0]
    await store.close("other")


async def test_commits_from_many_tasks_take_fewer_transactions(store: SqliteStore) -> None:
    async def work(first: int) -> None:
        for number in range(first, first + 10):
            await ack(store, number, insert(number))

    gate = Gate()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.read, gate)
        await gate.reached()
        for first in range(100, 500, 10):
            nursery.start_soon(work, first)
        await wait_all_tasks_blocked()
        gate.open()
    assert await numbers(store) == [1, *range(100, 500)]
    taken = await transactions(store)
    assert isinstance(taken, int)
    assert taken < 400


async def test_commits_one_after_the_other_are_a_transaction_each(store: SqliteStore) -> None:
    for number in range(2, 6):
        await ack(store, number)
    assert await transactions(store) == 5


async def test_the_mark_of_the_last_one_counts(store: SqliteStore) -> None:
    await together(store, [partial(ack, store, n) for n in (7, 5, 6)])
    assert (await store.open(NAMESPACE)).mark == 6.0
    await store.close(NAMESPACE)


async def test_one_that_raises_fails_nobody_elses(store: SqliteStore) -> None:
    error = SystemExit(3)

    def refuse(db: sqlite3.Connection) -> None:
        insert(3)(db)
        db.execute("CREATE TABLE never (number)")
        raise error

    outcomes = await together(store, [partial(ack, store, 2, insert(2)), partial(ack, store, 3, refuse), partial(ack, store, 4)])
    assert outcomes == [Committed({}), Committed({Ticket(3): error}), Committed({})]
    assert await column(store, "SELECT name FROM sqlite_master WHERE name = 'never'") == []
    assert await column(store, "SELECT number FROM mine") == [2]
    assert await numbers(store) == [1, 2, 4]


async def test_a_look_stands_between_the_commits_before_and_after_it(store: SqliteStore) -> None:
    gate = Gate()
    seen: list[object] = []

    async def look() -> None:
        seen.extend(await column(store, "SELECT number FROM mine"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.read, gate)
        await gate.reached()
        for call in (partial(ack, store, 2, insert(2)), look, partial(ack, store, 3, insert(3))):
            nursery.start_soon(call)
            await wait_all_tasks_blocked()
        gate.open()
    assert seen == [2]
    assert await column(store, "SELECT number FROM mine") == [2, 3]


async def test_the_same_delivery_settled_twice_in_one_transaction_is_booked_once(store: SqliteStore) -> None:
    outcomes = await together(store, [partial(ack, store, 2, insert(2)), partial(ack, store, 2, insert(2))])
    assert outcomes == [Committed({}), Committed({})]
    assert await column(store, "SELECT number FROM mine") == [2]


# Cancelled


async def test_cancelling_waits_for_the_end_of_the_transaction(store: SqliteStore) -> None:
    gate = Gate()
    results: list[Committed] = []

    def book(db: sqlite3.Connection) -> None:
        gate(db)
        insert(2)(db)

    async def commit(scope: trio.CancelScope) -> None:
        with scope:
            results.append(await ack(store, 2, book))

    scope = trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(commit, scope)
        await gate.reached()
        scope.cancel()
        await wait_all_tasks_blocked()
        assert results == []
        gate.open()
    assert results == [Committed({})]
    assert await numbers(store) == [1, 2]


async def test_one_that_waits_in_line_is_committed_though_cancelled(store: SqliteStore) -> None:
    gate = Gate()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.read, gate)
        await gate.reached()
        nursery.start_soon(ack, store, 2, insert(2))
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
        gate.open()
    assert await numbers(store) == [1, 2]


async def test_one_that_is_cancelled_beforehand_does_not_begin(store: SqliteStore) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await ack(store, 2, insert(2))
    assert scope.cancelled_caught
    with trio.CancelScope() as scope:
        scope.cancel()
        await store.read(insert(3))
    assert scope.cancelled_caught
    assert await numbers(store) == [1]


# What is kept


async def test_a_commit_lets_go_of_at_most_two_rows_for_each_it_writes(path: Path) -> None:
    async with opened(SqliteStore(path)) as store:
        await store.commit(NAMESPACE, [own(*(finished(n, float(n)) for n in range(100)))], 0.0, {})
    async with opened(SqliteStore(path, retain_rows=10)) as store:
        left: list[int] = []
        for number in range(100, 103):
            await store.commit(NAMESPACE, [own(finished(number, float(number)))], 0.0, {})
            left.append(len(await numbers(store)))
        assert left == [99, 98, 97]
        assert (await numbers(store))[0] == 6
        await store.commit(NAMESPACE, [], 1.0, {})
        assert len(await numbers(store)) == 97
        await store.commit(NAMESPACE, [own(*(finished(n, float(n)) for n in range(200, 300)))], 0.0, {})
        assert await numbers(store) == list(range(290, 300))


async def test_retention_is_undone_with_the_transaction_it_was_part_of(path: Path) -> None:
    async with opened(SqliteStore(path, retain_rows=2)) as store:
        await store.commit(NAMESPACE, [own(finished(1), finished(2))], 0.0, {})
        with pytest.raises(StoreError):
            await store.commit(NAMESPACE, [own(finished(3), finished(4, float("nan")))], 0.0, {})
        assert await numbers(store) == [1, 2]
