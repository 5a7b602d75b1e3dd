"""Every marked line is wrong and no other is."""

from __future__ import annotations


def double(number: int) -> int:
    return 2 * number


double("two")  # expect-error
double(2)
word: str = double(2)  # expect-error
