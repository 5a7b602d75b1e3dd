"""The loop through anything that may happen: its promises hold after every step, and all is stored and settled in the end."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pushwire.relay.effects import Close, Effect, GiveUp, Open, Settle, Taking, Write
from pushwire.relay.entries import Answer, Entry, Outcome, Refused
from pushwire.relay.link import Link
from pushwire.relay.loop import Limits, Loop, Timing
from tests.relay.kit import entry, number_of

STREAMS: Final = {"a": True, "b": True, "c": False}
"""Name, and whether its provider wants ACKs."""
PARTITIONS: Final = ("p", "q")


class Runs(RuleBasedStateMachine):
    """A loop, a sink that may do anything it is allowed to, and a book of what happened."""

    in_flight = 1

    def __init__(self) -> None:
        super().__init__()
        self.limits = Limits(batch_events=3, batch_bytes=3500, linger=1.0, in_flight=self.in_flight, max_events=7, max_bytes=9000)
        self.loop = Loop(self.limits, Timing(stop_within=20.0), random.Random(5))
        self.now = 0.0
        self.numbers = 0
        self.offered: dict[tuple[str, str], list[int]] = defaultdict(list)
        self.largest = 0
        self.durable: dict[int, None] = {}
        self.said: set[int] = set()
        self.refused: set[int] = set()
        self.settled: list[int] = []
        self.writes: dict[int, Write] = {}
        self.settles: dict[str, Settle] = {}
        self.to_open = self.to_close = self.is_open = self.stopped = False
        self.taking = dict.fromkeys(STREAMS, True)
        for name, acks in STREAMS.items():
            self.loop.attach(name, acks=acks)
        self.loop.start(self.now)
        self.obey()

    # The driver

    def obey(self) -> None:
        while effects := self.loop.take_effects():
            for effect in effects:
                self.do(effect)

    def do(self, effect: Effect) -> None:
        match effect:
            case Open():
                assert (self.to_open, self.is_open) == (False, False)
                self.to_open = True
            case Close():
                assert self.is_open
                assert not self.to_close
                assert not self.writes, "a sink is closed when no write is under way"
                self.to_close = True
            case Write():
                self.check_write(effect)
                self.writes[effect.number] = effect
            case Settle():
                self.check_settle(effect)
                assert effect.stream not in self.settles, "one at a time"
                self.settles[effect.stream] = effect
            case Taking():
                self.taking[effect.stream] = effect.on
            case GiveUp():
                assert self.stopped

    def check_write(self, write: Write) -> None:
        assert self.is_open
        assert not self.to_close
        numbers = [number_of(e) for e in write.entries]
        assert 1 <= len(numbers) <= self.limits.batch_events
        assert len(numbers) == 1 or sum(e.size for e in write.entries) <= self.limits.batch_bytes
        assert numbers == sorted(numbers)
        assert not self.said & set(numbers), "what was said to be stored is not written again"
        (stream,) = {e.stream for e in write.entries}
        assert {e.partition for e in write.entries} == {write.partition}
        same = [w for w in self.writes.values() if (w.entries[0].stream, w.partition) == (stream, write.partition)]
        assert len(same) < self.limits.in_flight
        if not same:
            done = self.said | self.refused
            first = next(number for number in self.offered[stream, write.partition] if number not in done)
            assert numbers[0] == first, "the oldest goes first"

    def check_settle(self, settle: Settle) -> None:
        assert STREAMS[settle.stream] or not settle.stored
        for stored in settle.stored:
            number = number_of(stored)
            assert number in self.said, "no ACK before it is stored"
            lane = self.offered[stored.stream, stored.partition]
            earlier = lane[: lane.index(number)]
            assert set(earlier) <= self.said | self.refused, "no ACK before all earlier ones are stored"
        assert {number_of(e) for e, _ in settle.refused} <= self.refused

    # What may happen

    @precondition(lambda self: not self.stopped)
    @rule(
        stream=st.sampled_from(list(STREAMS)),
        partition=st.sampled_from(PARTITIONS),
        size=st.sampled_from([0, 0, 0, 100, 1000, 3000]),
    )
    def an_event_comes(self, stream: str, partition: str, size: int) -> None:
        assert self.loop.taking(stream) == self.taking[stream]
        if self.loop.taking(stream):
            new = entry(self.numbers, stream=stream, partition=partition, payload="x" * size)
            self.offered[stream, partition].append(self.numbers)
            self.numbers += 1
            self.largest = max(self.largest, new.size)
            self.loop.offer(new, self.now)
            self.obey()

    @precondition(lambda self: self.to_open)
    @rule(well=st.booleans())
    def the_sink_opens_or_not(self, well: bool) -> None:
        self.to_open, self.is_open = False, well
        if well:
            self.loop.opened(self.now)
        else:
            self.loop.not_opened("away", self.now)
        self.obey()

    @precondition(lambda self: self.to_close)
    @rule()
    def the_sink_is_shut(self) -> None:
        self.to_close = self.is_open = False
        self.loop.shut(self.now)
        self.obey()

    @precondition(lambda self: self.writes)
    @rule(data=st.data())
    def a_write_is_answered(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.writes)))
        write = self.writes.pop(number)
        # It stores in order, as far as it gets; of what it stored it answers for a part.
        stored = data.draw(st.integers(0, len(write.entries)))
        known = data.draw(st.integers(0, stored))
        answers = [self.answer(e, place, stored, known, data) for place, e in enumerate(write.entries)]
        silent = known == 0 and not any(isinstance(answer, Refused) for answer in answers)
        self.loop.written(number, None if silent else answers, self.now)
        self.obey()

    def answer(self, written: Entry, place: int, stored: int, known: int, data: st.DataObject) -> Answer:
        number = number_of(written)
        if place >= stored:
            return Outcome.UNKNOWN
        if number not in self.durable and data.draw(st.integers(0, 9)) == 0 and place < known:
            self.refused.add(number)
            return Refused("poison")
        before = number in self.durable
        self.durable.setdefault(number)
        if place >= known:
            return Outcome.UNKNOWN
        self.said.add(number)
        return Outcome.DUPLICATE if before else Outcome.STORED

    @precondition(lambda self: self.settles)
    @rule(data=st.data(), well=st.booleans())
    def it_is_settled_or_not(self, data: st.DataObject, well: bool) -> None:
        stream = data.draw(st.sampled_from(sorted(self.settles)))
        self.finish(stream, well)

    def finish(self, stream: str, well: bool) -> None:
        settle = self.settles.pop(stream)
        if well:
            self.settled += (number_of(e) for e in settle.stored)
            self.settled += (number_of(e) for e, _ in settle.refused)
        self.loop.settled(stream, well, self.now)
        self.obey()

    @rule(seconds=st.sampled_from([0.3, 1.0, 5.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        until = self.now + seconds
        while self.loop.next_deadline() <= until:
            self.now = max(self.now, self.loop.next_deadline())
            self.loop.handle_timer(self.now)
            self.obey()
        self.now = until

    @precondition(lambda self: not self.stopped)
    @rule(sure=st.integers(0, 15))
    def it_is_stopped(self, sure: int) -> None:
        if sure == 0:
            self.stopped = True
            self.loop.stop(self.now)
            self.obey()

    # What always holds

    @invariant()
    def memory_is_bounded(self) -> None:
        for stream in STREAMS:
            events, size = self.loop.held(stream)
            assert 0 <= events <= self.limits.max_events
            assert 0 <= size < self.limits.max_bytes + self.largest

    @invariant()
    def nothing_is_settled_twice(self) -> None:
        assert len(self.settled) == len(set(self.settled))

    @invariant()
    def order_is_kept(self) -> None:
        if self.in_flight > 1:
            return
        for lane in self.offered.values():
            places = {number: place for place, number in enumerate(self.durable)}
            stored = [places[number] for number in lane if number in places]
            assert stored == sorted(stored), "first stored in the order they came"

    def teardown(self) -> None:
        """Whatever happened: with a sink that works, all is stored and settled; after a stop the loop ends."""
        rounds = 0
        while not self.idle():
            rounds += 1
            assert rounds < 1000, "it goes on"
            if self.to_open:
                self.the_sink_opens_or_not(True)
            for number in list(self.writes):
                write = self.writes.pop(number)
                for e in write.entries:
                    self.durable.setdefault(number_of(e))
                    self.said.add(number_of(e))
                self.loop.written(number, [Outcome.STORED] * len(write.entries), self.now)
                self.obey()
            for stream in list(self.settles):
                self.finish(stream, True)
            if self.to_close:
                self.the_sink_is_shut()
            self.time_passes(40.0)
        self.order_is_kept()
        if self.stopped:
            assert self.loop.finished
            return
        owed = {number for (stream, _), lane in self.offered.items() if STREAMS[stream] for number in lane}
        assert owed <= set(self.settled), "each was ACKed or set aside"
        assert {number for lane in self.offered.values() for number in lane} == self.said | self.refused
        assert all(self.loop.taking(stream) for stream in STREAMS)

    def idle(self) -> bool:
        if self.stopped:
            return self.loop.finished
        return self.loop.link is Link.OPEN and not any(self.loop.held(stream)[0] for stream in STREAMS)


class RunsWithMoreInFlight(Runs):
    in_flight = 2


TestRuns = pytest.mark.fuzz(Runs.TestCase)
TestRunsWithMoreInFlight = pytest.mark.fuzz(RunsWithMoreInFlight.TestCase)
TestRuns.settings = TestRunsWithMoreInFlight.settings = settings(stateful_step_count=60)
