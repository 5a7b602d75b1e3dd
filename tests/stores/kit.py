"""Records, batches and short ways into a store, for the tests of all stores."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeAlias, TypeVar

import trio
from trio.testing import wait_all_tasks_blocked

from pushwire.core.effects import Committed, Identity, Record, Restored, Ticket, Write
from pushwire.errors import StoreError
from pushwire.stores.memory import MemoryStore
from pushwire.stores.postgres import PostgresStore
from pushwire.stores.sqlite import SqliteStore
from pushwire.stores.sqlite_file import LedgerFile
from pushwire.stores.writer import Job

ResultT = TypeVar("ResultT")

Book: TypeAlias = Callable[[sqlite3.Connection], object]

AnyStore: TypeAlias = MemoryStore | SqliteStore | PostgresStore

ROOT = Path(__file__).parent.parent.parent

NAMESPACE = "gelabs wss://push.example 5f0c"


def identity(number: int, version: str = "success") -> Identity:
    return Identity(("evm", "1", f"0x{number:04x}"), (version, number, False))


def number_of(found: Identity) -> int:
    """Which number `identity` was given."""
    return int(str(found.key[2]), 16)


def finished(number: int, at: float = 100.0) -> Record:
    return Record("finished", identity(number), at)


def delivered(number: int, at: float = 50.0) -> Record:
    return Record("delivered", identity(number), at)


def own(*records: Record) -> Write:
    """A write of the machine's own."""
    return Write(None, records)


def settling(serial: int, *records: Record) -> Write:
    """The write of the ticket `serial`: by default it finishes the delivery of that number."""
    return Write(Ticket(serial), records or (finished(serial),))


async def ack(store: SqliteStore, serial: int, book: Book | None = None, *, namespace: str = NAMESPACE) -> Committed:
    """Finish the delivery `serial`, in a commit of its own as far as this task can tell."""
    books = {} if book is None else {Ticket(serial): book}
    return await store.commit(namespace, [settling(serial)], float(serial), books)


async def reopened(store: AnyStore, namespace: str = NAMESPACE) -> Restored:
    """What is there for the next run."""
    await store.close(namespace)
    return await store.open(namespace)


@asynccontextmanager
async def opened(store: SqliteStore, namespace: str = NAMESPACE) -> AsyncGenerator[SqliteStore]:
    await store.open(namespace)
    try:
        yield store
    finally:
        await store.close(namespace)


async def numbers(store: SqliteStore, namespace: str = NAMESPACE) -> list[int]:
    """Which deliveries the ledger holds as finished."""
    restored = await store.open(namespace)
    await store.close(namespace)
    return sorted(map(number_of, restored.finished))


async def column(store: SqliteStore, sql: str) -> list[object]:
    """The first column of what `sql` selects."""
    return await store.read(lambda db: [row[0] for row in db.execute(sql).fetchall()])


async def transactions(store: SqliteStore) -> object:
    """How many there have been."""
    return (await column(store, "SELECT commits FROM pushwire_schema"))[0]


async def inside(store: SqliteStore, work: Callable[[LedgerFile], ResultT]) -> ResultT:
    """What `work` returns, run in the store's thread on its file, without a leash: a seam for faults."""
    file, thread = store._running()
    return await thread.do(Job(lambda: work(file)))


@contextmanager
def process(module: str, path: Path) -> Generator[subprocess.Popen[str], None, None]:
    """A Python process that runs `module` on `path`. It is killed in the end."""
    with subprocess.Popen([sys.executable, "-m", module, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT) as started:
        try:
            yield started
        finally:
            started.kill()


class Gate:
    """Keeps a store's thread busy until it is opened, so that what is asked for meanwhile gathers."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._reached = trio.Event()
        self._token = trio.lowlevel.current_trio_token()

    def __call__(self, _: object) -> None:
        """In the thread, as a booking or a look."""
        self._token.run_sync_soon(self._reached.set)
        self._open.wait()

    async def reached(self) -> None:
        await self._reached.wait()

    def open(self) -> None:
        self._open.set()


async def together(store: SqliteStore, calls: Sequence[Callable[[], Awaitable[Committed]]]) -> list[Committed | StoreError]:
    """What these commits come to when they wait for the thread at the same time, in this order."""
    gate = Gate()
    results: dict[int, Committed | StoreError] = {}

    async def one(place: int, call: Callable[[], Awaitable[Committed]]) -> None:
        try:
            results[place] = await call()
        except StoreError as error:
            results[place] = error

    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.read, gate)
        await gate.reached()
        for place, call in enumerate(calls):
            nursery.start_soon(one, place, call)
            await wait_all_tasks_blocked()
        gate.open()
    return [results[place] for place in range(len(calls))]
