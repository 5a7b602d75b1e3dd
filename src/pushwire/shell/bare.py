"""Errors as themselves: what nurseries wrap in groups comes out of them again."""

from __future__ import annotations

from typing import cast

__all__ = ["bare"]


def bare(error: Exception) -> Exception:
    """The error itself, out of the groups that nurseries wrap it in."""
    group: object = error
    if isinstance(group, ExceptionGroup):
        within = cast("ExceptionGroup[Exception]", group).exceptions
        if len(within) == 1:
            return bare(within[0])
    return error
