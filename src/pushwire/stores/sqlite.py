"""The ledger in an SQLite file, beside the caller's own tables.

One connection, held exclusively, in one thread: a second one to a WAL file is what the corruption bugs of recent years in SQLite
needed. Commits that gather while one is being written go together into the next. `synchronous=FULL`: durable means on the disk.
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

import trio

from ..core.effects import Committed, Record, Restored, Ticket, Write
from ..errors import StoreError
from .sqlite_file import Batch, LedgerFile
from .writer import Job, WriterThread

__all__ = ["SqliteStore"]

ResultT = TypeVar("ResultT")

WEEK: Final = 7 * 86_400.0


class SqliteStore:
    """A `Store` in the file `path`, made if it is not there. It serves any number of streams of one process; a second process, or
    a second `SqliteStore` on the same file, gets a `StoreError`.

    Finished rows are kept for `retain_for` seconds and at most `retain_rows` of them, parked ones until you delete them.

    A booking gets the `sqlite3.Connection` itself, in the store's thread and inside a savepoint of its own: it may read, write
    and make the caller's tables. It may not commit, roll back, close, attach or reconfigure, nor change what is named
    `pushwire_...`: trying to is a `LocalProtocolError` in the booking. Its cursors are closed when it returns. It runs once more,
    the first time undone, when another booking of the same transaction made SQLite roll all of it back (`INSERT OR ROLLBACK`, a
    full disk).
    """

    def __init__(self, path: str | os.PathLike[str], *, retain_for: float = WEEK, retain_rows: int = 1_000_000) -> None:
        self._path = os.fspath(path)
        self._retain_for = retain_for
        self._retain_rows = retain_rows
        self._lock = trio.Lock()
        self._users = Counter[str]()
        self._file: LedgerFile | None = None
        self._thread: WriterThread | None = None

    def __repr__(self) -> str:
        return f"SqliteStore({self._path!r})"

    async def open(self, namespace: str) -> Restored:
        async with self._lock:
            if self._thread is None:
                await self._start()
            file, thread = self._running()
            try:
                restored = await thread.do(Job(lambda: file.load(namespace)))
            except BaseException:
                if not self._users:
                    await self._end()
                raise
            self._users[namespace] += 1
            return restored

    async def commit(
        self,
        namespace: str,
        writes: Sequence[Write],
        mark: float,
        books: Mapping[Ticket, Callable[[sqlite3.Connection], object]],
    ) -> Committed:
        _, thread = self._running(namespace)
        await trio.lowlevel.checkpoint_if_cancelled()
        return await thread.do(_CommitJob(Batch(namespace, writes, mark, books)))

    async def close(self, namespace: str) -> None:
        with trio.CancelScope(shield=True):
            async with self._lock:
                self._running(namespace)
                self._users -= Counter((namespace,))
                if not self._users:
                    await self._end()

    async def read(self, look: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        """What `look(connection)` returns, run in the store's thread, between two commits. Raises what it raises.

        It sees the caller's tables and the ledger's, and can change nothing: a write is an `sqlite3.OperationalError` or a
        `LocalProtocolError`, as is what would reconfigure the connection. Fetch the rows inside `look`: its cursors are closed
        when it returns.
        """
        file, thread = self._running()
        await trio.lowlevel.checkpoint_if_cancelled()
        return await thread.do(Job(lambda: file.read(look)))

    async def parked(self, namespace: str | None = None) -> list[Record]:
        """What was set aside, oldest first: of one namespace, or of all."""
        file, thread = self._running()
        return await thread.do(Job(lambda: file.parked(namespace)))

    def _running(self, namespace: str | None = None) -> tuple[LedgerFile, WriterThread]:
        if self._file is None or self._thread is None or (namespace is not None and namespace not in self._users):
            raise StoreError(f"{self._path} is not open: the store works inside `async with pushwire.connect(..., store=...)`")
        return self._file, self._thread

    async def _start(self) -> None:
        file = LedgerFile(self._path, self._retain_for, self._retain_rows)
        thread = WriterThread(f"pushwire {os.path.basename(self._path)}", lambda jobs: _run(file, jobs))
        try:
            await thread.do(Job(file.open))
        except BaseException:
            await thread.end()
            raise
        self._file, self._thread = file, thread

    async def _end(self) -> None:
        file, thread = self._running()
        self._file = self._thread = None
        await thread.do(Job(file.close))
        await thread.end()


class _CommitJob(Job[Committed]):
    """A batch to commit, together with its neighbours."""

    def __init__(self, batch: Batch) -> None:
        super().__init__(Committed)
        self.batch = batch


def _run(file: LedgerFile, jobs: list[Job[object]]) -> None:
    """In the thread: neighbouring commits as one transaction, all else by itself."""
    together: list[_CommitJob] = []
    for job in jobs:
        if isinstance(job, _CommitJob):
            together.append(job)
        else:
            _commit(file, together)
            together = []
            job.run()
    _commit(file, together)


def _commit(file: LedgerFile, jobs: list[_CommitJob]) -> None:
    if not jobs:
        return
    try:
        results = file.commit([job.batch for job in jobs])
    except BaseException as error:  # noqa: BLE001 - it belongs to the tasks that wait
        for job in jobs:
            job.fail(error)
    else:
        for job, result in zip(jobs, results, strict=True):
            job.succeed(result)
