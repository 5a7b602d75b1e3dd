"""Whether what was made of a stranger's words is whole: all of it can be read."""

from __future__ import annotations

from enum import Enum
from typing import Final, cast

from pushwire.core.secrets import Secret

__all__ = ["names_of", "read_whole"]

_NAMES: Final[dict[type, tuple[str, ...]]] = {}
"""Found once for each class."""


def names_of(kind: type) -> tuple[str, ...]:
    """The fields and properties of a class that anybody may read."""
    names = _NAMES.get(kind)
    if names is None:
        names = tuple(name for name in dir(kind) if not name.startswith("_") and not callable(getattr(kind, name)))
        _NAMES[kind] = names
    return names


def read_whole(value: object) -> None:
    """Read all that there is to read of a value, and of those in it. Raises what a property raises."""
    if isinstance(value, tuple):
        for part in cast("tuple[object, ...]", value):
            read_whole(part)
        value = cast("object", value)
    kind = type(value)
    if kind.__module__.startswith("pushwire.") and not isinstance(value, Secret | Enum):
        for name in names_of(kind):
            read_whole(getattr(value, name))
