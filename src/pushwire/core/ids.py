"""Ids for what is sent. They are counted, not drawn, so that a replay gives the same ones."""

from __future__ import annotations

import itertools
from collections.abc import Callable

__all__ = ["id_source"]


def id_source(prefix: str) -> Callable[[], str]:
    """Ids that differ within a session by their number, and between sessions by their prefix."""
    numbers = itertools.count(1)
    return lambda: f"{prefix}-{next(numbers)}"
