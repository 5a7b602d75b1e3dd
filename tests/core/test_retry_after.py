from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pushwire.core.retry_after import http_date, retry_after

DATE = "Tue, 15 Nov 1994 08:12:31 GMT"


def test_seconds_are_taken_as_they_are() -> None:
    assert retry_after("120", "") == 120.0


def test_a_date_to_retry_after_counts_from_the_date_of_the_response() -> None:
    assert retry_after("Tue, 15 Nov 1994 08:14:01 GMT", DATE) == 90.0


def test_a_date_in_the_past_means_now() -> None:
    assert retry_after("Mon, 14 Nov 1994 08:12:31 GMT", DATE) == 0.0


@pytest.mark.parametrize(
    "value",
    [
        "",
        "-1",
        "1.5",
        "soon",
        "9999999999",
        "\u0661",
        "Tue, 31 Feb 1994 08:12:31 GMT",
        "Tue, 15 Nov 1994 25:12:31 GMT",
        "Tue, 15 Nov 1994 08:12:31 CET",
        "Tuesday, 15-Nov-94 08:12:31 GMT",
    ],
)
def test_what_is_neither_seconds_nor_a_date_is_none(value: str) -> None:
    assert retry_after(value, DATE) is None


def test_a_date_without_a_date_to_count_from_is_none() -> None:
    assert retry_after(DATE, "") is None


@pytest.mark.parametrize(
    "date, until",
    [
        ("Wed, 30 Nov 1994 23:59:30 GMT", "Thu, 01 Dec 1994 00:00:00 GMT"),
        ("Sat, 31 Dec 1994 23:59:30 GMT", "Sun, 01 Jan 1995 00:00:00 GMT"),
    ],
)
def test_a_date_may_be_in_the_next_month_or_year(date: str, until: str) -> None:
    assert retry_after(until, date) == 30.0


def test_a_date_is_in_utc() -> None:
    assert http_date(DATE) == datetime(1994, 11, 15, 8, 12, 31, tzinfo=UTC)
