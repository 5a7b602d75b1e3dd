"""Which pushwire this is: what its package was built as, from the repository's tags."""

from __future__ import annotations

from functools import cache
from typing import Final

__all__ = ["UNKNOWN", "version"]

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
