"""Checks for the fields of commands and REST calls: what is wrong is the caller's fault, and said before anything is sent."""

from __future__ import annotations

from typing import Final

import attrs

from ..errors import LocalProtocolError

__all__ = ["optional_text", "some_text"]


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
