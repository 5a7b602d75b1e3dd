from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.backoff import Backoff, BackoffPolicy
from tests.core.toy import Always


def delays(drawn: float, count: int = 8, policy: BackoffPolicy | None = None) -> list[float]:
    backoff = Backoff(policy or BackoffPolicy(), Always(drawn))
    return [backoff.delay() for _ in range(count)]


def test_delays_double_up_to_the_cap() -> None:
    assert delays(1.0) == [1, 2, 4, 8, 16, 32, 60, 60]


def test_the_jitter_takes_at_most_half() -> None:
    assert delays(0.0) == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_first_delay_beyond_the_cap_is_cut() -> None:
    assert delays(1.0, 2, BackoffPolicy(first=90, cap=60)) == [60, 60]


@given(st.integers(), st.integers(0, 3000))
def test_a_delay_stays_in_its_bounds_after_any_number_of_failures(seed: int, failures: int) -> None:
    backoff = Backoff(BackoffPolicy(), random.Random(seed))
    backoff.attempt = failures
    ceiling = min(60.0, 2.0 ** min(failures, 10))
    assert ceiling / 2 <= backoff.delay() <= ceiling
    assert backoff.attempt == failures + 1


@pytest.mark.parametrize(
    "ready_for, answered, stable",
    [(0.0, True, False), (29.9, True, False), (30.0, True, True), (3000.0, False, False)],
)
def test_only_a_connection_that_was_ready_long_enough_and_answered_is_stable(
    ready_for: float, answered: bool, stable: bool
) -> None:
    backoff = Backoff(BackoffPolicy(), Always(1.0))
    backoff.delay()
    backoff.delay()
    assert backoff.ended(ready_for, answered=answered) is stable
    assert backoff.attempt == (0 if stable else 2)
    assert backoff.delay() == (1 if stable else 4)


def test_one_dial_without_delay_is_granted_in_each_stable_period() -> None:
    backoff = Backoff(BackoffPolicy(), Always(1.0))
    assert backoff.grant_immediate()
    assert not backoff.grant_immediate()
    backoff.ended(10.0, answered=True)
    assert not backoff.grant_immediate()
    backoff.ended(30.0, answered=True)
    assert backoff.grant_immediate()
    assert not backoff.grant_immediate()
