from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.pacing import Pacer


def test_an_unlimited_pacer_holds_nothing_back() -> None:
    pacer = Pacer()
    assert all(pacer.take(0.0) for _ in range(10_000))
    assert pacer.available(5.0) == 5.0


def test_a_burst_passes_then_the_rate_counts() -> None:
    pacer = Pacer(rate=2.0, burst=3)
    assert [pacer.take(0.0) for _ in range(4)] == [True, True, True, False]
    assert pacer.available(0.0) == 0.5
    assert not pacer.take(0.4)
    assert pacer.take(0.5)
    assert not pacer.take(0.5)


def test_tokens_saved_up_never_exceed_the_burst() -> None:
    pacer = Pacer(rate=100.0, burst=2)
    assert pacer.take(0.0)
    assert [pacer.take(1000.0) for _ in range(3)] == [True, True, False]


def test_what_is_urgent_counts_after_any_rest() -> None:
    pacer = Pacer(rate=1.0, burst=3)
    assert pacer.take(0.0)
    pacer.take_anyway(1000.0, 2)
    assert [pacer.take(1000.0) for _ in range(2)] == [True, False]


def test_the_reserve_is_for_what_is_urgent() -> None:
    pacer = Pacer(rate=1.0, burst=1, reserve=2)
    assert pacer.take(0.0)
    assert not pacer.take(0.0)
    pacer.take_anyway(0.0, 1)
    assert pacer.available(0.0) == 2.0


def test_what_is_urgent_passes_always_and_others_wait_for_it() -> None:
    pacer = Pacer(rate=1.0, burst=1, reserve=2)
    pacer.take_anyway(0.0, 100)
    # The debt is bounded: three tokens below nothing, and three to have before the next command.
    assert pacer.available(0.0) == 6.0
    assert pacer.take(6.0)


def test_a_clock_that_steps_back_gives_nothing_and_takes_nothing() -> None:
    pacer = Pacer(rate=1.0, burst=1)
    assert pacer.take(10.0)
    assert not pacer.take(5.0)
    assert pacer.available(5.0) == 6.0


def test_a_token_that_is_there_is_available_now() -> None:
    assert Pacer(rate=1.0, burst=1).available(7.0) == 7.0


@pytest.mark.parametrize("now", [0.0, 1e6, 1e9])
@given(rate=st.floats(1e-3, 1e9), burst=st.integers(1, 5))
def test_waiting_until_available_suffices_within_a_few_ticks_of_the_clock(now: float, rate: float, burst: int) -> None:
    pacer = Pacer(rate=rate, burst=burst, reserve=2)
    taken = 0
    for _ in range(200):
        if pacer.take(now):
            taken += 1
        else:
            due = pacer.available(now)
            assert now < due < math.inf
            now = due
    assert taken >= 50
