"""Rows written many in one statement."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing

import pytest

from pushwire.stores.sqlite_rows import MOST, Insert, digest

INTO = "t (a, b)"


@pytest.fixture
def db() -> Generator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE t (seq INTEGER PRIMARY KEY, a INTEGER NOT NULL UNIQUE, b TEXT)")
        yield connection


def rows(db: sqlite3.Connection) -> list[tuple[int, str | None]]:
    return db.execute("SELECT a, b FROM t ORDER BY seq").fetchall()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 64, 65, MOST - 1, MOST, MOST + 1, 3 * MOST + 5])
def test_any_number_of_rows_is_written_in_order(db: sqlite3.Connection, count: int) -> None:
    wanted = [(number * 7919 % 100_003, None if number % 3 else str(number)) for number in range(count)]
    assert Insert(INTO, 2, "ON CONFLICT DO NOTHING")(db, wanted) == count
    assert rows(db) == wanted


def test_what_is_there_already_is_not_counted(db: sqlite3.Connection) -> None:
    insert = Insert(INTO, 2, "ON CONFLICT DO NOTHING")
    assert insert(db, [(1, "x"), (2, "x"), (1, "y")]) == 2
    assert insert(db, [(2, "z"), (3, "z")]) == 1
    assert rows(db) == [(1, "x"), (2, "x"), (3, "z")]


def test_what_is_there_already_can_be_changed(db: sqlite3.Connection) -> None:
    insert = Insert(INTO, 2, "ON CONFLICT DO UPDATE SET b = excluded.b")
    insert(db, [(1, "x"), (2, "x")])
    assert insert(db, [(2, "y"), (3, "y")]) == 2
    assert rows(db) == [(1, "x"), (2, "y"), (3, "y")]


def test_a_statement_has_no_more_values_than_sqlite_takes(db: sqlite3.Connection) -> None:
    db.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 9)
    wanted = [(number, "x") for number in range(11)]
    assert Insert(INTO, 2, "ON CONFLICT DO NOTHING")(db, wanted) == 11
    assert rows(db) == wanted


def test_each_text_has_a_digest_of_its_own() -> None:
    assert len({digest(text) for text in ("", "a", "b", "a\n", "half \ud800")}) == 5
    assert len(digest("a")) == 16
