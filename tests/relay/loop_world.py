"""A relay's loop through anything that may happen, crashes and restarts among it: a state machine, and a book of what happened.

What outlives a crash: the providers, which send again what has no ACK, in the old order and before what is new; the sink, which
knows what it holds by its key; and the ledger. What does not: the loop, and with it all that was under way.
"""

from __future__ import annotations

import random
import sys
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pushwire.relay.effects import Close, Effect, GiveUp, Open, Settle, Taking, Write
from pushwire.relay.entries import Answer, Entry, Outcome, Refused
from pushwire.relay.link import Link
from pushwire.relay.loop import Limits, Loop, Timing
from tests.relay.kit import entry, number_of

STREAMS: Final = {"a": True, "b": True, "c": False}
"""Name, and whether its provider wants ACKs, and sends again."""
PARTITIONS: Final = ("p", "q")


class World(RuleBasedStateMachine):
    """Providers, a loop, and a sink that may do anything it is allowed to."""

    in_flight = 1
    keeps_keys = True
    """Whether the sink stores once what has a key, as it must."""
    is_honest = True
    """Whether the sink says "stored" when it is, as it must, and not a while before."""

    def __init__(self) -> None:
        super().__init__()
        self.limits = Limits(batch_events=3, batch_bytes=3500, linger=1.0, in_flight=self.in_flight, max_events=7, max_bytes=9000)
        self.now = 0.0
        self.numbers = 0
        self.made: dict[tuple[str, str], list[int]] = defaultdict(list)
        self.unacked: dict[str, dict[int, Entry]] = {name: {} for name, acks in STREAMS.items() if acks}
        self.largest = 0
        self.stored: Counter[int] = Counter()
        self.promised: list[int] = []
        self.poison: set[int] = set()
        self.settled: list[int] = []
        self.restart()

    def restart(self) -> None:
        self.again = {name: deque(self.unacked.get(name, {}).values()) for name in STREAMS}
        self.offered: dict[tuple[str, str], list[int]] = defaultdict(list)
        self.said: set[int] = set()
        self.refused: set[int] = set()
        self.writes: dict[int, Write] = {}
        self.settles: dict[str, Settle] = {}
        self.to_open = self.to_close = self.is_open = self.stopped = False
        self.taking = dict.fromkeys(STREAMS, True)
        self.loop = Loop(self.limits, Timing(stop_within=20.0), random.Random(5))
        for name, acks in STREAMS.items():
            self.loop.attach(name, acks=acks)
        self.loop.start(self.now)
        self.obey()

    # The driver

    def obey(self) -> None:
        while effects := self.loop.take_effects():
            for effect in effects:
                self.do(effect)
        if self.loop.finished:
            assert not self.writes, "it ends with nothing under way"
            assert not self.settles, "it ends with nothing under way"

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
        assert numbers == sorted(numbers), "in their order"
        assert not self.said & set(numbers), "what was said to be stored is not written again"
        (stream,) = {e.stream for e in write.entries}
        assert {e.partition for e in write.entries} == {write.partition}
        same = [w for w in self.writes.values() if (w.entries[0].stream, w.partition) == (stream, write.partition)]
        assert len(same) < self.limits.in_flight, "no more under way than allowed"
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
        """Of what was sent before a crash the next, else a new one."""
        assert self.loop.taking(stream) == self.taking[stream], "the driver knows"
        if not self.loop.taking(stream):
            return
        if not self.again[stream]:
            new = entry(self.numbers, stream=stream, partition=partition, payload="x" * size)
            self.numbers += 1
            self.made[stream, partition].append(number_of(new))
            self.largest = max(self.largest, new.size)
            self.again[stream].append(new)
            if STREAMS[stream]:
                self.unacked[stream][number_of(new)] = new
        self.comes_again(stream)

    def comes_again(self, stream: str) -> None:
        coming = self.again[stream].popleft()
        self.offered[stream, coming.partition].append(number_of(coming))
        self.loop.offer(coming, self.now)
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
        if number not in self.stored and place < known and (number in self.poison or data.draw(st.integers(0, 9)) == 0):
            self.poison.add(number)
            self.refused.add(number)
            return Refused("poison")
        answer = self.store(number)
        if place >= known:
            return Outcome.UNKNOWN
        self.said.add(number)
        return answer

    def store(self, number: int) -> Outcome:
        if number in self.poison:
            return Outcome.UNKNOWN
        if self.keeps_keys and (number in self.stored or number in self.promised):
            return Outcome.DUPLICATE
        self.promised.append(number)
        if self.is_honest:
            self.keep_promises()
        return Outcome.STORED

    def keep_promises(self) -> None:
        self.stored.update(self.promised)
        self.promised.clear()

    @precondition(lambda self: self.settles)
    @rule(data=st.data(), well=st.booleans())
    def it_is_settled_or_not(self, data: st.DataObject, well: bool) -> None:
        stream = data.draw(st.sampled_from(sorted(self.settles)))
        self.finish(stream, well)

    def finish(self, stream: str, well: bool) -> None:
        settle = self.settles.pop(stream)
        if well:
            self.acked(settle)
        self.loop.settled(stream, well, self.now)
        self.obey()

    def acked(self, settle: Settle) -> None:
        for number in (*map(number_of, settle.stored), *(number_of(e) for e, _ in settle.refused)):
            self.settled.append(number)
            self.unacked.get(settle.stream, {}).pop(number, None)

    @rule(seconds=st.sampled_from([0.3, 1.0, 5.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        until = self.now + seconds
        while self.loop.next_deadline() <= until:
            self.now = max(self.now, self.loop.next_deadline())
            self.loop.handle_timer(self.now)
            self.obey()
        self.now = until
        if seconds > 5.0:
            self.keep_promises()

    @precondition(lambda self: not self.stopped)
    @rule(sure=st.integers(0, 15))
    def it_is_stopped(self, sure: int) -> None:
        if sure == 0:
            self.stop()

    def stop(self) -> None:
        self.stopped = True
        self.loop.stop(self.now)
        self.obey()

    @rule(sure=st.integers(0, 5), data=st.data())
    def it_crashes_and_is_started_again(self, sure: int, data: st.DataObject) -> None:
        """What was being written is stored as far as it got; what was being settled the ledger knows or not."""
        if sure:
            return
        for write in self.writes.values():
            for written in write.entries[: data.draw(st.integers(0, len(write.entries)))]:
                self.store(number_of(written))
        for settle in self.settles.values():
            if data.draw(st.booleans()):
                self.acked(settle)
        self.promised.clear()
        self.restart()

    # What always holds

    @invariant()
    def memory_is_bounded(self) -> None:
        for stream in STREAMS:
            events, size = self.loop.held(stream)
            assert 0 <= events <= self.limits.max_events, "no more events than allowed"
            assert 0 <= size < self.limits.max_bytes + self.largest, "no more bytes than allowed"

    @invariant()
    def nothing_is_stored_or_settled_twice(self) -> None:
        assert len(self.settled) == len(set(self.settled)), "settled twice"
        assert all(times == 1 for times in self.stored.values()), "stored twice"

    @invariant()
    def order_is_kept(self) -> None:
        if self.in_flight > 1:
            return
        places = {number: place for place, number in enumerate(self.stored)}
        for lane in self.made.values():
            stored = [places[number] for number in lane if number in places]
            assert stored == sorted(stored), "first stored in the order they came"

    def teardown(self) -> None:
        """Whatever happened: a loop that was stopped ends, and after a last restart, with a sink that works, all that has an ACK
        to come is stored and settled."""
        if sys.exc_info()[0] is not None:
            return  # something was found before: that is what is to be told
        if self.stopped:
            self.work_until(lambda: self.loop.finished)
            self.restart()
        self.work_until(self.idle)
        self.keep_promises()
        self.order_is_kept()
        assert not any(self.unacked.values()), "each was ACKed or set aside"
        assert all(self.loop.taking(stream) for stream in STREAMS), "it takes again"
        of_this_run = {number for lane in self.offered.values() for number in lane}
        ledgered = {number for (stream, _), lane in self.made.items() if STREAMS[stream] for number in lane}
        assert ledgered | of_this_run <= self.stored.keys() | self.poison, "lost"
        assert of_this_run == self.said | self.refused

    def work_until(self, done: Callable[[], bool]) -> None:
        rounds = 0
        while not done():
            rounds += 1
            assert rounds < 1000, "it goes on"
            if self.to_open:
                self.the_sink_opens_or_not(True)
            for number in list(self.writes):
                write = self.writes.pop(number)
                answers = [self.answer_well(number_of(e)) for e in write.entries]
                self.loop.written(number, answers, self.now)
                self.obey()
            for stream in list(self.settles):
                self.finish(stream, True)
            if self.to_close:
                self.the_sink_is_shut()
            for stream, coming in self.again.items():
                while coming and self.loop.taking(stream):
                    self.comes_again(stream)
            self.time_passes(40.0)

    def answer_well(self, number: int) -> Answer:
        if number in self.poison:
            self.refused.add(number)
            return Refused("poison")
        self.said.add(number)
        return self.store(number)

    def idle(self) -> bool:
        held = any(self.loop.held(stream)[0] for stream in STREAMS)
        return self.loop.link is Link.OPEN and not held and not any(self.again.values())


class WorldWithMoreInFlight(World):
    in_flight = 2
