"""What the loop counts and says, and what it lets go: beside its rules, which are in `test_loop`."""

from __future__ import annotations

import math
import random

import pytest

from pushwire.errors import ConfigError
from pushwire.relay.effects import Close, GiveUp, Settle, Write
from pushwire.relay.entries import Outcome, Refused
from pushwire.relay.loop import Limits, Loop, Timing
from tests.relay.kit import STREAM, all_stored, entry, made, number_of, settle_of, write_of

NEVER = Timing(backoff_first=1.0, backoff_cap=100.0)


def writes(loop: Loop) -> list[Write]:
    return [effect for effect in loop.take_effects() if isinstance(effect, Write)]


def fail(loop: Loop, now: float) -> float:
    """The write under way is unknown, and the sink is closed. Returns how long until it is opened again."""
    (write,) = writes(loop)
    loop.written(write.number, None, now)
    loop.take_effects()
    loop.shut(now)
    return loop.next_deadline() - now


def again(loop: Loop) -> float:
    """The sink is opened when it is time to. Returns when."""
    now = loop.next_deadline()
    loop.handle_timer(now)
    loop.take_effects()
    loop.opened(now)
    return now


def test_every_time_that_is_none_is_named() -> None:
    with pytest.raises(ConfigError, match=r"(?s)open_within.*stop_within"):
        Timing(open_within=-1.0, stop_within=0.0)


def test_events_that_come_together_stay_together_and_those_taken_are_counted() -> None:
    loop = made(batch_events=2)
    assert loop.offer_many(STREAM, [entry(1), entry(2)], 0.0) == 2
    assert [[number_of(e) for e in write.entries] for write in writes(loop)] == [[1, 2]]
    loop = made(max_events=3)
    assert loop.offer_many(STREAM, [entry(number) for number in range(5)], 0.0) == 3
    assert loop.offer_many(STREAM, [entry(6)], 0.0) == 0


def test_a_sink_that_does_not_open_says_why() -> None:
    loop = Loop(Limits(), Timing(), random.Random(0))
    loop.start(0.0)
    loop.not_opened("no route", 0.0)
    assert loop.last_error == "no route"


def test_answers_are_counted_over_all_writes() -> None:
    loop = made(batch_events=2)
    for first in (1, 3):
        loop.offer_many(STREAM, [entry(first), entry(first + 1)], 0.0)
        write = writes(loop)[0]
        loop.written(write.number, all_stored(write), 0.0)
        loop.settled(STREAM, True, 0.0)
    for first in (5, 7):
        loop.take_effects()
        loop.offer_many(STREAM, [entry(first), entry(first + 1)], 0.0)
        loop.written(writes(loop)[0].number, [Outcome.DUPLICATE, Refused("no")], 0.0)
        loop.settled(STREAM, True, 0.0)
    assert loop.counts == {"stored": 4, "duplicate": 2, "refused": 2}


def test_of_a_partition_that_is_stored_nothing_is_kept() -> None:
    loop = made(batch_events=1)
    loop.offer(entry(1), 0.0)
    write = write_of(loop)
    loop.written(write.number, all_stored(write), 0.0)
    assert loop._lanes == {}


def test_a_write_has_its_time_and_a_settlement_its_stream() -> None:
    loop = made(batch_events=1, timing=Timing(write_within=7.0))
    loop.offer(entry(1), 0.0)
    write = write_of(loop)
    assert write.within == 7.0
    loop.written(write.number, all_stored(write), 0.0)
    assert settle_of(loop).stream == STREAM


def test_the_delay_of_settling_begins_anew_once_something_was_settled() -> None:
    loop = made(batch_events=1, timing=NEVER)
    now, delays = 0.0, list[float]()
    for number, worked in enumerate([False, False, True, False]):
        if number in (0, 3):
            loop.offer(entry(number), now)
            write = writes(loop)[0]
            loop.written(write.number, all_stored(write), now)
        loop.take_effects()
        loop.settled(STREAM, worked, now)
        if not worked:
            delays.append(loop.next_deadline() - now)
            now = loop.next_deadline()
            loop.handle_timer(now)
    assert [low <= delay <= 2 * low for low, delay in zip([0.5, 1.0, 0.5], delays, strict=True)] == [True] * 3


def test_what_was_stored_while_settling_failed_is_settled_with_it() -> None:
    loop = made(batch_events=1, in_flight=2)
    loop.offer(entry(1), 0.0)
    loop.offer(entry(2), 0.0)
    first, second = writes(loop)
    loop.written(first.number, all_stored(first), 0.0)
    loop.take_effects()
    loop.written(second.number, all_stored(second), 0.0)
    loop.settled(STREAM, False, 0.0)
    loop.handle_timer(loop.next_deadline())
    assert [number_of(e) for e in settle_of(loop).stored] == [1, 2]


@pytest.mark.parametrize("proof", [Outcome.STORED, Outcome.DUPLICATE])
def test_only_what_was_stored_since_the_sink_was_opened_makes_the_next_delay_short(proof: Outcome) -> None:
    loop = made(batch_events=2, timing=NEVER)
    loop.offer_many(STREAM, [entry(1), entry(2)], 0.0)
    (write,) = writes(loop)
    loop.written(write.number, [proof, Outcome.UNKNOWN], 0.0)
    loop.take_effects()
    loop.shut(0.0)
    assert loop.next_deadline() <= 1.0
    now = again(loop)
    loop.settled(STREAM, True, now)
    loop.offer(entry(3), now)
    assert fail(loop, now) >= 1.0, "nothing was, this time"


def test_a_sink_given_up_while_it_fails_ends_when_it_is_shut() -> None:
    loop = made(batch_events=1)
    loop.offer(entry(1), 0.0)
    write = write_of(loop)
    loop.stop(0.0)
    loop.take_effects()
    loop.handle_timer(10.0)
    assert loop.take_effects() == [GiveUp()]
    loop.written(write.number, None, 10.0)
    assert loop.take_effects() == [Close(5.0)]
    loop.shut(10.0)
    assert loop.finished


def test_what_is_stored_after_all_was_given_up_is_not_settled() -> None:
    loop = made(batch_events=1)
    loop.offer(entry(1), 0.0)
    write = write_of(loop)
    loop.stop(0.0)
    loop.handle_timer(10.0)
    loop.take_effects()
    loop.written(write.number, all_stored(write), 10.0)
    assert not [effect for effect in loop.take_effects() if isinstance(effect, Settle)]


def test_while_the_sink_is_not_open_nothing_is_due_in_a_partition() -> None:
    loop = Loop(Limits(linger=0.5), Timing(), random.Random(0))
    loop.attach(STREAM, acks=True)
    loop.start(0.0)
    loop.offer(entry(1), 0.0)
    assert loop.next_deadline() == math.inf


@pytest.mark.parametrize("answer, low", [(Outcome.STORED, 0.5), (Outcome.DUPLICATE, 0.5), (Refused("no"), 2.0)])
def test_what_was_there_already_proves_a_sink_and_what_it_refuses_does_not(answer: Outcome | Refused, low: float) -> None:
    loop = made(batch_events=2, timing=NEVER)
    loop.offer_many(STREAM, [entry(1), entry(2)], 0.0)
    fail(loop, 0.0)
    again(loop)
    now = fail(loop, 1.0) + 1.0
    loop.handle_timer(now)
    loop.take_effects()
    loop.opened(now)
    (write,) = writes(loop)
    loop.written(write.number, [answer, Outcome.UNKNOWN], now)
    loop.take_effects()
    loop.shut(now)
    assert low <= loop.next_deadline() - now <= 2 * low
