from __future__ import annotations

import math

from pushwire.core.timers import Timers


def test_without_timers_nothing_is_due() -> None:
    timers = Timers()
    assert timers.next() == math.inf
    assert timers.pop_due(1e9) == []
    assert timers.due("a") is None


def test_the_earliest_is_next() -> None:
    timers = Timers()
    timers.arm("a", 5.0)
    timers.arm("b", 3.0)
    assert timers.next() == 3.0
    assert timers.due("a") == 5.0


def test_arming_again_moves_a_timer() -> None:
    timers = Timers()
    timers.arm("a", 5.0)
    timers.arm("a", 9.0)
    assert timers.pop_due(8.9) == []
    assert timers.pop_due(9.0) == ["a"]


def test_what_is_due_is_taken_once_and_earliest_first() -> None:
    timers = Timers()
    for name, due in (("late", 3.0), ("early", 1.0), ("later", 7.0)):
        timers.arm(name, due)
    assert timers.pop_due(3.0) == ["early", "late"]
    assert timers.pop_due(3.0) == []
    assert timers.next() == 7.0


def test_disarming_passes_over_what_is_not_armed() -> None:
    timers = Timers()
    timers.arm("a", 1.0)
    timers.arm("b", 2.0)
    timers.disarm("a", "unknown")
    assert timers.next() == 2.0
    timers.clear()
    assert timers.next() == math.inf
