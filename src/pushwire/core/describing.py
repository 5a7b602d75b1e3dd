"""Events as data, in the form that people and programs read: for lines, logs, and whoever hands events on.

Peers write part of what is shown here: no character of theirs that a terminal would obey, or that ends a line, comes through.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, cast

import attrs
import cattrs
import msgspec
from cattrs.cols import is_namedtuple

from .events import Gap, Stale
from .secrets import PLACEHOLDER, Secret

__all__ = ["Line", "describe", "duration", "encode", "kind_of", "moment"]

OBEYED: Final = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Beyond what JSON escapes: the other control characters, line ends, and what changes the direction of text."""

TOO_DEEP: Final = "(nested too deep to be shown)"

LONG: Final = 1e11
"""Seconds of a span that nobody wants in days: three thousand years."""


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
    if "arrival" in data:
        # As it is read, beside what the provider says: the identity is one value.
        arrival = cast("dict[str, object]", data.pop("arrival"))
        data["identity"] = {name: arrival.pop(name) for name in ("key", "version")}
        data |= arrival
    at = data.pop("received")
    return Line(provider, kind_of(kind), moment(wall_of(at) if isinstance(at, float | int) else 0.0), data)


def _rewrite(data: dict[str, object], names: Sequence[str], wall_of: Callable[[float], float]) -> None:
    for name in names:
        data[name] = moment(wall_of(cast(float, data[name])))


def moment(posix: float) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    try:
        shown = datetime.fromtimestamp(posix, UTC)
    except (ValueError, OverflowError, OSError):
        return str(posix)
    return shown.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def duration(seconds: float) -> str:
    """A span of time in the unit that suits it: `87 µs`, `12.5 ms`, `3.2 s`, `2 min 5 s`, `3 h 20 min`, `4 d 1 h`."""
    sign, size = ("-" if seconds < 0 else ""), abs(seconds)
    if not size < LONG:
        return f"{seconds:g} s"
    if size < 5e-7:
        return "0 s"
    # No unit is left a number that would be rounded to one of the next.
    for below, of, unit in ((0.9995e-3, 1e-6, "µs"), (0.9995, 1e-3, "ms"), (59.95, 1.0, "s")):
        if size < below:
            return f"{sign}{size / of:.3g} {unit}"
    if round(size) < 3_600:
        (whole, part), units = divmod(round(size), 60), ("min", "s")
    elif round(size / 60) < 1_440:
        (whole, part), units = divmod(round(size / 60), 60), ("h", "min")
    else:
        (whole, part), units = divmod(round(size / 3_600), 24), ("d", "h")
    return f"{sign}{whole} {units[0]}" + (f" {part} {units[1]}" if part else "")


def encode(value: Mapping[str, object]) -> str:
    """JSON in which nothing is left that a terminal would obey."""
    return OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", msgspec.json.encode(value).decode())


def kind_of(event: type) -> str:
    """The kind of event that a type is, as it is shown: `price_change`."""
    return _spelled(event.__name__)


@functools.cache
def _spelled(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


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
    return _plain(converter, [(field.name, getattr(value, field.name)) for field in attrs.fields(type(value))])


def _is_struct(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _struct(converter: cattrs.Converter, value: msgspec.Struct) -> dict[str, object]:
    """The fields that say something, by their Python names; a number that came as text (`raw_...`) stays that text."""
    fields = [(name, getattr(value, name)) for name in value.__struct_fields__]
    return _plain(converter, [(name.removeprefix("raw_"), field) for name, field in fields if field is not None])


def _plain(converter: cattrs.Converter, fields: Sequence[tuple[str, object]]) -> dict[str, object]:
    try:
        return {name: converter.unstructure(field) for name, field in fields}
    except RecursionError:
        return {name: _nested(converter, field) for name, field in fields}


def _nested(converter: cattrs.Converter, field: object) -> object:
    """JSON may be nested deeper than functions of Python may call each other: such a field stays JSON."""
    with contextlib.suppress(RecursionError):
        return converter.unstructure(field)
    with contextlib.suppress(RecursionError):
        return msgspec.Raw(msgspec.json.encode(field))
    return TOO_DEEP
