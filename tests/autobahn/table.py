"""All the cases, in the suite's order, and how many there are of each group."""

from __future__ import annotations

from collections import Counter
from typing import Final

from .cases import Case, framing
from .deflate import compressed
from .utf8 import texts

__all__ = ["CASES", "COUNTS"]


def _order(case: Case) -> list[int]:
    return [int(part) for part in case.id.split(".")]


CASES: Final = tuple(sorted((*framing(), *texts(), *compressed()), key=_order))
COUNTS: Final = dict(Counter(case.group for case in CASES))
