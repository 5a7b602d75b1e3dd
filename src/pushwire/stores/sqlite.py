"""The ledger in an SQLite file, beside the caller's own tables.

One connection, held exclusively, in one thread: a second one to a WAL file is what the corruption bugs of recent years in SQLite
needed. Commits that gather while one is being written go together into the next. `synchronous=FULL`: durable means on the disk.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

import trio

from ..core.commands import Ledgered
from .base import Receipt
from .sqlite_file import LedgerFile
from .threaded import WEEK, ThreadedStore
from .writer import Job

__all__ = ["SqliteStore"]

ResultT = TypeVar("ResultT")


class SqliteStore(ThreadedStore[sqlite3.Connection, LedgerFile]):
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
        super().__init__(self._path, f"pushwire {os.path.basename(self._path)}")

    def __repr__(self) -> str:
        return f"SqliteStore({self._path!r})"

    async def read(self, look: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        """What `look(connection)` returns, run in the store's thread, between two commits. Raises what it raises.

        It sees the caller's tables and the ledger's, and can change nothing: a write is an `sqlite3.OperationalError` or a
        `LocalProtocolError`, as is what would reconfigure the connection. Fetch the rows inside `look`: its cursors are closed
        when it returns.
        """
        file, thread = self._running()
        await trio.lowlevel.checkpoint_if_cancelled()
        return await thread.do(Job(lambda: file.read(look)))

    async def run(self, work: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        """A transaction of your own: what `work(connection)` returns, once what it wrote is durable.

        It is run in the store's thread, since nobody else may open the file, and bound by the rules of a booking. What it raises
        leaves here unwrapped, its writes undone. Raises `StoreError` where nothing was stored, or that cannot be known. Once
        begun it waits for the transaction's end, also when cancelled.
        """
        file, thread = self._running()
        await trio.lowlevel.checkpoint_if_cancelled()
        return await thread.do(Job(lambda: file.run(work)))

    def finish(self, connection: sqlite3.Connection, *events: Ledgered, namespace: str | None = None) -> Receipt:
        """Mark deliveries as finished inside `run`, in its transaction; hand the receipt to `stream.ack` when that has returned.

        `namespace` is that of the stream's config, needed where several streams use the store. Raises `AlreadyFinished` where one
        of them was finished before, and `LocalProtocolError` outside `run`.
        """
        file, _ = self._running()
        receipt = Receipt(self._only_namespace(namespace), tuple(event.identity for event in events))
        file.finish(connection, receipt, time.time())
        return receipt

    def _make(self) -> LedgerFile:
        return LedgerFile(self._path, self._retain_for, self._retain_rows)
