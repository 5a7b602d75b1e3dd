"""A long-lived thread that owns a blocking resource, and the way to it from trio.

Jobs run in order, one at a time. Waiting for one cannot be cancelled once it is queued: what it does may already have happened.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar, cast

import trio
import trio.abc
import trio.lowlevel

__all__ = ["Job", "WriterThread"]

ResultT = TypeVar("ResultT")

LEAVE_WITHIN: Final = 10.0
"""Seconds that the end of a run waits for its threads."""


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


class WriterThread(trio.abc.Instrument):
    """Runs jobs, and hands `group` all the jobs that have gathered, so that it may do several of them as one.

    `last` is run in the thread when it ends: at `end`, or with the run of trio that it was made in, whatever ended that; in the
    second case `abandoned` is called after it.
    """

    def __init__(
        self,
        name: str,
        group: Callable[[list[Job[Any]]], None],
        *,
        last: Callable[[], None] = lambda: None,
        abandoned: Callable[[], None] = lambda: None,
    ) -> None:
        self._group = group
        self._last = last
        self._abandoned = abandoned
        self._jobs: queue.SimpleQueue[Job[Any] | None] = queue.SimpleQueue()
        # A daemon: a booking that never returns must not keep the program from ending.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        trio.lowlevel.add_instrument(self)

    async def do(self, job: Job[ResultT]) -> ResultT:
        """Queue a job and wait for it."""
        self._jobs.put(job)
        return await job.wait()

    async def end(self) -> None:
        """Do what is queued, then end the thread. Not cancellable, and short."""
        last = Job(self._last)
        self._last = lambda: None
        self._jobs.put(last)
        self._jobs.put(None)
        try:
            await last.wait()
        finally:
            trio.lowlevel.remove_instrument(self)
            # Nothing is left to run: this takes microseconds, and a helper thread to wait in would outlive the wait.
            self._thread.join()

    def after_run(self) -> None:
        """The run of trio is over, and nobody has ended the thread: what it holds must not stay held by it."""
        self._jobs.put(None)
        # No task is left that could wait for a job, so there is next to nothing to do; but for a booking that never returns.
        self._thread.join(LEAVE_WITHIN)
        self._abandoned()

    def _run(self) -> None:
        ended = False
        while not ended:
            jobs, ended = self._gathered()
            self._group(jobs)
            # What they hold is the caller's: it must not live until the next job comes.
            del jobs
        self._last()

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
