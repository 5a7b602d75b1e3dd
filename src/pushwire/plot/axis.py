"""Where an axis is marked, and what stands there."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from ..core.describing import duration, moment

__all__ = ["Marks", "clock", "decades", "rates", "times"]

Marks: TypeAlias = Sequence[tuple[float, str]]
"""Places on an axis, in its unit, each with its label."""

STEPS: Final = (
    *(of * unit for unit in (0.001, 0.01, 0.1, 1.0) for of in (1, 2, 5)),
    *(10.0, 15.0, 30.0),
    *(60.0 * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(3_600.0 * hours for hours in (1, 2, 3, 6, 12)),
)
"""Seconds between two marks of time; beyond them whole days."""
DAY: Final = 86_400.0


def times(length: float, wall: float | None, most: int) -> Marks:
    """Up to `most` marks from 0 to `length` (seconds), at round times of the day in UTC; where `wall`, the POSIX seconds at 0, is
    not known, at round spans since then."""
    step = next((step for step in STEPS if length / step < most), None)
    if step is None:
        step = DAY * max(1, math.ceil(length / DAY / most))
    # In microseconds: times of our century are no more exact, and a mark would be missed by less.
    offset = 0.0 if wall is None else wall % step if step >= DAY else round(wall % DAY * 1e6) % round(step * 1e6) / 1e6
    first = (step - offset) % step
    places = [first + step * number for number in range(int(max(0.0, length - first) // step) + 1)]
    label: Callable[[float], str] = duration if wall is None else lambda at: clock(wall + at, step)
    return [(at, label(at)) for at in places if at <= length]


def clock(posix: float, step: float) -> str:
    """A time of day in UTC, as exactly as marks `step` seconds apart want it; the date where they are days apart."""
    if step >= DAY:
        return moment(posix)[:10]
    # To the millisecond, before it is taken apart: no 59.9996 becomes 60.
    thousandths = round(posix % DAY * 1000) % 86_400_000
    minutes, rest = divmod(thousandths, 60_000)
    shown = f"{minutes // 60:02}:{minutes % 60:02}"
    if step >= 60:
        return shown
    return f"{shown}:{rest // 1000:02}" if step >= 1 else f"{shown}:{rest // 1000:02}.{rest % 1000:03}"


def rates(most: float) -> tuple[float, Marks]:
    """The end of an axis from 0 that has room for `most`, and two or three marks on it."""
    if not most > 0:
        return 1.0, [(0.0, "0"), (1.0, "1")]
    unit = 10.0 ** math.floor(math.log10(most))
    step = next(of * unit for of in (0.5, 1, 2.5, 5) if most <= 2 * of * unit or of == 5)
    marks = [step * number for number in range(math.ceil(most / step) + 1)]
    return marks[-1], [(at, f"{at:,.10g}") for at in marks]


def decades(low: float, high: float) -> tuple[float, float, Marks]:
    """The ends of a logarithmic axis of seconds that `low` and `high` (above zero) lie within, with marks at powers of ten."""
    first = math.floor(math.log10(low))
    last = max(math.ceil(math.log10(high)), first + 1)
    every = math.ceil((last - first) / 6)
    powers = range(first, last + 1, every)
    return 10.0**first, 10.0**last, [(10.0**power, duration(10.0**power)) for power in powers]
