"""One line is marked and right, another is wrong and not marked."""

from __future__ import annotations


def double(number: int) -> int:
    return 2 * number


double(2)  # expect-error
double("two")
