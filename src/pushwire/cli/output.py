"""What commands print: an event as a line, JSON or plain, and lines on standard output.

Peers write part of what is shown here: no character of theirs that a terminal would obey, or that ends a line, comes through.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, cast

import attrs
import cattrs
import msgspec
import trio
from cattrs.cols import is_namedtuple

from ..core.events import Gap, Stale
from ..core.secrets import PLACEHOLDER, Secret

__all__ = ["Line", "Output", "as_json", "as_text", "describe", "encode"]

OBEYED: Final = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Beyond what JSON escapes: the other control characters, line ends, and what changes the direction of text."""

DEEP: Final = 2
"""Parts within parts that a plain line shows; --json shows all."""

LONG: Final = 200
"""Characters of a value on a plain line; --json shows all."""


@attrs.frozen
class Line:
    """One event as it is shown. `at` is ISO 8601 in UTC; `data` is JSON, amounts of money in it are strings."""

    provider: str
    event: str
    at: str
    data: Mapping[str, object]


def describe(provider: str, event: object, wall_of: Callable[[float], float]) -> Line:
    """`event` as a line. `wall_of` turns seconds on the event's clock into POSIX seconds."""
    data: dict[str, object] = _converter().unstructure(event)
    kind = type(event)
    if kind is Stale:
        _rewrite(data, ("since",), wall_of)
    elif kind is Gap:
        _rewrite(data, ("since", "until"), lambda posix: posix)
    at = data.pop("received")
    return Line(provider, _name(kind.__name__), moment(wall_of(at) if isinstance(at, float | int) else 0.0), data)


def _rewrite(data: dict[str, object], names: Sequence[str], wall_of: Callable[[float], float]) -> None:
    for name in names:
        at = data[name]
        if isinstance(at, float | int):
            data[name] = moment(wall_of(at))


def moment(posix: float) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    try:
        shown = datetime.fromtimestamp(posix, UTC)
    except (ValueError, OverflowError, OSError):
        return str(posix)
    return shown.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def as_json(line: Line) -> str:
    """One JSON object, without a line end."""
    return encode({"provider": line.provider, "event": line.event, "at": line.at, "data": line.data})


def encode(value: Mapping[str, object]) -> str:
    """JSON in which nothing is left that a terminal would obey."""
    return OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", msgspec.json.encode(value).decode())


def as_text(line: Line) -> str:
    """For people: the fields that are single values, those of a part as `part.name`; of lists their length."""
    fields = (f"{name}={_shown(value)}" for name, value in _flat(line.data) if value not in (None, ""))
    return " ".join((line.at, line.provider, line.event, *fields))


def _flat(data: Mapping[str, object], prefix: str = "", depth: int = DEEP) -> Iterator[tuple[str, object]]:
    # What a message holds need not be read a second time, as it came.
    decoded = any(isinstance(value, Mapping) for value in data.values())
    for name, value in data.items():
        # Names of a part may be the peer's.
        shown = prefix + _shown(name)
        if not isinstance(value, Mapping):
            if name != "raw" or not decoded:
                yield shown, value
        elif depth:
            yield from _flat(cast("Mapping[str, object]", value), f"{shown}.", depth - 1)


def _shown(value: object) -> str:
    if isinstance(value, Sized) and not isinstance(value, str):
        return f"[{len(value)}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if len(text) > LONG:
        text = f"{text[:LONG]}…"
    if text and text.isprintable() and not any(character in ' "=' for character in text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in escaped) + '"'


# Events as data


@functools.cache
def _name(event: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event).lower()


@functools.cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    # By what a value is, not by what its field is said to hold: some types name others that only a type checker finds.
    converter.register_unstructure_hook_func(attrs.has, functools.partial(_fields, converter))
    converter.register_unstructure_hook_func(_is_struct, functools.partial(_struct, converter))
    converter.register_unstructure_hook_func(is_namedtuple, lambda row: converter.unstructure(row._asdict()))
    converter.register_unstructure_hook(Decimal, str)
    converter.register_unstructure_hook(Secret, lambda _: PLACEHOLDER)
    converter.register_unstructure_hook(bytes, lambda raw: raw.decode(errors="backslashreplace"))
    return converter


def _fields(converter: cattrs.Converter, value: attrs.AttrsInstance) -> dict[str, object]:
    return {field.name: converter.unstructure(getattr(value, field.name)) for field in attrs.fields(type(value))}


def _is_struct(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _struct(converter: cattrs.Converter, value: msgspec.Struct) -> dict[str, object]:
    """The fields that say something, by their Python names; a number that came as text (`raw_...`) stays that text."""
    fields = ((name, getattr(value, name)) for name in value.__struct_fields__)
    return {name.removeprefix("raw_"): converter.unstructure(field) for name, field in fields if field is not None}


# Standard output


class Output:
    """Standard output, written past Python's buffers. Raises `OSError` when there is none."""

    def __init__(self) -> None:
        if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison] - so it is where file descriptor 1 was closed
            raise OSError("there is no standard output")
        self._descriptor = sys.stdout.fileno()

    async def write(self, lines: Iterable[str]) -> None:
        """Write whole lines; they have left the process when this returns.

        A reader who does not read holds up its caller alone, not the event loop. Raises `OSError`, `BrokenPipeError` among them.
        """
        data = "".join(f"{line}\n" for line in lines).encode(errors="backslashreplace")
        if data:
            # Given up, when cancelled, with the thread still in it: nothing else would end a write that nobody reads.
            await trio.to_thread.run_sync(_write_all, self._descriptor, data, abandon_on_cancel=True)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
