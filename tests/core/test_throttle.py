from __future__ import annotations

import math

from pushwire.core.pacing import Pacer
from pushwire.core.throttle import Throttle
from tests.core.toy import Buy, Look


def test_where_nothing_is_limited_nothing_is_held_back() -> None:
    throttle = Throttle(Pacer(), lambda command: None)
    throttle.left(Look(), 0.0)
    assert not throttle.holds_all(0.0)
    assert not throttle.holds(Look(), 0.0)
    assert throttle.take(0.0)
    assert throttle.due == math.inf


def test_the_rate_of_all_is_looked_at_again_when_there_is_room() -> None:
    throttle = Throttle(Pacer(rate=2.0, burst=1), lambda command: None)
    assert throttle.take(0.0)
    assert not throttle.take(0.0)
    assert throttle.due == 0.5
    throttle.look()
    assert throttle.due == math.inf
    assert throttle.take(0.5)


def test_what_is_urgent_passes_and_counts() -> None:
    throttle = Throttle(Pacer(rate=2.0, burst=1), lambda command: None)
    throttle.urgent(0.0, 1)
    assert not throttle.take(0.0)


def test_a_kind_with_a_rate_of_its_own_is_held_back_alone() -> None:
    bucket = Pacer(rate=1.0, burst=1)
    throttle = Throttle(Pacer(), lambda command: bucket if isinstance(command, Buy) else None)
    assert not throttle.holds(Buy(), 0.0)
    throttle.left(Buy(), 0.0)
    throttle.left(Look(), 0.0)
    assert throttle.holds(Buy(), 0.0)
    assert not throttle.holds(Look(), 0.0)
    assert throttle.due == 1.0
    assert not throttle.holds(Buy(), 1.0)


def test_a_time_the_provider_asks_for_holds_all_and_the_longest_counts() -> None:
    throttle = Throttle(Pacer(), lambda command: None)
    throttle.hold(7.0)
    throttle.hold(5.0)
    assert throttle.holds_all(6.9)
    assert throttle.due == 7.0
    assert not throttle.holds_all(7.0)


def test_what_is_urgent_leaves_a_debt_that_is_paid_before_the_next_command() -> None:
    throttle = Throttle(Pacer(rate=1.0, burst=1), lambda command: None)
    assert throttle.take(0.0)
    throttle.urgent(0.0, 1)
    assert not throttle.take(1.0)
    assert throttle.take(2.0)
