"""A sink's work in a thread of its own, which a caller may stop waiting for: what became of it is then unknown."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

import trio

from ...stores.writer import Job, WriterThread
from .base import SinkError

__all__ = ["SinkThread", "Task", "run_each"]

ResultT = TypeVar("ResultT")


class Task(Job[ResultT]):
    """A job whose waiting can be cancelled. The job is done all the same, sooner or later."""

    async def wait(self) -> ResultT:
        await self._done.wait()
        return await super().wait()


class _Thread(WriterThread):
    def leave(self) -> None:
        """End after what is queued, whenever that is. Trio forgets it then, unless the run ends first and waits for it."""
        token = trio.lowlevel.current_trio_token()

        def forget() -> None:
            with contextlib.suppress(trio.RunFinishedError):
                token.run_sync_soon(trio.lowlevel.remove_instrument, self)

        self._jobs.put(Job(forget))
        self._jobs.put(None)


class SinkThread:
    """One thread at a time, from `start` to `end`."""

    def __init__(self, name: str, group: Callable[[list[Job[Any]]], None]) -> None:  # jobs of any result
        self._name = name
        self._group = group
        self._thread: _Thread | None = None

    def start(self) -> None:
        self._thread = _Thread(self._name, self._group)

    async def do(self, job: Job[ResultT]) -> ResultT:
        """Queue a job and wait for it. Raises what it raises, `SinkError` where the sink is not open."""
        if self._thread is None:
            raise SinkError(f"{self._name} is not open")
        await trio.lowlevel.checkpoint_if_cancelled()
        return await self._thread.do(job)

    async def end(self, close: Callable[[], None]) -> None:
        """Run `close` after what is queued, and end the thread. Cancelled while the thread stands still, it is left to itself: it
        closes when it can."""
        thread, self._thread = self._thread, None
        if thread is not None:
            try:
                await thread.do(Task(close))
            except trio.Cancelled:
                thread.leave()
                raise
            await thread.end()


def run_each(jobs: list[Job[Any]]) -> None:
    """One after the other."""
    for job in jobs:
        job.run()
