"""Short ways into PostgreSQL, for the tests of its store."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypeVar

import attrs
import psycopg
import trio
from psycopg.rows import TupleRow
from trio.testing import wait_all_tasks_blocked

from pushwire.core.effects import Committed, Ticket
from pushwire.errors import StoreError
from pushwire.stores.postgres import PostgresStore
from pushwire.stores.postgres_ledger import PostgresLedger
from pushwire.stores.writer import Job
from tests.stores.kit import NAMESPACE, Gate, number_of, settling
from tests.stores.postgres_server import PostgresServer

ResultT = TypeVar("ResultT")

Book: TypeAlias = Callable[[psycopg.Connection[TupleRow]], object]


@attrs.frozen
class Schema:
    """A schema of a server, made with the first store in it."""

    server: PostgresServer
    name: str

    @property
    def dsn(self) -> str:
        return f"{self.server.dsn} options='-c search_path={self.name}'"

    def store(self, **options: Any) -> PostgresStore:  # keyword arguments of several types
        """A store, which waits for a lock but for a moment."""
        options.setdefault("lock_timeout", 0.5)
        return PostgresStore(self.dsn, schema=self.name, **options)

    def connect(self) -> psycopg.Connection[TupleRow]:
        return psycopg.connect(self.dsn)

    def column(self, statement: str) -> list[object]:
        """The first column of what it returns."""
        with psycopg.connect(self.dsn, autocommit=True) as db:
            cursor = db.execute(statement.encode())
            return [row[0] for row in cursor.fetchall()] if cursor.description else []


@asynccontextmanager
async def opened(store: PostgresStore, namespace: str = NAMESPACE) -> AsyncGenerator[PostgresStore]:
    await store.open(namespace)
    try:
        yield store
    finally:
        await store.close(namespace)


async def numbers(store: PostgresStore, namespace: str = NAMESPACE) -> list[int]:
    """Which deliveries the ledger holds as finished."""
    restored = await store.open(namespace)
    await store.close(namespace)
    return sorted(map(number_of, restored.finished))


async def inside(store: PostgresStore, work: Callable[[PostgresLedger], ResultT]) -> ResultT:
    """What `work` returns, run in the store's thread on its ledger: a seam for faults."""
    ledger, thread = store._running()
    return await thread.do(Job(lambda: work(ledger)))


async def together(store: PostgresStore, calls: Sequence[Callable[[], Awaitable[Committed]]]) -> list[Committed | StoreError]:
    """What these commits come to when they wait for the thread at the same time, in this order."""
    gate = Gate()
    results: dict[int, Committed | StoreError] = {}

    async def one(place: int, call: Callable[[], Awaitable[Committed]]) -> None:
        try:
            results[place] = await call()
        except StoreError as error:
            results[place] = error

    async with trio.open_nursery() as nursery:
        nursery.start_soon(inside, store, gate)
        await gate.reached()
        for place, call in enumerate(calls):
            nursery.start_soon(one, place, call)
            await wait_all_tasks_blocked()
        gate.open()
    return [results[place] for place in range(len(calls))]


async def ack(store: PostgresStore, serial: int, book: Book | None = None, *, namespace: str = NAMESPACE) -> Committed:
    """Finish the delivery `serial`, in a commit of its own as far as this task can tell."""
    books = {} if book is None else {Ticket(serial): book}
    return await store.commit(namespace, [settling(serial)], float(serial), books)
