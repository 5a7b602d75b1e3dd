"""An operation is cancelled at every step of the thread that works for it: before each round trip to PostgreSQL, each dial and
each end of a connection.

The thread stands still at that step until the cancellation has had all the effect it can have meanwhile. So what a caller who is
gone leaves to the thread is done after him, every time, and not by chance.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import psycopg
import pytest
import trio
from psycopg import waiting

from tests.shell.checkpoints import Attempt, Figures, Life, Outcome, at_every_moment, standing

__all__ = ["OURS", "ThreadAttempt", "at_every_step", "ended"]

ResultT = TypeVar("ResultT")

OURS: Final = "pushwire"
"""With which the names of the product's threads begin."""
WITHIN: Final = 60.0
"""Seconds of real time until a thread that stands still fails the test."""


class ThreadAttempt(Attempt):
    """Its moments are steps of the product's threads."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self._token: trio.lowlevel.TrioToken | None = None
        self._standing = threading.Event()
        self._goes_on: trio.Event | None = None

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """No moment here."""

    def before_io_wait(self, timeout: float) -> None:
        if self.struck and timeout > 0.0:
            # Nothing else can happen until somebody does something.
            self._standing.set()

    def begin(self) -> None:
        super().begin()
        self._token = trio.lowlevel.current_trio_token()
        self._goes_on = trio.Event()

    def step(self) -> None:
        """In the thread: before each of its steps."""
        if self._task is None or self._token is None or self._goes_on is None:
            return
        self.moments += 1
        if self.moments == self.at:
            self._token.run_sync_soon(self._strike)
            assert self._standing.wait(WITHIN), "the run of trio does not come to rest"
            self._token.run_sync_soon(self._goes_on.set)

    def _strike(self) -> None:
        assert self._scope is not None
        self._struck = trio.current_time()
        self._scope.cancel()

    async def run(self, operation: Callable[[], Awaitable[ResultT]], **options: Any) -> Outcome[ResultT]:  # as for Attempt
        outcome = await super().run(operation, **options)
        if self.struck and self._goes_on is not None:
            await self._goes_on.wait()
        return outcome


def at_every_step(life: Life, *, exact: bool = True) -> Figures:
    """Lives that are cancelled at every step of the threads. Not `exact`: other tasks have a say in how many there are."""
    current: list[ThreadAttempt] = []

    def make(at: int) -> ThreadAttempt:
        current[:] = [ThreadAttempt(at)]
        return current[0]

    def step() -> None:
        if threading.current_thread().name.startswith(OURS):
            current[0].step()

    with _before_each(step):
        return at_every_moment(life, clock=standing, exact=exact, make=make)


@contextmanager
def _before_each(step: Callable[[], None]) -> Generator[None]:
    """Whatever psycopg does on the network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(waiting, "wait", _stepping(waiting.wait, step))
        patch.setattr(waiting, "wait_conn", _stepping(waiting.wait_conn, step))
        patch.setattr(psycopg.Connection, "close", _stepping(psycopg.Connection.close, step))
        yield


def _stepping(right: Callable[..., ResultT], step: Callable[[], None]) -> Callable[..., ResultT]:
    def wrapped(*given: object, **named: object) -> ResultT:
        step()
        return right(*given, **named)

    return wrapped


def ended() -> None:
    """Every thread of the product's has come to its end, those included for which nobody waits any more."""
    for thread in threading.enumerate():
        if thread.name.startswith(OURS):
            thread.join(WITHIN)
            assert not thread.is_alive(), f"{thread.name} does not end"
