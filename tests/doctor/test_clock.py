from __future__ import annotations

import pytest

from pushwire.doctor.clock import BOUND, Skew, date_in, measure

DATE = "Sat, 21 Nov 2026 12:00:00 GMT"
THEN = 1795262400.0
"""The same, in POSIX seconds."""


def test_a_date_is_known_to_half_a_second_and_half_the_round_trip() -> None:
    assert measure(DATE, THEN + 0.25, THEN + 0.75) == Skew(0.0, 0.75)


def test_the_offset_is_theirs_minus_ours() -> None:
    assert measure(DATE, THEN - 59.5, THEN - 59.5) == Skew(60.0, 0.5)
    assert str(measure(DATE, THEN - 59.5, THEN - 59.5)) == "ours is 60.0 s behind theirs, give or take 0.5 s"
    assert str(measure(DATE, THEN + 45.5, THEN + 45.5)) == "ours is 45.0 s ahead of theirs, give or take 0.5 s"
    assert str(measure(DATE, THEN, THEN + 2)) == "agrees with theirs to 1.5 s"


def test_our_clock_may_be_set_back_meanwhile() -> None:
    assert measure(DATE, THEN + 1, THEN) == Skew(0.0, 0.5)


@pytest.mark.parametrize(
    "offset, uncertainty, matters",
    [(BOUND + 1, 0.5, True), (-BOUND - 1, 0.5, True), (BOUND + 1, 1.0, False), (BOUND, 0.0, False), (0.0, 0.5, False)],
)
def test_it_matters_where_it_is_surely_beyond_the_bound(offset: float, uncertainty: float, matters: bool) -> None:
    assert Skew(offset, uncertainty).matters is matters


def test_what_is_no_date_tells_nothing() -> None:
    assert measure("", 0.0, 0.0) is None
    assert measure("yesterday", 0.0, 0.0) is None


def test_the_date_is_found_in_a_head_however_it_is_spelled() -> None:
    assert date_in(f"HTTP/1.1 101 Sure\r\nServer: x\r\nDATE:\t{DATE} \r\n\r\n".encode()) == DATE
    assert date_in(b"HTTP/1.1 101 Sure\r\nX-Date: never\r\n\r\n") == ""
    assert date_in(b"") == ""
