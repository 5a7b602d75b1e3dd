"""The committer by itself: order, and what it still does once it is cancelled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import trio
import trio.testing

import pushwire
from pushwire.core.effects import Committed, Done, Failed, Outcome, Persist, Ticket, Token, Write
from pushwire.shell.committer import Committer
from tests.shell.streams import SlowStore


def persist(number: int) -> Persist:
    return Persist(Token(0, number), (Write(Ticket(number), ()),), float(number))


class Bench:
    """A committer on a slow store, and what the machine would hear of it."""

    def __init__(self, store: SlowStore) -> None:
        self.store = store
        self.outcomes: dict[int, Outcome] = {}
        self.committer = Committer(store, "n", self.fulfil)

    def fulfil(self, effect: Persist, outcome: Outcome) -> None:
        self.outcomes[effect.token.serial] = outcome

    def persist(self, nursery: trio.Nursery, number: int) -> bool:
        """Whether it took a task."""
        begun = self.committer.persist(persist(number))
        if begun:
            nursery.start_soon(self.committer.run, lambda: None)
        return begun


async def opened(store: SlowStore) -> Bench:
    await store.open("n")
    return Bench(store)


async def test_what_is_asked_for_as_it_is_cancelled_is_stored_all_the_same() -> None:
    bench = await opened(SlowStore())
    bench.store.may.set()
    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.cancel()
        assert bench.persist(nursery, 1)
    assert bench.outcomes == {1: Done(Committed())}


async def test_a_commit_that_has_begun_ends_before_a_cancellation_and_so_does_what_gathered() -> None:
    bench = await opened(SlowStore())
    async with trio.open_nursery() as nursery:
        assert bench.persist(nursery, 1)
        await trio.testing.wait_all_tasks_blocked()
        assert not bench.persist(nursery, 2)
        nursery.cancel_scope.cancel()
        bench.store.may.set()
    assert list(bench.outcomes) == [1, 2]


async def test_no_task_waits_for_something_to_store() -> None:
    bench = await opened(SlowStore())
    bench.store.may.set()
    async with trio.open_nursery() as nursery:
        for number in range(2):
            assert bench.persist(nursery, number)
            await trio.testing.wait_all_tasks_blocked()
            assert not nursery.child_tasks
    assert list(bench.outcomes) == [0, 1]


async def test_a_failed_commit_fails_all_that_went_with_it() -> None:
    class Full(SlowStore):
        async def commit(
            self, namespace: str, writes: Sequence[Write], mark: float, books: Mapping[Ticket, Callable[[None], object]]
        ) -> Committed:
            await super().commit(namespace, writes, mark, books)
            raise pushwire.StoreError("full")

    bench = await opened(Full())
    bench.store.may.set()
    async with trio.open_nursery() as nursery:
        bench.persist(nursery, 1)
        bench.persist(nursery, 2)
    assert [type(outcome) for outcome in bench.outcomes.values()] == [Failed, Failed]
