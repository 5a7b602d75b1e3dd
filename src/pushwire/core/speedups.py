"""What is done for every message of a read: compiled where that was built, else in Python, with the same outcome.

What lives here: which of the two it is. Setting PUSHWIRE_PURE, to anything, before pushwire is imported makes it Python.
"""

from __future__ import annotations

import os
from typing import Final

try:
    if os.environ.get("PUSHWIRE_PURE"):
        raise ImportError
    from ._speedups import (
        alike,
        all_decimals,
        all_lower,
        all_whole,
        columns_of,
        having,
        mark_times,
        of_one_type,
        put_new,
        rows_of,
        set_each,
        take_texts,
    )
except ImportError:
    from .plain import (
        alike,
        all_decimals,
        all_lower,
        all_whole,
        columns_of,
        having,
        mark_times,
        of_one_type,
        put_new,
        rows_of,
        set_each,
        take_texts,
    )

__all__ = [
    "COMPILED",
    "alike",
    "all_decimals",
    "all_lower",
    "all_whole",
    "columns_of",
    "having",
    "mark_times",
    "of_one_type",
    "put_new",
    "rows_of",
    "set_each",
    "take_texts",
]

COMPILED: Final = take_texts.__module__ != f"{__package__}.plain"
"""Whether it is compiled."""
