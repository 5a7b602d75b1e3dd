"""Enumerations whose members are looked up on the way of every message: states of tables, and what moves them on."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

__all__ = ["HashedByIdentity"]


class HashedByIdentity(enum.Enum):
    """An `Enum` of which each member is one object, as of any, and is hashed as that."""

    if not TYPE_CHECKING:
        # Enum hashes the member's name, in Python code.
        __hash__ = object.__hash__
