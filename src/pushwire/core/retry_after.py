"""What a Retry-After header says (RFC 9110, 10.2.3), and a Date."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

__all__ = ["http_date", "retry_after"]

_SECONDS: Final = re.compile(r"[0-9]{1,9}")
_DATE: Final = re.compile(
    r"[A-Z][a-z]{2}, ([0-9]{2}) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"
)
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def retry_after(value: str, date: str) -> float | None:
    """The seconds a Retry-After asks for; None when it has none we can use.

    It is a count of seconds or an HTTP date (RFC 9110, 10.2.3). A date is counted from the response's own `date`, so that neither
    clock matters.
    """
    if _SECONDS.fullmatch(value):
        return float(value)
    until, since = http_date(value), http_date(date)
    if until is None or since is None:
        return None
    return max(0.0, (until - since).total_seconds())


def http_date(text: str) -> datetime | None:
    """The moment that an HTTP date names (RFC 9110, 5.6.7); None for what is none."""
    # Not strptime: its names of days and months are those of the process's locale.
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    day, month, year, hour, minute, second = match.groups()
    try:
        return datetime(int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    except ValueError:
        return None
