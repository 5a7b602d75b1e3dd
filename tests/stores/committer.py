"""A process that finishes and books one delivery after the other until it is killed. Run with the file's path.

It prints each number once that is durable, from four tasks at a time, so that commits gather.
"""

from __future__ import annotations

import itertools
import sqlite3
import sys

import trio

from pushwire.stores.sqlite import SqliteStore
from tests.stores.kit import NAMESPACE, ack, number_of


async def main(path: str) -> None:
    store = SqliteStore(path)
    restored = await store.open(NAMESPACE)
    numbers = itertools.count(max(map(number_of, restored.finished), default=0) + 1)

    async def work() -> None:
        for number in numbers:

            def book(db: sqlite3.Connection, number: int = number) -> None:
                db.execute("CREATE TABLE IF NOT EXISTS bookings (number INTEGER, part TEXT)")
                db.executemany("INSERT INTO bookings VALUES (?, ?)", [(number, "debit"), (number, "credit")])

            await ack(store, number, book)
            print(number, flush=True)  # noqa: T201 - for the test that reads it

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(work)


if __name__ == "__main__":
    trio.run(main, sys.argv[1])
