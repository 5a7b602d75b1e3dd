"""The messages of one read, decoded, and told apart by their kind: those of one kind that come one behind the other are a run.

Most reads hold one run and nothing else, and what must be looked at for each message may be looked at once for a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeVar

import msgspec

__all__ = ["MISFITS", "decoded", "runs"]

MessageT = TypeVar("MessageT")

MISFITS: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What a decoder raises for a message that is none it knows."""


_ALONE: Final = ((0, 1),)
"""The runs of one message: most reads on a quiet feed hold no more."""


def decoded(decode: Callable[[str | bytes], MessageT], raws: Sequence[str | bytes]) -> list[MessageT | Exception]:
    """Each message as `decode` reads it, or what it raised instead."""
    try:
        return list(map(decode, raws))
    except MISFITS:
        return [_attempt(decode, raw) for raw in raws]


def runs(items: Sequence[object]) -> Iterable[tuple[int, int]]:
    """From where to where the items are of one type."""
    return _ALONE if len(items) == 1 else _found(items)


def _found(items: Sequence[object]) -> Iterator[tuple[int, int]]:
    kinds = list(map(type, items))
    start = 0
    while start < len(kinds):
        kind = kinds[start]
        stop = len(kinds)
        # To count costs a tenth of looking at one after the other.
        if start or kinds.count(kind) != stop:
            stop = next((at for at in range(start, stop) if kinds[at] is not kind), stop)
        yield start, stop
        start = stop


def _attempt(decode: Callable[[str | bytes], MessageT], raw: str | bytes) -> MessageT | Exception:
    try:
        return decode(raw)
    except MISFITS as error:
        return error
