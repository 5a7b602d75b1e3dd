"""Which pushwire this is: what its package was built as, from the repository's tags."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

__all__ = ["UNKNOWN", "release", "version"]

UNKNOWN: Final = "unknown"
"""Of a source tree that was never installed."""


@cache
def version() -> str:
    """The installed package's version."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("pushwire")
    except PackageNotFoundError:
        return UNKNOWN


def release() -> str:
    """The version's numbers alone, as `1.2.3`, for peers that want no more; 0 where it is not known."""
    numbers = re.match(r"[0-9]+(\.[0-9]+)*", version())
    return "0" if numbers is None else numbers[0]
