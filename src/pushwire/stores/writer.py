"""A long-lived thread that owns a blocking resource, and the way to it from trio.

Jobs run in order, one at a time. Waiting for one cannot be cancelled once it is queued: what it does may already have happened.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

import trio

__all__ = ["Job", "WriterThread"]

ResultT = TypeVar("ResultT")


class Job(Generic[ResultT]):
    """One thing to do in the thread, awaited in the trio task that made it."""

    def __init__(self, work: Callable[[], ResultT]) -> None:
        self.work = work
        self._token = trio.lowlevel.current_trio_token()
        self._done = trio.Event()
        self._result: ResultT | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        """In the thread: do it, whatever it raises."""
        try:
            result = self.work()
        except BaseException as error:  # noqa: BLE001 - it belongs to the task that waits, and must not end the thread
            self.fail(error)
        else:
            self.succeed(result)

    def succeed(self, result: ResultT) -> None:
        self._result = result
        self._wake()

    def fail(self, error: BaseException) -> None:
        self._error = error
        self._wake()

    async def wait(self) -> ResultT:
        """In trio: its result, or what it raised. Not cancellable."""
        with trio.CancelScope(shield=True):
            await self._done.wait()
        if self._error is not None:
            raise self._error
        return cast("ResultT", self._result)  # set before the event: None only where that is the result

    def _wake(self) -> None:
        # Where the run is over, nobody is left to be told.
        with contextlib.suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._done.set)


class WriterThread:
    """Runs jobs, and hands `group` all the jobs that have gathered, so that it may do several of them as one."""

    def __init__(self, name: str, group: Callable[[list[Job[Any]]], None]) -> None:
        self._group = group
        self._jobs: queue.SimpleQueue[Job[Any] | None] = queue.SimpleQueue()
        # A daemon: a program that dies without closing its store must still be able to end.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def do(self, job: Job[ResultT]) -> ResultT:
        """Queue a job and wait for it."""
        self._jobs.put(job)
        return await job.wait()

    async def end(self) -> None:
        """Do what is queued, then end the thread. Not cancellable, and short."""
        last = Job(lambda: None)
        self._jobs.put(last)
        self._jobs.put(None)
        await last.wait()
        # Nothing is left to run: this takes microseconds, and a helper thread to wait in would outlive the wait.
        self._thread.join()

    def _run(self) -> None:
        ended = False
        while not ended:
            jobs, ended = self._gathered()
            self._group(jobs)
            # What they hold is the caller's: it must not live until the next job comes.
            del jobs

    def _gathered(self) -> tuple[list[Job[Any]], bool]:
        """All that is queued, at least one; and whether that was the end."""
        jobs: list[Job[Any]] = []
        job = self._jobs.get()
        while job is not None:
            jobs.append(job)
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return jobs, False
        return jobs, True
