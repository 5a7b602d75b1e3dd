from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.cli.rates import MINUTE, History, sparkline


@pytest.mark.parametrize(
    "numbers, drawn",
    [
        ([], ""),
        ([None, None], "  "),
        ([0, 0], "▁▁"),
        ([None, 0, 5], " ▁█"),
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
        ([1], "█"),
        ([1, 1000], "▂█"),
        ([3, 3, 3], "███"),
        ([0.001, 0.002], "▅█"),
        ([-1, 1], "▁█"),
    ],
)
def test_a_sparkline_is_as_high_as_its_numbers(numbers: list[float | None], drawn: str) -> None:
    assert sparkline(numbers) == drawn


@given(st.lists(st.none() | st.floats(0, 1e300), max_size=80))
def test_any_numbers_have_a_sparkline(numbers: list[float | None]) -> None:
    drawn = sparkline(numbers)
    assert len(drawn) == len(numbers)
    for number, block in zip(numbers, drawn, strict=True):
        assert (block == " ") is (number is None)
        assert (block == "▁") is (number == 0)


def looked(*looks: tuple[float, int]) -> History:
    history = History()
    for now, total in looks:
        history.look(now, total)
    return history


def test_nobody_looked_yet() -> None:
    assert History().rate() == 0.0
    assert History().seconds() == [None] * MINUTE


def test_one_look_says_nothing_of_a_rate() -> None:
    history = looked((100.5, 7))
    assert history.rate() == 0.0
    assert history.seconds() == [None] * MINUTE


def test_the_rate_is_that_of_the_last_two_seconds() -> None:
    assert looked((0.0, 0), (10.0, 1000), (11.0, 1000), (12.0, 1010)).rate() == 5.0
    assert looked((0.0, 0), (0.5, 50)).rate() == 100.0


def test_each_whole_second_has_what_came_in_it() -> None:
    history = looked((100.0, 0), (101.0, 5), (101.5, 7), (102.0, 9), (103.25, 9))
    assert history.seconds() == [None] * (MINUTE - 3) + [5, 4, 0]


def test_what_came_between_two_looks_came_evenly() -> None:
    assert looked((100.5, 0), (104.5, 8)).seconds()[-4:] == [None, 2, 2, 2]


def test_what_is_older_than_a_minute_is_forgotten() -> None:
    history = looked(*((float(at), at * at) for at in range(1000)))
    assert history.seconds() == [2 * at + 1 for at in range(999 - MINUTE, 999)]
    assert len(history._looks) <= MINUTE + 3


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(0, 100)), min_size=2, max_size=60))
def test_nothing_is_counted_twice(steps: list[tuple[float, int]]) -> None:
    now, total, history = 50.0, 0, History()
    for later, more in steps:
        now, total = now + later, total + more
        history.look(now, total)
    assert sum(number or 0 for number in history.seconds()) <= total + 1e-6
    assert all(number is None or number >= -1e-6 for number in history.seconds())
    assert math.isfinite(history.rate())
