"""JSON lines as a sink: one object a line, on the disk (fsync) before it counts as stored.

The file itself is `jsonl_file`'s; here is the thread that it lives in.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from ..entries import Answer, Entry
from .base import Quarantined
from .jsonl_file import LineFile
from .thread import SinkThread, Task, run_each

__all__ = ["JsonlSink"]

ROTATE: Final = 256 << 20


class JsonlSink:
    """A `Sink` in the file `path`. At `rotate` bytes the file is put aside under a number (`events-000001.jsonl`) and a new one
    begun; `zstd` compresses those put aside. It needs a POSIX system, for the lock.

    The last `remember` keys are known, also after a restart: an entry that comes again within them is stored once, and one with
    another payload goes to `events.quarantine.jsonl`. Beyond them it is written again.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, rotate: int = ROTATE, zstd: bool = False, remember: int = 200_000
    ) -> None:
        self._path = os.fspath(path)
        self._settings = (rotate, zstd, remember)
        self._file = LineFile(self._path, *self._settings)
        self._thread = self._new_thread()

    def __repr__(self) -> str:
        return f"JsonlSink({self._path!r})"

    def _new_thread(self) -> SinkThread:
        return SinkThread(f"pushwire {os.path.basename(self._path)}", run_each)

    async def open(self) -> None:
        # What an earlier opening left behind, its thread among it, keeps what it has: its file, and the lock on it.
        self._file = LineFile(self._path, *self._settings, self._file.doubtful)
        self._thread = self._new_thread()
        self._thread.start()
        try:
            await self._thread.do(Task(self._file.open))
        except BaseException:
            await self.close()
            raise

    async def write(self, batch: Sequence[Entry]) -> Sequence[Answer]:
        file = self._file
        return await self._thread.do(Task(lambda: file.write(batch)))

    async def close(self) -> None:
        await self._thread.end(self._file.close)

    async def check(self) -> Sequence[str]:
        return await self._thread.do(Task(self._file.check))

    async def quarantine(self) -> list[Quarantined]:
        """What was set aside, oldest first."""
        return await self._thread.do(Task(self._file.quarantine))
