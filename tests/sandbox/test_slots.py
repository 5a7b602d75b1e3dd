"""The schedule of a sandbox's feed."""

from __future__ import annotations

import math

import pytest

from pushwire.sandbox.slots import Slots


def taken(slots: Slots, until: float) -> list[float]:
    """All slots up to then, each run at its deadline."""
    found: list[float] = []
    while (now := slots.next_deadline()) <= until:
        found += slots.take(now)
    return found


def test_slots_come_at_the_rate_and_do_not_drift() -> None:
    slots = Slots(3.0)
    slots.start(100.0)
    times = taken(slots, 1_100.1)
    assert len(times) == 3_000
    assert times[-1] == pytest.approx(1_100.0)


def test_at_high_rates_several_are_taken_in_one_run() -> None:
    slots = Slots(1_000.0)
    slots.start(0.0)
    assert len(list(slots.take(0.0015))) == 1
    assert slots.next_deadline() == pytest.approx(0.0115)
    assert list(slots.take(0.011)) == []
    assert len(list(slots.take(0.0115))) == 10


def test_a_feed_that_fell_behind_catches_up_in_batches() -> None:
    slots = Slots(1_000.0)
    slots.start(0.0)
    assert len(list(slots.take(2.0))) == 500
    assert list(slots.take(2.0)) == []
    assert slots.next_deadline() == pytest.approx(2.01)


def test_a_second_start_changes_nothing() -> None:
    slots = Slots(1.0)
    slots.start(0.0)
    slots.start(0.5)
    assert slots.next_deadline() == 1.0


def test_after_stop_and_without_a_rate_there_are_none() -> None:
    stopped, off = Slots(1.0), Slots(0.0)
    stopped.start(0.0)
    stopped.stop()
    stopped.start(1.0)
    off.start(0.0)
    assert stopped.next_deadline() == off.next_deadline() == math.inf
