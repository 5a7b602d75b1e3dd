"""A disk that is full or fails: nothing is reported that did not happen, and the store goes on when it can."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest

from pushwire.core.effects import Committed, Record, Ticket
from pushwire.errors import LocalProtocolError, StoreError
from pushwire.stores import sqlite_file
from pushwire.stores.sqlite import SqliteStore
from pushwire.stores.sqlite_leash import LeashedConnection
from tests.stores.kit import (
    NAMESPACE,
    Book,
    ack,
    column,
    finished,
    identity,
    inside,
    numbers,
    opened,
    process,
    settling,
    together,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
async def store(path: Path) -> AsyncGenerator[SqliteStore, None]:
    async with opened(SqliteStore(path)) as store:
        await ack(store, 1, lambda db: db.execute("CREATE TABLE mine (number INTEGER, padding TEXT)"))
        yield store


async def fill(store: SqliteStore) -> None:
    """No page more fits into the file."""
    await inside(store, lambda file: file._db.execute(f"PRAGMA max_page_count = {pages(file._db)}").close())


async def make_room(store: SqliteStore) -> None:
    await inside(store, lambda file: file._db.execute("PRAGMA max_page_count = 1000000").close())


def pages(db: sqlite3.Connection) -> int:
    count = db.execute("PRAGMA page_count").fetchone()[0]
    assert isinstance(count, int)
    return count


def insert(number: int, size: int = 10) -> Book:
    return lambda db: db.execute("INSERT INTO mine VALUES (?, ?)", (number, "x" * size))


# Full


async def test_on_a_full_disk_nothing_is_stored_and_it_works_again_when_there_is_room(store: SqliteStore) -> None:
    await fill(store)
    poison = Record("parked", identity(2), 1.0, "why", "x" * 100_000)
    with pytest.raises(StoreError, match=r"ledger\.db: database or disk is full") as caught:
        await store.commit(NAMESPACE, [settling(3, finished(3)), settling(2, poison)], 99.0, {Ticket(3): insert(3)})
    assert caught.value.outcome == "not_stored"
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
    assert await store.parked() == []
    assert await column(store, "SELECT number FROM mine") == []
    restored = await store.open(NAMESPACE)
    await store.close(NAMESPACE)
    assert (set(restored.finished), restored.mark) == ({identity(1)}, 1.0)

    await make_room(store)
    assert await store.commit(NAMESPACE, [settling(3), settling(2, poison)], 99.0, {Ticket(3): insert(3)}) == Committed({})
    assert await store.parked() == [poison]
    assert await column(store, "SELECT number FROM mine") == [3]


async def test_all_whose_commits_went_together_learn_of_it(store: SqliteStore) -> None:
    await fill(store)
    poison = Record("parked", identity(2), 1.0, "why", "x" * 100_000)
    outcomes = await together(
        store, [partial(ack, store, 3), partial(store.commit, NAMESPACE, [settling(2, poison)], 0.0, {}), partial(ack, store, 4)]
    )
    assert [isinstance(outcome, StoreError) for outcome in outcomes] == [True, True, True]
    assert await numbers(store) == [1]


def many_rows(db: sqlite3.Connection) -> None:
    """Each so small that SQLite keeps no way back from it alone: where it fails, the whole transaction is undone."""
    for _ in range(10_000):
        insert(2, 400)(db)


def one_large_row(db: sqlite3.Connection) -> None:
    insert(2, 100_000)(db)


@pytest.mark.parametrize("too_much", [many_rows, one_large_row])
async def test_a_disk_that_is_full_inside_a_booking_is_that_bookings_error(store: SqliteStore, too_much: Book) -> None:
    await fill(store)
    first, bad, last = await together(store, [partial(ack, store, 3), partial(ack, store, 2, too_much), partial(ack, store, 4)])
    assert first == last == Committed({})
    assert isinstance(bad, Committed)
    assert "full" in str(bad.failed[Ticket(2)])
    assert isinstance(bad.failed[Ticket(2)], sqlite3.OperationalError)
    assert await numbers(store) == [1, 3, 4]
    await make_room(store)
    assert await ack(store, 2, too_much) == Committed({})


async def test_a_booking_that_passes_over_a_full_disk_does_not_book_outside_the_transaction(store: SqliteStore) -> None:
    def book(db: sqlite3.Connection) -> None:
        with pytest.raises(sqlite3.OperationalError, match="full"):
            many_rows(db)
        assert not db.in_transaction
        with pytest.raises(LocalProtocolError, match="cannot go on"):
            db.execute("INSERT INTO mine VALUES (2, '')")

    await fill(store)
    committed = await ack(store, 2, book)
    assert isinstance(committed.failed[Ticket(2)], LocalProtocolError)
    assert await column(store, "SELECT number FROM mine") == []
    assert await numbers(store) == [1]
    assert await ack(store, 3) == Committed({})


def test_a_file_that_may_not_grow_costs_the_commits_that_do_not_fit_and_no_other(path: Path) -> None:
    """Here it is the operating system that refuses, where above it was SQLite. The second fits into the log once that begins
    anew."""
    with process("tests.stores.cramped", path) as cramped:
        said, _ = cramped.communicate()
    assert said.splitlines() == ["stored not_stored stored refused stored", "[1, 3] [1, 3]"]


def test_a_full_disk_does_not_keep_the_retention_from_deleting_nor_what_comes_from_its_place(path: Path) -> None:
    with process("tests.stores.bounded", path) as bounded:
        said, _ = bounded.communicate()
    assert said.split() == ["1000", "True", "100"]


# The commit itself


class Unlucky(LeashedConnection):
    """Loses the answer to one COMMIT."""

    fate: ClassVar[
        Literal[
            "none",
            "stored",
            "left open",
            "rolled back",
            "rolled back, no more writing",
            "unreadable",
            "unreadable, not stored",
        ]
    ] = "none"
    blind: ClassVar[bool] = False

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:  # as its base declares it
        fate = Unlucky.fate
        if sql == sqlite_file._COMMITS and Unlucky.blind:
            raise sqlite3.OperationalError("disk I/O error, reading")
        if sql == sqlite_file._COMMIT and fate != "none":
            Unlucky.fate = "none"
            Unlucky.blind = fate.startswith("unreadable")
            if fate in ("stored", "unreadable"):
                super().execute(sql)
            elif fate.startswith("rolled back"):
                super().execute("ROLLBACK")
            if fate.endswith("no more writing"):
                super().execute("PRAGMA query_only = ON")
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(sql, parameters)


@pytest.fixture
async def unlucky(path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[SqliteStore, None]:
    monkeypatch.setattr(sqlite_file, "LeashedConnection", Unlucky)
    monkeypatch.setattr(Unlucky, "fate", "none")
    monkeypatch.setattr(Unlucky, "blind", False)
    async with opened(SqliteStore(path)) as store:
        await ack(store, 1, lambda db: db.execute("CREATE TABLE mine (number INTEGER, padding TEXT)"))
        yield store


async def test_a_commit_that_happened_all_the_same_is_a_success(unlucky: SqliteStore) -> None:
    Unlucky.fate = "stored"
    assert await ack(unlucky, 2, insert(2)) == Committed({})
    assert await numbers(unlucky) == [1, 2]
    assert await column(unlucky, "SELECT number FROM mine") == [2]


@pytest.mark.parametrize("fate", ["left open", "rolled back"])
async def test_a_commit_that_did_not_happen_is_not_stored(
    unlucky: SqliteStore, fate: Literal["left open", "rolled back"]
) -> None:
    Unlucky.fate = fate
    with pytest.raises(StoreError, match="disk I/O error") as caught:
        await ack(unlucky, 2, insert(2))
    assert caught.value.outcome == "not_stored"
    assert await numbers(unlucky) == [1]
    assert await ack(unlucky, 2, insert(2)) == Committed({})
    assert await column(unlucky, "SELECT number FROM mine") == [2]


async def test_a_lost_commit_that_a_crash_might_bring_back_is_overwritten_in_the_log(unlucky: SqliteStore) -> None:
    before = await column(unlucky, "SELECT commits FROM pushwire_schema")
    Unlucky.fate = "rolled back"
    with pytest.raises(StoreError):
        await ack(unlucky, 2)
    after = await column(unlucky, "SELECT commits FROM pushwire_schema")
    assert after != before, "a page was written"


async def test_where_it_cannot_be_overwritten_the_outcome_is_unknown(unlucky: SqliteStore) -> None:
    Unlucky.fate = "rolled back, no more writing"
    with pytest.raises(StoreError) as caught:
        await ack(unlucky, 2)
    assert caught.value.outcome == "unknown"


@pytest.mark.parametrize("fate", ["unreadable", "unreadable, not stored"])
async def test_where_it_cannot_be_told_the_same_ack_again_books_once(
    unlucky: SqliteStore, fate: Literal["unreadable", "unreadable, not stored"]
) -> None:
    Unlucky.fate = fate
    with pytest.raises(StoreError, match="cannot be read back") as caught:
        await ack(unlucky, 2, insert(2))
    assert caught.value.outcome == "unknown"
    with pytest.raises(StoreError) as still:
        await ack(unlucky, 2, insert(2))
    assert still.value.outcome == "not_stored"
    Unlucky.blind = False
    assert await ack(unlucky, 2, insert(2)) == Committed({})
    assert await column(unlucky, "SELECT number FROM mine") == [2]
    assert await numbers(unlucky) == [1, 2]


async def test_after_an_unknown_outcome_the_next_lost_commit_is_not_taken_for_stored(unlucky: SqliteStore) -> None:
    Unlucky.fate = "unreadable"
    with pytest.raises(StoreError):
        await ack(unlucky, 2)
    Unlucky.blind = False
    Unlucky.fate = "rolled back"
    with pytest.raises(StoreError) as caught:
        await ack(unlucky, 3)
    assert caught.value.outcome == "not_stored"
    assert await numbers(unlucky) == [1, 2]
