"""Bugs planted into the loop, and sinks that break their promise: the world that the good loop passes must notice each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import pytest

from pushwire.relay.effects import Close
from pushwire.relay.entries import Answer, Outcome
from pushwire.relay.lanes import Batch, Lane, Ready, Source
from pushwire.relay.link import LinkTrigger
from pushwire.relay.loop import Loop
from tests.core.stateful import explore
from tests.relay.loop_world import World, WorldWithMoreInFlight

pytestmark = pytest.mark.slow

Patch = pytest.MonkeyPatch


def _believe_what_is_unknown(patch: Patch) -> None:
    answered = Lane.answered

    def believing(self: Lane, batch: Batch, answers: Sequence[Answer]) -> None:
        answered(self, batch, [Outcome.STORED if answer is Outcome.UNKNOWN else answer for answer in answers])

    patch.setattr(Lane, "answered", believing)


def _settle_in_any_order(patch: Patch) -> None:
    def eager(self: Lane) -> None:
        for number in sorted(self._done):
            self.source.ready.add(*self._done.pop(number), 0.0)
            self._released += 1

    patch.setattr(Lane, "_release", eager)


def _write_again_behind_the_others(patch: Patch) -> None:
    take = Lane.take

    def newest_first(self: Lane) -> Batch:
        again, self._again = self._again, deque(reversed(self._again))
        batch = take(self)
        self._again = deque(waiting for waiting in again if waiting[0] not in batch.numbers)
        return batch

    patch.setattr(Lane, "take", newest_first)


def _duplicates_are_unknown(patch: Patch) -> None:
    answered = Lane.answered

    def wary(self: Lane, batch: Batch, answers: Sequence[Answer]) -> None:
        answered(self, batch, [Outcome.UNKNOWN if answer is Outcome.DUPLICATE else answer for answer in answers])

    patch.setattr(Lane, "answered", wary)


def _duplicates_are_not_acked(patch: Patch) -> None:
    answered = Lane.answered

    def silent(self: Lane, batch: Batch, answers: Sequence[Answer]) -> None:
        before = len(self.source.ready.stored)
        answered(self, batch, answers)
        if Outcome.DUPLICATE in answers:
            del self.source.ready.stored[before:]

    patch.setattr(Lane, "answered", silent)


def _believe_that_it_is_settled(patch: Patch) -> None:
    settled = Loop.settled

    def believing(self: Loop, stream: str, done: bool, now: float) -> None:
        settled(self, stream, True, now)

    patch.setattr(Loop, "settled", believing)


def _take_whatever_comes(patch: Patch) -> None:
    def greedy(self: Source, size: int) -> None:
        self.events += 1
        self.bytes += size

    patch.setattr(Source, "add", greedy)


def _count_no_bytes(patch: Patch) -> None:
    add = Source.add

    def light(self: Source, size: int) -> None:
        add(self, 0)

    patch.setattr(Source, "add", light)


def _never_take_again(patch: Patch) -> None:
    settled = Source.settled

    def shut(self: Source, ready: Ready) -> None:
        taking = self.taking
        settled(self, ready)
        self.taking = taking

    patch.setattr(Source, "settled", shut)


def _write_without_waiting(patch: Patch) -> None:
    due = Lane.due

    def at_once(self: Lane) -> float | None:
        under_way, self.in_flight = self.in_flight, 0
        at = due(self)
        self.in_flight = under_way
        return at

    patch.setattr(Lane, "due", at_once)


def _close_in_the_midst_of_a_write(patch: Patch) -> None:
    to = Loop._to

    def hasty(self: Loop, trigger: LinkTrigger) -> None:
        to(self, trigger)
        if trigger is LinkTrigger.UNKNOWN and self._writes:
            self._effects.append(Close(1.0))

    patch.setattr(Loop, "_to", hasty)


def _end_while_it_settles(patch: Patch) -> None:
    def hasty(self: Loop) -> bool:
        return not self._writes

    patch.setattr(Loop, "_may_end", hasty)


BUGS: Final[dict[str, tuple[Callable[[Patch], None], type[World], str]]] = {
    "what is unknown is believed": (_believe_what_is_unknown, World, "no ACK before it is stored"),
    "a later one is settled first": (_settle_in_any_order, WorldWithMoreInFlight, "no ACK before all earlier ones"),
    "the newest is written again first": (_write_again_behind_the_others, World, "in their order|the oldest goes first"),
    "a duplicate is unknown": (_duplicates_are_unknown, World, "not written again"),
    "a duplicate is not ACKed": (_duplicates_are_not_acked, World, "each was ACKed|it goes on"),
    "a settling that failed is believed": (_believe_that_it_is_settled, World, "each was ACKed"),
    "events are not bounded": (_take_whatever_comes, World, "no more"),
    "bytes are not bounded": (_count_no_bytes, World, "no more"),
    "what is held back stays so": (_never_take_again, World, "it goes on|the driver knows|it takes again"),
    "two writes are under way": (_write_without_waiting, World, "no more under way"),
    "the sink is closed in the midst of a write": (
        _close_in_the_midst_of_a_write,
        WorldWithMoreInFlight,
        "no write is under way",
    ),
    "it ends while it settles": (_end_while_it_settles, World, "nothing under way"),
}


@pytest.mark.parametrize("name", BUGS)
def test_the_world_notices_a_bug_of_the_loop(name: str, monkeypatch: Patch) -> None:
    plant, world, finding = BUGS[name]
    plant(monkeypatch)
    with pytest.raises(AssertionError, match=finding):
        explore(world, examples=500, steps=60, shrink=False)


class WithoutKeys(World):
    """The sink stores what comes again once more."""

    keeps_keys = False


class BeforeItIsStored(World):
    """The sink says so early: what it has not stored a crash takes away."""

    is_honest = False


@pytest.mark.parametrize("sink, finding", [(WithoutKeys, "stored twice"), (BeforeItIsStored, "lost")])
def test_the_world_notices_a_sink_that_does_not_keep_its_promise(sink: type[World], finding: str) -> None:
    with pytest.raises(AssertionError, match=finding):
        explore(sink, examples=500, steps=60, shrink=False)
