"""The messages of one read, decoded, and told apart by their kind: those of one kind that come one behind the other are a run.

Most reads hold one run and nothing else, and what must be looked at for each message may be looked at once for a run.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar

import msgspec

from .speedups import decode_all, of_one_type

__all__ = ["MISFITS", "decoded", "runs"]

MessageT = TypeVar("MessageT")

MISFITS: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What a decoder raises for a message that is none it knows."""


def decoded(decode: Callable[[str | bytes | memoryview], MessageT], raws: Sequence[str | bytes]) -> list[MessageT | Exception]:
    """Each message as `decode` reads it, or what it raised instead."""
    try:
        return decode_all(decode, raws)
    except MISFITS:
        return [_attempt(decode, raw) for raw in raws]


def runs(items: list[Any]) -> Iterable[tuple[int, int]]:
    """From where to where the items are of one type."""
    return ((0, len(items)),) if items and of_one_type(items) else _found(items)


def _found(items: Sequence[object]) -> Iterator[tuple[int, int]]:
    start = 0
    for _, run in itertools.groupby(map(type, items)):
        stop = start + len(list(run))
        yield start, stop
        start = stop


def _attempt(decode: Callable[[str | bytes | memoryview], MessageT], raw: str | bytes) -> MessageT | Exception:
    try:
        return decode(raw)
    except MISFITS as error:
        return error
