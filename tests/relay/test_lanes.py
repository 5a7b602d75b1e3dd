"""One partition and one stream by themselves: what is batched, what is due when, what may be settled, and how much is held."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from pushwire.errors import ConfigError
from pushwire.relay.entries import OVERHEAD, Answer, Outcome, Refused
from pushwire.relay.lanes import Batch, Lane, Limits, Ready, Source
from tests.relay.kit import STREAM, entry, number_of

SIZE = OVERHEAD + 2
"""Of an entry of the kit's."""


class Bench:
    """A lane to which entries are added by number, at a time."""

    def __init__(self, limits: Limits) -> None:
        self.source = Source(STREAM, limits, acks=True)
        self.lane = Lane(self.source, limits)
        self.count = 0

    def add(self, *times: float) -> None:
        for at in times:
            self.lane.add(entry(self.count), SIZE, at)
            self.count += 1

    def take(self) -> Batch:
        return self.lane.take()

    def answer(self, batch: Batch, *answers: Answer) -> None:
        self.lane.in_flight -= 1
        self.lane.answered(batch, answers)

    def store(self, batch: Batch) -> None:
        self.lane.in_flight -= 1
        self.lane.stored(batch)

    def ready(self) -> list[int]:
        return [number_of(each) for each in self.source.ready.stored]


def numbers(batch: Batch) -> Sequence[int]:
    assert [number_of(each) for each in batch.entries] == list(batch.numbers)
    return list(batch.numbers)


def test_every_limit_that_is_none_is_named() -> None:
    with pytest.raises(ConfigError, match=r"(?s)batch_events.*max_bytes"):
        Limits(batch_events=0, max_bytes=-1)


def test_a_batch_is_full_of_bytes_when_they_fill_it_exactly() -> None:
    bench = Bench(Limits(batch_bytes=2 * SIZE, linger=0.5))
    bench.add(1.0)
    assert bench.lane.due() == 1.5
    bench.add(1.1)
    assert bench.lane.due() == 1.0, "it need not wait for more"
    bench.add(1.2)
    batch = bench.take()
    assert numbers(batch) == [0, 1]
    assert batch.bytes == 2 * SIZE
    bench.store(batch)
    assert bench.lane.due() == 1.7, "what is left does not fill another"


def test_what_is_unknown_fills_a_batch_again() -> None:
    bench = Bench(Limits(batch_bytes=2 * SIZE, linger=0.5))
    bench.add(1.0, 2.0, 3.0)
    batch = bench.take()
    bench.answer(batch, Outcome.UNKNOWN, Outcome.UNKNOWN)
    assert bench.lane.due() == 1.0
    assert numbers(bench.take()) == [0, 1]


def test_a_batch_holds_no_more_than_so_many() -> None:
    bench = Bench(Limits(batch_events=2, in_flight=2, linger=0.5))
    bench.add(1.0, 2.0, 3.0)
    assert numbers(bench.take()) == [0, 1]
    assert bench.lane.due() == 3.5
    assert numbers(bench.take()) == [2]
    bench.add(4.0)
    assert bench.lane.in_flight == 2
    assert bench.lane.due() is None, "enough is under way"


def test_what_is_written_again_keeps_its_place_before_what_is_new() -> None:
    bench = Bench(Limits(batch_events=4))
    bench.add(1.0, 1.0, 1.0, 1.0)
    bench.answer(bench.take(), Outcome.STORED, Outcome.UNKNOWN, Outcome.STORED, Outcome.UNKNOWN)
    assert bench.ready() == [0]
    bench.add(2.0)
    again = bench.take()
    assert numbers(again) == [1, 3, 4]
    bench.answer(again, Outcome.UNKNOWN, Outcome.STORED, Outcome.UNKNOWN)
    again = bench.take()
    assert numbers(again) == [1, 4]
    bench.store(again)
    assert bench.ready() == [0, 1, 2, 3, 4], "not the fourth and the fifth in the place of the third"
    assert bench.lane.empty


def test_what_two_batches_left_unknown_is_written_in_order() -> None:
    bench = Bench(Limits(batch_events=2, in_flight=2))
    bench.add(1.0, 1.0, 1.0, 1.0)
    first, second = bench.take(), bench.take()
    bench.answer(second, Outcome.UNKNOWN, Outcome.UNKNOWN)
    bench.answer(first, Outcome.UNKNOWN, Outcome.UNKNOWN)
    assert numbers(bench.take()) == [0, 1]


def test_a_later_batch_waits_for_an_earlier_one() -> None:
    bench = Bench(Limits(batch_events=2, in_flight=2))
    bench.add(1.0, 1.0, 2.0, 2.0)
    first, second = bench.take(), bench.take()
    bench.store(second)
    assert bench.ready() == []
    bench.store(first)
    assert bench.ready() == [0, 1, 2, 3]
    assert bench.source.ready.bytes == 4 * SIZE
    assert (bench.source.ready.oldest, bench.lane.oldest) == (1.0, math.inf)


def test_a_partition_is_as_old_as_the_oldest_that_it_has() -> None:
    bench = Bench(Limits(batch_events=1, in_flight=9, linger=0.0))
    assert bench.lane.oldest == math.inf
    bench.add(1.0, 2.0, 2.0, 3.0)
    assert len(bench.lane._times) == 3, "one for all that came together"
    batches = [bench.take()]
    assert bench.lane.due() == 2.0
    batches += [bench.take(), bench.take()]
    assert bench.lane.due() == 3.0
    bench.store(batches[0])
    assert (bench.lane.oldest, len(bench.lane._times)) == (2.0, 2)
    bench.answer(batches[1], Outcome.DUPLICATE)
    assert bench.lane.oldest == 2.0
    bench.answer(batches[2], Refused("no"))
    assert (bench.lane.oldest, len(bench.lane._times)) == (3.0, 1)
    bench.store(bench.take())
    assert bench.lane.oldest == math.inf


def test_what_is_written_again_is_due_since_it_came() -> None:
    bench = Bench(Limits(batch_events=1, linger=0.5))
    bench.add(1.0)
    bench.answer(bench.take(), Outcome.UNKNOWN)
    bench.add(4.0)
    assert bench.lane.due() == 1.0


def test_what_is_ready_is_counted_with_its_bytes_since_the_oldest() -> None:
    ready, later = Ready(), Ready()
    ready.add(entry(0), None, 3.0)
    ready.add(entry(1), "no", 2.0)
    later.add(entry(2), "no", 1.0)
    later.add(entry(3), None, 5.0)
    assert (len(ready), ready.bytes, ready.oldest) == (2, 2 * SIZE, 2.0)
    ready.take_over(later)
    assert [number_of(each) for each in ready.stored] == [0, 3]
    assert [(number_of(each), why) for each, why in ready.refused] == [(1, "no"), (2, "no")]
    assert (len(ready), ready.bytes, ready.oldest) == (4, 4 * SIZE, 1.0)


def settle(source: Source, number: int) -> bool:
    """So many entries are settled. Returns whether more is taken."""
    ready = Ready()
    for each in range(number):
        ready.add(entry(each), None, 0.0)
    source.settled(ready)
    return source.taking


@pytest.mark.parametrize("limits", [Limits(max_events=6), Limits(max_bytes=6 * SIZE)])
def test_a_stream_takes_until_its_bound_and_again_from_half_of_it(limits: Limits) -> None:
    source = Source(STREAM, limits, acks=True)
    for taking in [True, True, True, True, True, False]:
        source.add(SIZE)
        assert source.taking is taking
    assert not settle(source, 2)
    assert settle(source, 1)


def test_a_stream_takes_again_only_when_events_and_bytes_are_few_enough() -> None:
    source = Source(STREAM, Limits(max_events=4, max_bytes=8 * SIZE), acks=True)
    for _ in range(4):
        source.add(2 * SIZE)
    assert not settle(source, 3), "of the bytes there are too many still"
    source = Source(STREAM, Limits(max_events=4, max_bytes=100 * SIZE), acks=True)
    for _ in range(4):
        source.add(SIZE)
    assert not settle(source, 1), "of the events there are"


def test_a_byte_below_the_bound_a_batch_is_not_full() -> None:
    bench = Bench(Limits(batch_bytes=SIZE + 1, linger=0.5))
    bench.add(1.0)
    assert bench.lane.due() == 1.5


def test_what_was_stored_by_several_batches_is_counted_together() -> None:
    bench = Bench(Limits(batch_events=1, in_flight=2))
    bench.add(1.0, 2.0)
    for batch in [bench.take(), bench.take()]:
        bench.store(batch)
    assert (bench.ready(), bench.source.ready.bytes, bench.source.ready.oldest) == ([0, 1], 2 * SIZE, 1.0)
