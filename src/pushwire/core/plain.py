"""What is done for every message of a read, in Python: what the functions of `_speedups.c` do, and what runs where these were not
built.

What lives here: such functions, each with its twin there, which finds the same in a fraction of the time. What must not: anything
that calls them; `speedups` has the one or the other. `names` are at most 16.
"""

from __future__ import annotations

import itertools
import operator
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar, cast

from .values import DECIMAL, UINT256_DIGITS

__all__ = [
    "Messages",
    "alike",
    "all_decimals",
    "all_lower",
    "all_whole",
    "columns_of",
    "decode_all",
    "having",
    "mark_times",
    "of_one_type",
    "put_new",
    "rows_of",
    "set_each",
    "take_texts",
    "total_length",
]

KeyT = TypeVar("KeyT", bound=tuple[object, ...])
ValueT = TypeVar("ValueT")

# RFC 6455, 5.2. Bytes of a frame's head, and the 7-bit length that says that the length stands in the two bytes behind it.
_SHORT_HEAD: Final = 2
_LONG_HEAD: Final = 4
_TWO_BYTES: Final = 126
_MAX_LENGTH: Final = 127
_HEAD: Final = struct.Struct(">HH")
"""The two bytes of every head, and the two behind them, which are the length where those say so."""
# The two bytes of plain texts: final, uncompressed, unmasked. The short ones hold the length.
_SHORTEST_PLAIN: Final = 0x8100
_PLAIN: Final = _SHORTEST_PLAIN | _TWO_BYTES


def columns_of(values: Sequence[object], names: tuple[str, ...]) -> tuple[list[Any], ...]:
    """What all values have, by each name."""
    return tuple([list(map(operator.attrgetter(name), values)) for name in names])


def put_new(known: dict[KeyT, ValueT], keys: tuple[KeyT, ...], values: tuple[ValueT, ...]) -> int:
    """Put in `known` each of the keys with its value, up to the first that is there. Returns how many. Raises `ValueError` where
    there are not as many values as keys."""
    if len(keys) != len(values):
        raise ValueError("not as many values as keys")
    for put, (key, value) in enumerate(zip(keys, values, strict=False)):
        before = len(known)
        known.setdefault(key, value)
        if len(known) == before:
            return put
    return len(keys)


class Messages(list[str | bytes]):
    """Messages in the order in which they came: a sequence of texts and bytes, which has `append` besides.

    Compiled it is no list: a text stays in the bytes that it came in, and is made each time it is asked for.
    """

    __slots__ = ()


def take_texts(data: bytes | bytearray, at: int, limit: int, messages: Messages) -> tuple[int, int]:
    """Append the texts of those frames that stand in `data` from `at` on: whole frames, final, uncompressed, unmasked, of at most
    `limit` bytes. Returns where the first frame begins that is none, and how many bytes it has where all that is wrong is that
    not all of them are there, else 0.

    One of less than four bytes at the very end, or with a 64-bit length, is none. Raises `UnicodeDecodeError` for one that is not
    UTF-8; `messages` has those before it then.
    """
    append, end, head_of = messages.append, len(data), _HEAD.unpack_from
    while end - at >= _LONG_HEAD:
        head, length = head_of(data, at)
        if head == _PLAIN:
            start = at + _LONG_HEAD
        elif _SHORTEST_PLAIN <= head < _PLAIN:
            # The length is in the head, and what was taken for it is of the message.
            length, start = head & _MAX_LENGTH, at + _SHORT_HEAD
        else:
            break
        stop = start + length
        if stop > end or length > limit:
            return at, 0 if length > limit else stop - at
        append(data[start:stop].decode())
        at = stop
    return at, 0


def all_decimals(values: Sequence[object], names: tuple[str, ...]) -> bool:
    """Whether what each value has by each of these names, a text, is what a `DecimalText` may be."""
    return all(map(DECIMAL.match, itertools.chain.from_iterable(columns_of(values, names))))


def all_whole(values: Sequence[object], names: tuple[str, ...]) -> bool:
    """Whether what each value has by each of these names, a text or None, `is_number`."""
    texts: list[str] = list(filter(None, itertools.chain.from_iterable(columns_of(values, names))))
    joined = "".join(texts)
    # Of bytes it is asked four times as fast as of text.
    return not joined or (joined.isascii() and joined.encode().isdigit() and max(map(len, texts)) <= UINT256_DIGITS)


def all_lower(values: Sequence[object], names: tuple[str, ...]) -> bool:
    """Whether what each value has by each of these names, a text, is ASCII and lower case."""
    joined = "".join(itertools.chain.from_iterable(columns_of(values, names)))
    return joined.isascii() and joined == joined.lower()


def alike(values: Sequence[object], names: tuple[str, ...]) -> bool:
    """Whether all values have the same by each of these names."""
    return all(map(_is_one, columns_of(values, names)))


def _is_one(column: list[Any]) -> bool:
    return not column or column.count(column[0]) == len(column)


def of_one_type(values: Sequence[object]) -> bool:
    """Whether all are of the type of the first."""
    return _is_one(list(map(type, values)))


def decode_all(decode: Callable[[str | bytes | memoryview], ValueT], messages: Sequence[str | bytes]) -> list[ValueT]:
    """What `decode` makes of each. Raises what it raises.

    Compiled it is shown the bytes of a text that is in `Messages`, where they lie.
    """
    return list(map(decode, messages))


def total_length(messages: Sequence[str | bytes]) -> int:
    """How long they are together: characters and bytes."""
    return sum(map(len, messages))


def having(values: Sequence[ValueT], names: tuple[str, ...]) -> list[ValueT]:
    """Those of which at least one of these is true."""
    columns = columns_of(values, names)
    if not any(map(any, columns)):
        return []
    return list(itertools.compress(values, map(any, zip(*columns, strict=True))))


def rows_of(values: Sequence[object], names: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """What each value has by these names. A text that is as in the row before is the same object: rows are kept."""
    return list(zip(*map(_kept, columns_of(values, names)), strict=True))


def _kept(column: list[Any]) -> list[Any]:
    return list(itertools.accumulate(column, _same)) if any(map(operator.eq, column, column[1:])) else column


def _same(before: object, value: object) -> object:
    return before if isinstance(value, str) and value == before else value


def mark_times(times: dict[KeyT, float], values: Sequence[object], names: tuple[str, ...], at: float) -> None:
    """Set the time `at` for the key of each value in `times`: what it has by these names, a `KeyT`."""
    keys = cast("Iterable[KeyT]", zip(*columns_of(values, names), strict=True))
    times.update(zip(keys, itertools.repeat(at)))


def set_each(values: Sequence[object], name: str, parts: Iterable[object]) -> None:
    """Set what each value has by this name. Raises `ValueError` where there are more values than parts."""
    if len(list(map(setattr, values, itertools.repeat(name), parts))) < len(values):
        raise ValueError("fewer parts than values")
