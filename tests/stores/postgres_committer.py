"""A process that finishes and books one delivery after the other in PostgreSQL until it is killed. Run with a DSN and a schema.

It prints each number once that is durable, from four tasks at a time, so that commits gather.
"""

from __future__ import annotations

import itertools
import sys

import psycopg
import trio
from psycopg.rows import TupleRow

from pushwire.stores.postgres import PostgresStore
from tests.stores.kit import NAMESPACE, number_of
from tests.stores.postgres_kit import ack


async def main(dsn: str, schema: str) -> None:
    store = PostgresStore(dsn, schema=schema)
    restored = await store.open(NAMESPACE)
    numbers = itertools.count(max(map(number_of, restored.finished), default=0) + 1)

    async def work() -> None:
        for number in numbers:

            def book(db: psycopg.Connection[TupleRow], number: int = number) -> None:
                db.execute("INSERT INTO bookings VALUES (%s, 'debit'), (%s, 'credit')", (number, number))

            await ack(store, number, book)
            print(number, flush=True)  # noqa: T201 - for the test that reads it

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(work)


if __name__ == "__main__":
    trio.run(main, sys.argv[1], sys.argv[2])
