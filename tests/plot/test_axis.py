from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.plot.axis import clock, decades, rates, times
from tests.plot.steps import NOON


@pytest.mark.parametrize(
    "length, wall, labels",
    [
        (0.004, NOON, ["12:00:00.000", "12:00:00.001", "12:00:00.002", "12:00:00.003", "12:00:00.004"]),
        (8.0, NOON + 0.5, ["12:00:01", "12:00:02", "12:00:03", "12:00:04", "12:00:05", "12:00:06", "12:00:07", "12:00:08"]),
        (95.0, NOON + 7, ["12:00:15", "12:00:30", "12:00:45", "12:01:00", "12:01:15", "12:01:30"]),
        (3 * 3600.0, NOON - 60, ["12:00", "12:30", "13:00", "13:30", "14:00", "14:30"]),
        (20 * 3600.0, NOON, ["12:00", "15:00", "18:00", "21:00", "00:00", "03:00", "06:00"]),
        (20 * 86_400.0, NOON, ["2026-01-04", "2026-01-07", "2026-01-10", "2026-01-13", "2026-01-16", "2026-01-19"]),
        (20.0, None, ["0 s", "5 s", "10 s", "15 s", "20 s"]),
    ],
)
def test_time_is_marked_at_round_times_of_the_day(length: float, wall: float | None, labels: list[str]) -> None:
    assert [label for _, label in times(length, wall, 9)] == labels


@given(st.floats(1e-3, 1e9), st.none() | st.floats(-1e12, 1e12), st.integers(2, 12))
def test_marks_are_within_and_in_order_and_not_too_many(length: float, wall: float | None, most: int) -> None:
    places = [at for at, _ in times(length, wall, most)]
    assert len(places) <= most + 1
    assert places == sorted(set(places))
    assert all(0 <= at <= length for at in places)


@pytest.mark.parametrize("wall", [1e300, -1e300, 1e17])
def test_a_time_that_no_calendar_knows_is_shown_somehow(wall: float) -> None:
    for length in (1.0, 1e9):
        assert all(label for _, label in times(length, wall, 9))


def test_a_second_that_is_nearly_full_is_the_next_one() -> None:
    assert clock(NOON + 59.9996, 0.001) == "12:01:00.000"
    assert clock(NOON - 0.0001 + 43_200, 1) == "00:00:00"


@pytest.mark.parametrize(
    "most, labels",
    [
        (0.0, ["0", "1"]),
        (0.3, ["0", "0.25", "0.5"]),
        (1.0, ["0", "0.5", "1"]),
        (7.0, ["0", "5", "10"]),
        (10.0, ["0", "5", "10"]),
        (11.0, ["0", "10", "20"]),
        (9_999.0, ["0", "5,000", "10,000"]),
    ],
)
def test_rates_are_marked_at_round_numbers(most: float, labels: list[str]) -> None:
    end, marks = rates(most)
    assert [label for _, label in marks] == labels
    assert end >= most
    assert marks[-1][0] == end


@pytest.mark.parametrize(
    "low, high, labels",
    [
        (0.002, 0.002, ["1 ms", "10 ms"]),
        (0.0004, 3.0, ["100 µs", "1 ms", "10 ms", "100 ms", "1 s", "10 s"]),
        (1e-5, 1e9, ["10 µs", "10 ms", "10 s", "2 h 47 min", "115 d 18 h"]),
    ],
)
def test_waits_are_marked_at_powers_of_ten(low: float, high: float, labels: list[str]) -> None:
    first, last, marks = decades(low, high)
    assert [label for _, label in marks] == labels
    assert first <= low * 1.0001
    assert last >= high
