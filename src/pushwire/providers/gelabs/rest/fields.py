"""What the fields of REST calls may hold. Each check raises `LocalProtocolError`, before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeVar, cast

import attrs

from ....core.fields import LARGEST, Check, some_text, whole
from ....errors import LocalProtocolError

__all__ = [
    "as_texts",
    "as_tuple",
    "listed",
    "optional_whole",
    "row_limit",
    "some_whole",
    "texts",
]

ItemT = TypeVar("ItemT")

row_limit: Final = whole(1, 100)
"""How many rows a query may ask for."""
some_whole: Final = whole(0)
optional_whole: Final = attrs.validators.optional(some_whole)


def as_tuple(value: Iterable[ItemT]) -> tuple[ItemT, ...]:
    """What was listed. A text is not taken for the list of its letters: it is left to the check, as all that is no list."""
    if isinstance(value, str | bytes) or not isinstance(cast("object", value), Iterable):
        return cast("tuple[ItemT, ...]", value)
    return tuple(value)


def as_texts(value: Iterable[str]) -> tuple[str, ...]:
    return as_tuple(value)


def listed(kind: type[object], least: int = 1, most: int | None = None) -> Check:
    """A tuple of so many of these."""
    how_many = f"at least {least}" if most is None else f"{least} to {most}"

    def check(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:  # as for Check
        where = f"{type(instance).__name__}: {attribute.name}"
        if not isinstance(value, tuple) or not all(isinstance(item, kind) for item in cast("tuple[object, ...]", value)):
            raise LocalProtocolError(f"{where} must be a list of {kind.__name__}")
        if not least <= len(cast("tuple[object, ...]", value)) <= (LARGEST if most is None else most):
            raise LocalProtocolError(f"{where} must hold {how_many}")

    return check


def texts(least: int = 1, most: int | None = None) -> Check:
    """A tuple of so many non-empty texts."""
    many = listed(str, least, most)

    def check(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:  # as for Check
        many(instance, attribute, value)
        for item in cast("tuple[str, ...]", value):
            some_text(instance, attribute, item)

    return check
