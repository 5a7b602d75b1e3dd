"""The thread that runs a store's jobs."""

from __future__ import annotations

import queue
import threading
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from pushwire.stores.writer import Job, WriterThread
from tests.stores.kit import Gate
from tests.threads import threads_at_work


def one_by_one(jobs: list[Job[Any]]) -> None:  # of whatever result
    for job in jobs:
        job.run()


async def test_a_job_runs_in_the_thread_and_its_result_comes_back() -> None:
    thread = WriterThread("the name", one_by_one)
    assert await thread.do(Job(lambda: threading.current_thread().name)) == "the name"
    assert await thread.do(Job[object](lambda: None)) is None
    await thread.end()


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1), KeyboardInterrupt(), GeneratorExit()])
async def test_what_a_job_raises_is_its_waiters_and_the_thread_lives_on(error: BaseException) -> None:
    def work() -> None:
        raise error

    thread = WriterThread("pushwire", one_by_one)
    with pytest.raises(type(error)) as caught:
        await thread.do(Job(work))
    assert caught.value is error
    assert await thread.do(Job(lambda: 5)) == 5
    await thread.end()


async def test_jobs_that_gather_are_handed_over_together_and_in_order() -> None:
    groups: list[int] = []
    order: list[int] = []

    def group(jobs: list[Job[Any]]) -> None:  # of whatever result
        groups.append(len(jobs))
        one_by_one(jobs)

    thread = WriterThread("pushwire", group)
    gate = Gate()

    def note(number: int) -> Job[None]:
        return Job(lambda: order.append(number))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(thread.do, Job(lambda: gate(None)))
        await gate.reached()
        for number in range(4):
            nursery.start_soon(thread.do, note(number))
            await wait_all_tasks_blocked()
        gate.open()
    assert groups == [1, 4]
    assert order == [0, 1, 2, 3]
    await thread.end()


async def test_the_end_comes_after_what_is_queued_and_leaves_no_thread() -> None:
    before = threads_at_work()
    thread = WriterThread("pushwire", one_by_one)
    gate = Gate()
    done: list[int] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(thread.do, Job(lambda: gate(None)))
        await gate.reached()
        nursery.start_soon(thread.do, Job(lambda: done.append(1)))
        await wait_all_tasks_blocked()
        nursery.start_soon(thread.end)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
        gate.open()
    assert done == [1]
    assert threads_at_work() == before


def test_a_job_that_outlives_its_run_is_done_all_the_same() -> None:
    jobs: queue.SimpleQueue[Job[None]] = queue.SimpleQueue()
    done: list[int] = []

    async def main() -> None:
        jobs.put(Job(lambda: done.append(1)))

    trio.run(main)
    jobs.get().run()
    assert done == [1]


def test_a_thread_that_nobody_ends_ends_with_its_run_after_what_is_queued() -> None:
    before = threads_at_work()
    said: list[str] = []

    async def main() -> None:
        thread = WriterThread(
            "pushwire", one_by_one, last=lambda: said.append("last"), abandoned=lambda: said.append("abandoned")
        )
        thread._jobs.put(Job(lambda: said.append("queued")))

    trio.run(main)
    assert said == ["queued", "last", "abandoned"]
    assert threads_at_work() == before


async def test_a_thread_that_is_ended_is_not_abandoned_and_does_its_last_thing_once() -> None:
    said: list[str] = []
    thread = WriterThread("pushwire", one_by_one, last=lambda: said.append("last"), abandoned=lambda: said.append("abandoned"))
    await thread.end()
    assert said == ["last"]


def test_a_job_that_never_ends_does_not_keep_the_run_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pushwire.stores.writer.LEAVE_WITHIN", 0.0)
    stuck = threading.Event()

    async def main() -> WriterThread:
        thread = WriterThread("pushwire", one_by_one)
        thread._jobs.put(Job(stuck.wait))
        return thread

    thread = trio.run(main)
    assert thread._thread.is_alive()
    stuck.set()
    thread._thread.join()
