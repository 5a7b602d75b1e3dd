"""A process whose files may grow no further, as it finds out in the middle of its commits. Run with the path of the store's file.

It prints what each commit came to, and at the end what the ledger and the caller's table hold.
"""

from __future__ import annotations

import resource
import sqlite3
import sys

import trio

from pushwire.errors import StoreError
from pushwire.stores.sqlite import SqliteStore
from tests.stores.kit import Book, ack, column, numbers, opened


def allow(size: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))


def insert(number: int, size: int) -> Book:
    def book(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE IF NOT EXISTS bookings (number INTEGER, padding TEXT)")
        db.execute("INSERT INTO bookings VALUES (?, ?)", (number, "x" * size))

    return book


async def attempt(store: SqliteStore, number: int, size: int) -> str:
    try:
        committed = await ack(store, number, insert(number, size))
    except StoreError as error:
        return error.outcome
    return "refused" if committed.failed else "stored"


async def main(path: str) -> None:
    async with opened(SqliteStore(path)) as store:
        outcomes = [await attempt(store, 1, 10)]
        allow((await trio.Path(f"{path}-wal").stat()).st_size)
        # The last one is larger than the page cache: SQLite writes before it is told to commit.
        outcomes += [await attempt(store, 2, 10), await attempt(store, 3, 10), await attempt(store, 4, 30_000_000)]
        allow(resource.getrlimit(resource.RLIMIT_FSIZE)[1])
        outcomes += [await attempt(store, 3, 10)]
        print(*outcomes)  # noqa: T201 - for the test that reads it
        print(await numbers(store), await column(store, "SELECT number FROM bookings"))  # noqa: T201


if __name__ == "__main__":
    trio.run(main, sys.argv[1])
