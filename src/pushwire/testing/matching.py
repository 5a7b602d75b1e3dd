"""Whether a message is the one a script expects, where it differs, and how it is shown without its secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeGuard, cast

import msgspec

from ..core.secrets import PLACEHOLDER, Redactor, Secret

if TYPE_CHECKING:
    from .steps import Expected, Json, Message

__all__ = ["Veil", "differences", "is_secretive", "outgoing"]

ANYTHING: Final = "_"
"""The name that is given to nothing."""

LONGEST: Final = 600
"""Characters of a message that are shown."""

_SECRETIVE: Final = re.compile(
    r"secret|token|passw|passphrase|api_?key|^key$|auth$|authori[sz]ation|signature|^sig$|credential|jwt|private", re.IGNORECASE
)
"""Names of fields whose values are not shown."""


def differences(expected: Expected, came: str | bytes, names: dict[str, object]) -> list[tuple[str, str, object]]:
    """Where a message is another than expected: the place, what was expected there, and what came. `names` learns what the
    expected one names, where there is no difference.

    >>> differences({"type": "ping", "id": "$id"}, '{"type":"ping","id":"7","time":1}', {})
    []
    >>> differences({"type": "ping"}, '{"type":"pong"}', {})
    [('type', '"ping"', 'pong')]
    """
    if callable(expected):
        return [] if expected(came) else [("", "what the function accepts", came)]
    if isinstance(expected, str | bytes):
        return [] if _same_text(expected, came) else [("", _json(expected), came)]
    try:
        value: object = _read(came)
    except (ValueError, RecursionError):
        return [("", "JSON", came)]
    learned = dict(names)
    found = list(_differ(expected, value, learned, ""))
    if not found:
        names.update(learned)
    return found


def _differ(expected: Json, value: object, names: dict[str, object], at: str) -> Iterator[tuple[str, str, object]]:
    if isinstance(expected, str):
        name = _name(expected)
        if name is None:
            if not (isinstance(value, str) and _same_text(_plain(expected), value)):
                yield at, _json(expected), value
        elif name != ANYTHING and not _same(names.setdefault(name, value), value):
            yield at, f"{_json(names[name])} ({expected})", value
    elif isinstance(expected, Mapping):
        yield from _differ_inside(expected, _unquoted(value), names, at)
    elif isinstance(expected, Sequence):
        rows = _unquoted(value)
        if not isinstance(rows, list):
            yield at, "a list", value
        elif len(cast("list[object]", rows)) != len(expected):
            yield at, f"a list of {len(expected)}", value
        else:
            for number, (wanted, row) in enumerate(zip(expected, cast("list[object]", rows), strict=True)):
                yield from _differ(wanted, row, names, f"{at}[{number}]")
    elif not _same(expected, value):
        yield at, _json(expected), value


def _differ_inside(
    expected: Mapping[str, Json], value: object, names: dict[str, object], at: str
) -> Iterator[tuple[str, str, object]]:
    if not _is_object(value):
        yield at, "an object", value
        return
    for field, wanted in expected.items():
        place = f"{at}.{field}" if at else field
        if field in value:
            yield from _differ(wanted, value[field], names, place)
        else:
            yield place, _json(wanted), "nothing"


def _is_object(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)


def _name(text: str) -> str | None:
    return text[1:] if text.startswith("$") and not text.startswith("$$") and len(text) > 1 else None


def _plain(text: str) -> str:
    return text[1:] if text.startswith("$$") else text


def _same(one: object, other: object) -> bool:
    """Numbers by their value, however they are written; true is no number."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, float):
        one = Decimal(repr(one))
    return one == other


def _same_text(expected: str | bytes, came: str | bytes) -> bool:
    if isinstance(expected, str) and isinstance(came, str) and PLACEHOLDER in expected:
        return re.fullmatch(".*".join(map(re.escape, expected.split(PLACEHOLDER))), came, re.DOTALL) is not None
    return expected == came


def _unquoted(value: object) -> object:
    """What is in JSON that stands in a text, as some providers have it."""
    if isinstance(value, str):
        try:
            return _read(value)
        except (ValueError, RecursionError):
            return value
    return value


def _read(text: str | bytes) -> object:
    value: object = json.loads(text, parse_float=Decimal)
    return value


# What is sent


def _filled(message: Json, names: Mapping[str, object]) -> object:
    """The same with what is named in place of its names. Raises `KeyError` for a name of nothing."""
    if isinstance(message, str):
        name = _name(message)
        return _plain(message) if name is None else names[name]
    if isinstance(message, Mapping):
        return {field: _filled(value, names) for field, value in message.items()}
    if isinstance(message, Sequence):
        return [_filled(value, names) for value in message]
    return message


def outgoing(message: Message, names: Mapping[str, object], last: str | bytes) -> str | bytes:
    """A message as it leaves. Raises `KeyError` for a name of nothing."""
    if callable(message):
        return message(last)
    if isinstance(message, str | bytes):
        return message
    return _encode(_filled(message, names)).decode()


_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


def _json(value: object) -> str:
    return json.dumps(value, default=str)


# What is shown


def is_secretive(field: str) -> bool:
    """Whether the name of a field tells of a secret."""
    return _SECRETIVE.search(field) is not None


class Veil:
    """Shows messages without their secrets: those it is told, and whatever stands in a field whose name tells of one."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        self._secrets = list(secrets)
        self._redact = Redactor(self._secrets)

    def learn(self, values: Iterable[str]) -> None:
        """These are secret as well."""
        self._secrets += (Secret(value) for value in values if value)
        self._redact = Redactor(self._secrets)

    def __call__(self, message: object) -> str:
        """A message, or a part of one, in one line."""
        if callable(message):
            text = getattr(message, "__name__", "a function")
        elif isinstance(message, bytes):
            text = repr(self._redact(message.decode(errors="backslashreplace")))
        else:
            text = self._redact(_shown(message))
        return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text)} characters)"

    def difference(self, at: str, expected: str, came: object) -> str:
        """Where a message differs, in one line."""
        field = at.rpartition(".")[2]
        if is_secretive(field):
            return f"{at}: another was expected"
        return f"{at or 'the message'}: {self._redact(expected)} was expected, {self(came)} came"


def _shown(message: object) -> str:
    if isinstance(message, str):
        value = _unquoted(message)
        # What is no object or list is shown as it came.
        return message if _is_scalar(value) else _json(_veiled(value))
    return _json(_veiled(message))


def _is_scalar(value: object) -> bool:
    return not isinstance(value, dict | list)


def _veiled(value: object) -> object:
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, object]", value)
        return {name: PLACEHOLDER if is_secretive(name) else _veiled(part) for name, part in fields.items()}
    if isinstance(value, list | tuple):
        return [_veiled(part) for part in cast("Sequence[object]", value)]
    if isinstance(value, str):
        inner = _unquoted(value)
        return value if _is_scalar(inner) else _json(_veiled(inner))
    return value
