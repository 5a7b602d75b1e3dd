"""When a subscription that could not be made is asked for again."""

from __future__ import annotations

import math

from pushwire.core.again import Again


def test_topics_are_due_at_their_time_in_order() -> None:
    again: Again[str] = Again(1.0, 8.0)
    assert again.due() == math.inf
    assert not again
    again.add(["a", "b"], 5.0)
    assert again
    again.add(["c"], 3.0)
    assert again.due() == 3.0
    assert again.take(3.0) == ["c"]
    assert again.take(9.0) == ["a", "b"]
    assert again.due() == math.inf


def test_the_delay_doubles_up_to_its_cap_until_something_is_answered() -> None:
    again: Again[str] = Again(1.0, 3.0)
    delays: list[float] = []
    for _ in range(4):
        again.add_later(["a"], 0.0)
        delays.append(again.due())
        again.take(math.inf)
    assert delays == [1.0, 2.0, 3.0, 3.0]
    again.reset()
    again.add_later(["a"], 10.0)
    assert again.due() == 11.0


def test_a_lost_connection_leaves_nothing_to_ask_for() -> None:
    again: Again[str] = Again(1.0, 3.0)
    again.add(["a"], 5.0)
    again.clear()
    assert again.due() == math.inf
