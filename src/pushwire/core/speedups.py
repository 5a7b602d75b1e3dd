"""What is done for every message of a read: compiled where that was built, else in Python, with the same outcome.

What lives here: which of the two it is. Setting PUSHWIRE_PURE, to anything, before pushwire is imported makes it Python. The
names are those of `plain`, and stand there alone.
"""

from __future__ import annotations

import contextlib
import os
from typing import Final

from . import plain
from .plain import *  # noqa: F403 - `plain.__all__` has the names

if not os.environ.get("PUSHWIRE_PURE"):
    with contextlib.suppress(ImportError):
        from ._speedups import *  # noqa: F403 - the same names, in the place of those

__all__ = ["COMPILED"]
__all__ += plain.__all__

COMPILED: Final = take_texts is not plain.take_texts  # noqa: F405 - one of those names
"""Whether it is compiled."""
