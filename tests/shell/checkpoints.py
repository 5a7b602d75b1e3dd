"""An operation is cancelled at every moment: before each step that any task takes while it is under way, one moment in each life.

A *life* is a coroutine function that makes a world, brings it to where the operation may begin, lets the `Attempt` run the
operation, and then checks what came of it. The first life counts the moments; then there is one life for each, which must be like
the first up to there, and one more that must get through. What holds after every life, whatever it is about: no task, file
descriptor or thread more than before. Cancelling takes effect at once: no time passes on the clock between it and the end of the
operation, unless the life says that it may.

What must not live here: anything of pushwire.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import random
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Generator
from typing import Final, Generic, TypeAlias, TypeVar

import attrs
import pytest
import trio
import trio.testing

from tests.threads import threads_at_work

ResultT = TypeVar("ResultT")

SEED: Final = int(os.environ.get("PUSHWIRE_SEED", "1"))
"""In which order trio runs tasks that are ready at the same time."""

_TOO_LONG: Final = 3600.0
"""Seconds of virtual time: a life that stands still ends."""


@attrs.frozen
class Cancelled:
    """The operation was cancelled, and the cancellation came out of it."""


@attrs.frozen
class Returned(Generic[ResultT]):
    """It returned, perhaps although it was cancelled: the moment came too late, or was none at which it could be."""

    value: ResultT


@attrs.frozen
class Raised:
    """It raised what its life had expected it to."""

    error: Exception


Outcome: TypeAlias = Cancelled | Raised | Returned[ResultT]


class Attempt(trio.abc.Instrument):
    """Runs the operation of one life, and cancels it at moment `at`, counted from 1. 0: never."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.moments = 0
        """Steps of any task while the operation was under way."""
        self.own = 0
        """Those of the task that runs it: its checkpoints, the first step left out."""
        self.lag = 0.0
        """Seconds from the cancellation to the end of the operation."""
        self.patience = 0.0
        """Seconds that it may take; the life says so where something must be waited for."""
        self.cancelled = False
        """Whether the cancellation came out of the operation."""
        self._scope: trio.CancelScope | None = None
        self._task: trio.lowlevel.Task | None = None
        self._struck: float | None = None

    @property
    def struck(self) -> bool:
        """Whether the moment came."""
        return self._struck is not None

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if self._task is None:
            return
        self.moments += 1
        self.own += task is self._task
        if self.moments == self.at:
            assert self._scope is not None
            self._struck = trio.current_time()
            self._scope.cancel()

    @contextlib.contextmanager
    def watching(self) -> Generator[None]:
        """What may be cancelled. The operation is what happens in it between `begin` and `end`, or its end."""
        try:
            with trio.CancelScope() as scope:
                self._scope = scope
                yield
        finally:
            self.end()
        self.cancelled = scope.cancelled_caught

    def begin(self) -> None:
        """From here on."""
        self._task = trio.lowlevel.current_task()

    def end(self) -> None:
        """Up to here."""
        if self._task is not None:
            self._task = None
            if self._struck is not None:
                self.lag = trio.current_time() - self._struck

    async def run(
        self,
        operation: Callable[[], Awaitable[ResultT]],
        *,
        raising: type[Exception] | tuple[type[Exception], ...] = (),
        reconnects: bool = False,
        then: Callable[[], None] = lambda: None,
    ) -> Outcome[ResultT]:
        """The operation, which begins and ends with this call; `raising` is what it may raise. No task is left by it, unless
        something `reconnects` meanwhile. `then` looks at once, before anything else has happened."""
        before = tasks()
        outcome: Outcome[ResultT] = Cancelled()
        with self.watching():
            self.begin()
            try:
                outcome = Returned(await operation())
            except raising as error:
                outcome = Raised(error)
            self.end()
        then()
        await trio.testing.wait_all_tasks_blocked()
        assert reconnects or tasks() <= before, f"a task is left: {tasks() - before}"
        return outcome


Life: TypeAlias = Callable[[Attempt], Awaitable[None]]
Clock: TypeAlias = Callable[[], trio.abc.Clock]


def tasks() -> Counter[str]:
    """The tasks of this run, by name."""
    found = Counter[str]()
    ahead = [trio.lowlevel.current_root_task()]
    while ahead:
        task = ahead.pop()
        if task is not None:
            found[task.name] += 1
            ahead.extend(child for nursery in task.child_nurseries for child in nursery.child_tasks)
    return found


@attrs.frozen
class Outside:
    """What of this process the system knows: open files, and threads but those that trio keeps for later."""

    files: dict[int, str]
    threads: set[int]

    @classmethod
    def look(cls) -> Outside:
        kept = {thread.native_id for thread in set(threading.enumerate()) - threads_at_work()}
        return cls(dict(_files()), {int(name) for name in os.listdir("/proc/self/task")} - kept)

    def compare(self) -> None:
        """Fail where there is more now."""
        now = Outside.look()
        assert now.files == self.files, "a file or a socket is left"
        # One that was joined is in /proc for some microseconds more.
        for _ in range(100_000):
            if now.threads <= self.threads:
                return
            os.sched_yield()
            now = Outside.look()
        raise AssertionError(f"a thread is left: {threading.enumerate()}")


def _files() -> Generator[tuple[int, str]]:
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the listing's own
            yield int(name), os.readlink(f"/proc/self/fd/{name}")


def virtual() -> trio.abc.Clock:
    """Time passes when all have nothing else to do."""
    return trio.testing.MockClock(autojump_threshold=0.0)


def standing() -> trio.abc.Clock:
    """No time passes at all: for what waits for threads or sockets."""
    return trio.testing.MockClock()


@attrs.frozen
class Figures:
    """What a life was put to."""

    moments: int
    checkpoints: int
    cancelled: int
    """Lives in which the cancellation came out of the operation."""


def one_life(life: Life, at: int, clock: Clock, make: Callable[[int], Attempt] = Attempt) -> Attempt:
    """One life, cancelled at this moment, and the checks that are the same for all."""
    attempt = make(at)

    async def framed() -> None:
        before = tasks()
        with trio.fail_after(_TOO_LONG):
            await life(attempt)
        await trio.testing.wait_all_tasks_blocked()
        assert tasks() == before, f"a task is left: {tasks() - before}"

    with pytest.MonkeyPatch.context() as patch:
        # Trio shuffles the tasks that are ready: what was seen must come again.
        patch.setattr("trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING", True)
        patch.setattr("trio._core._run._r", random.Random(SEED))
        outside = Outside.look()
        try:
            trio.run(framed, clock=clock(), instruments=[attempt])
            outside.compare()
            assert attempt.lag <= attempt.patience, f"{attempt.lag} s from the cancellation to the end"
        except BaseException as error:
            error.add_note(f"cancelled at moment {at}, seed {SEED}")
            raise
    return attempt


def at_every_moment(
    life: Life, *, clock: Clock = virtual, exact: bool = True, make: Callable[[int], Attempt] = Attempt
) -> Figures:
    """Lives that are cancelled at every moment. Not `exact`: threads or real sockets have a say in how many there are. What a
    moment is, those that `make` makes say."""
    whole = one_life(life, 0, clock, make)
    assert whole.moments > 0, "there was no operation"
    cancelled = 0
    for at in itertools.count(1):
        attempt = one_life(life, at, clock, make)
        cancelled += attempt.cancelled
        if exact:
            assert attempt.struck == (at <= whole.moments), f"moment {at} of {whole.moments}: not the same life again"
        if not attempt.struck:
            break
    # What is not closed by whoever opened it warns here, and a warning is an error.
    gc.collect()
    figures = Figures(whole.moments, whole.own, cancelled)
    print(os.environ["PYTEST_CURRENT_TEST"].removesuffix(" (call)"), figures)  # noqa: T201 - `pytest -rP` shows it
    return figures
