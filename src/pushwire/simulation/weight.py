"""How much a machine keeps: the items of all collections that can grow, in it and in its parts. What may be is the judge's.

Counted is what it has of its own: no classes, functions or values that are shared, and nothing that it is meant to remember.
"""

from __future__ import annotations

import enum
import random
from collections import deque
from collections.abc import Iterator
from typing import Final, cast

import attrs

from ..core.closes import CloseTable
from ..core.dedupe import Recent
from ..core.holds import Rows
from ..core.ledger import Ledger
from ..core.staleness import Staleness
from ..core.transitions import Table

__all__ = ["weight"]

_REMEMBERED: Final = (Ledger, Recent, Rows, Staleness)
"""Bounded by their settings, and by the topics there are; some reach over any number of stories."""
_FIXED: Final = (str, bytes, int, float, type, enum.Enum, random.Random, Table, CloseTable)


def weight(machine: object) -> int:
    """Items in collections within `machine`, however deep."""
    seen: set[int] = set()
    items, waiting = 0, [machine]
    while waiting:
        found = waiting.pop()
        if found is None or isinstance(found, _FIXED + _REMEMBERED) or id(found) in seen:
            continue
        seen.add(id(found))
        if isinstance(found, dict):
            pairs = cast("dict[object, object]", found)
            items += len(pairs)
            waiting += (*pairs.keys(), *pairs.values())
        elif isinstance(found, list | set | deque):
            members = cast("list[object]", found)
            items += len(members)
            waiting += members
        elif isinstance(found, tuple | frozenset):
            waiting += cast("tuple[object, ...]", found)
        elif type(found).__module__.startswith("pushwire.") and not _is_config(found):
            waiting += _fields(found)
    return items


def _is_config(found: object) -> bool:
    return attrs.has(type(found)) and hasattr(found, "ping_interval")


def _fields(found: object) -> Iterator[object]:
    yield from vars(found).values() if hasattr(found, "__dict__") else ()
    for kind in type(found).__mro__:
        slots: tuple[str, ...] | str = getattr(kind, "__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            yield getattr(found, name, None)
