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


def runs(items: list[Any], raws: Sequence[str | bytes]) -> Iterable[tuple[list[Any], Sequence[str | bytes]]]:
    """Items of one type that stand one behind the other, and what each was decoded from."""
    # To copy a list is to look at each item in it.
    return ((items, raws),) if items and of_one_type(items) else _found(items, raws)


def _found(items: list[Any], raws: Sequence[str | bytes]) -> Iterator[tuple[list[Any], Sequence[str | bytes]]]:
    start = 0
    for _, run in itertools.groupby(map(type, items)):
        stop = start + len(list(run))
        yield items[start:stop], raws[start:stop]
        start = stop


def _attempt(decode: Callable[[str | bytes | memoryview], MessageT], raw: str | bytes) -> MessageT | Exception:
    try:
        return decode(raw)
    except MISFITS as error:
        return error
