"""How far our clock is from a peer's, by the Date of an answer. Pure: the times are the caller's.

A Date has no fractions (RFC 9110, 5.6.7), and was written at some time between question and answer: the difference is known to
half a second and half of that round trip.
"""

from __future__ import annotations

import re
from typing import Final

import attrs

from ..core.retry_after import http_date

__all__ = ["BOUND", "Skew", "date_in", "measure"]

BOUND: Final = 30.0
"""Seconds. Signed requests and tokens live for a minute or less: beyond half of that they begin to be refused."""

_DATE: Final = re.compile(rb"\r\ndate:[ \t]*([^\r\n]*)", re.IGNORECASE)


@attrs.frozen
class Skew:
    """Their clock minus ours, in seconds, give or take `uncertainty`."""

    offset: float
    uncertainty: float

    @property
    def matters(self) -> bool:
        """Whether it is surely beyond the bound."""
        return abs(self.offset) - self.uncertainty > BOUND

    def __str__(self) -> str:
        margin = f"{self.uncertainty:.1f} s"
        if abs(self.offset) <= self.uncertainty:
            return f"agrees with theirs to {margin}"
        side = "behind" if self.offset > 0 else "ahead of"
        return f"ours is {abs(self.offset):.1f} s {side} theirs, give or take {margin}"


def measure(date: str, asked: float, answered: float) -> Skew | None:
    """By a Date header and our own clock (POSIX seconds) before and after. None for a Date that is none."""
    theirs = http_date(date)
    if theirs is None:
        return None
    return Skew(theirs.timestamp() + 0.5 - (asked + answered) / 2, 0.5 + max(0.0, answered - asked) / 2)


def date_in(head: bytes) -> str:
    """The Date in the head of an HTTP response; empty where it has none."""
    found = _DATE.search(head)
    return "" if found is None else found[1].decode("latin-1").strip()
