"""An SQLite table as a sink: the embedded one, for one relay on one machine.

One connection, held exclusively, in one thread; write-ahead log, `synchronous=FULL`: what is committed is on the disk. Batches
that gather while one is being written go together into the next transaction. While the relay runs nobody else can open the file.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from ...stores.writer import Job
from ..entries import Answer, Entry
from .base import Quarantined
from .sqlite_file import EventFile
from .thread import SinkThread, Task

__all__ = ["SqliteSink"]


class SqliteSink:
    """A `Sink` in the file `path`, made if it is not there. An entry with a key is stored once, however often it comes; one with
    another payload under a key that is there goes to the quarantine. Entries without a key are stored as they come.

    Events are in the table `events` (`seq, stream, provider, kind, key, at, digest, payload`), in the order they were stored.
    Delete what you have used, but not before its provider has ceased to send it again: a key that is gone is a new one.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self._file = EventFile(self._path)
        self._thread = SinkThread(f"pushwire {os.path.basename(self._path)}", self._run)

    def __repr__(self) -> str:
        return f"SqliteSink({self._path!r})"

    async def open(self) -> None:
        # What an earlier opening left behind, its thread among it, keeps what it has: its file, and the lock on it.
        file = self._file = EventFile(self._path)
        self._thread = SinkThread(f"pushwire {os.path.basename(self._path)}", self._run)
        self._thread.start()
        try:
            await self._thread.do(Task(file.open))
        except BaseException:
            await self.close()
            raise

    async def write(self, batch: Sequence[Entry]) -> Sequence[Answer]:
        return await self._thread.do(_WriteTask(self._file, batch))

    async def close(self) -> None:
        await self._thread.end(self._file.close)

    async def check(self) -> Sequence[str]:
        return await self._thread.do(Task(self._file.check))

    async def quarantine(self) -> list[Quarantined]:
        """What was set aside, oldest first."""
        return await self._thread.do(Task(self._file.quarantine))

    @staticmethod
    def _run(jobs: list[Job[Any]]) -> None:
        """In the thread: neighbouring writes as one transaction, all else by itself."""
        together: list[_WriteTask] = []
        for job in jobs:
            if isinstance(job, _WriteTask):
                together.append(job)
            else:
                _write(together)
                together = []
                job.run()
        _write(together)


class _WriteTask(Task[Sequence[Answer]]):
    """A batch to write, together with its neighbours."""

    def __init__(self, file: EventFile, batch: Sequence[Entry]) -> None:
        super().__init__(tuple)
        self.file = file
        self.batch = batch


def _write(tasks: list[_WriteTask]) -> None:
    if not tasks:
        return
    try:
        answers = tasks[0].file.write([task.batch for task in tasks])
    except BaseException as error:  # noqa: BLE001 - it belongs to the tasks that wait
        for task in tasks:
            task.fail(error)
    else:
        for task, answer in zip(tasks, answers, strict=True):
            task.succeed(answer)
