"""Checks for the fields of commands and REST calls: what is wrong is the caller's fault, and said before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import attrs

from ..errors import LocalProtocolError

__all__ = ["LARGEST", "Check", "optional_text", "some_text", "whole"]

Check: TypeAlias = Callable[[object, "attrs.Attribute[Any]", object], None]  # the attribute's type binds the caller alone
"""Checks one field of a command or call. Raises `LocalProtocolError`."""

LARGEST: Final = 2**63 - 1
"""The largest whole number that every provider's JSON reader takes."""


def some_text(instance: object, attribute: attrs.Attribute[str], value: object) -> None:
    """A non-empty text that can be written as UTF-8. Raises `LocalProtocolError`."""
    if not isinstance(value, str) or not value:
        raise LocalProtocolError(f"{type(instance).__name__}: {attribute.name} must be a non-empty string")
    try:
        value.encode()
    except UnicodeEncodeError:
        # It would fail only when it is sent, long after the caller could have been told.
        raise LocalProtocolError(f"{type(instance).__name__}: {attribute.name} cannot be written as UTF-8") from None


optional_text: Final = attrs.validators.optional(some_text)
"""The same, with None allowed."""


def whole(least: int, most: int = LARGEST) -> Check:
    """A whole number in these bounds."""

    def check(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:  # as for Check
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise LocalProtocolError(f"{type(instance).__name__}: {attribute.name} must be a whole number from {least} to {most}")

    return check
