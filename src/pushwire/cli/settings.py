"""`--set KEY=VALUE`, for a provider's config and for a sandbox's settings. All that is wrong is collected and said at once."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

import attrs
import msgspec

from ..core.secrets import Secret
from ..errors import ConfigError, LocalProtocolError

__all__ = ["collect", "holds_secrets", "read_fields", "read_pairs", "spelled"]

T = TypeVar("T")

SPELLED: Final[Mapping[object, str]] = {
    bool: "true or false",
    float: "a number",
    int: "a whole number",
    str: "text",
    type(None): "none",
}


def collect(problems: list[str], make: Callable[..., T], *args: object, **fields: object) -> T | None:
    """What `make` gives; None where it refuses its arguments, for reasons that are added to `problems`."""
    try:
        return make(*args, **fields)
    except LocalProtocolError as error:
        problems += error.problems if isinstance(error, ConfigError) else [str(error)]
        return None


def read_pairs(pairs: Sequence[str], problems: list[str]) -> dict[str, str]:
    """`KEY=VALUE` each. What is wrong is added to `problems`, but no value: it may be a secret in the wrong place."""
    values: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        key = key.strip()
        if not equals or not key:
            problems.append("--set needs KEY=VALUE")
        elif key in values:
            problems.append(f"{key}: is set twice")
        else:
            values[key] = value
    return values


def read_fields(
    kind: type[attrs.AttrsInstance],
    values: Mapping[str, str],
    problems: list[str],
    *,
    elsewhere: Mapping[str, str] | None = None,
    prefix: str = "",
) -> dict[str, object]:
    """The keyword arguments for `kind` that `values` name; what is wrong is added to `problems`.

    A field of a nested attrs class is named `field.part`. `elsewhere` says of fields that cannot be set so where they come from;
    those that hold secrets never can.
    """
    types = typing.get_type_hints(kind)
    known = {field.alias or field.name: field for field in attrs.fields(kind)}
    secret = [name for name, field in known.items() if holds_secrets(types[field.name])]
    elsewhere = {**dict.fromkeys(secret, "holds secrets, which are never an argument"), **(elsewhere or {})}
    read: dict[str, object] = {}
    nested: dict[str, dict[str, str]] = {}
    for key, value in values.items():
        head, dot, rest = key.partition(".")
        hint: object = types[known[head].name] if head in known else None
        if head in elsewhere:
            problems.append(f"{prefix}{head}: {elsewhere[head]}")
        elif hint is None or bool(dot) is not _is_attrs(hint):
            there_are = _names({name: types[field.name] for name, field in known.items()}, elsewhere, prefix)
            problems.append(f"{prefix}{key}: there is no such setting; there are: {', '.join(there_are)}")
        elif dot:
            nested.setdefault(head, {})[rest] = value
        else:
            _read_field(prefix + key, key, hint, value, read, problems)
    for head, parts in nested.items():
        part = types[head]
        read[head] = part(**read_fields(part, parts, problems, prefix=f"{prefix}{head}."))
    return read


def _names(known: Mapping[str, object], elsewhere: Iterable[str], prefix: str) -> list[str]:
    """The settings there are, those of a nested class by their parts."""
    names: list[str] = []
    for name, hint in known.items():
        if isinstance(hint, type) and attrs.has(hint):
            names += (f"{prefix}{name}.{field.alias or field.name}" for field in attrs.fields(hint))
        elif name not in elsewhere:
            names.append(prefix + name)
    return names


def _is_attrs(hint: object) -> bool:
    return isinstance(hint, type) and attrs.has(hint)


def _read_field(shown: str, key: str, hint: object, value: str, read: dict[str, object], problems: list[str]) -> None:
    try:
        if value.lower() == "none" and type(None) in typing.get_args(hint):
            read[key] = None
        elif _is_collection(hint):
            read[key] = msgspec.json.decode(value, type=hint)
        else:
            read[key] = msgspec.convert(value, hint, strict=False)
    except (msgspec.MsgspecError, ValueError, TypeError):
        problems.append(f"{shown}: must be {spelled(hint)}")


def _is_collection(hint: object) -> bool:
    origins = {typing.get_origin(part) for part in (hint, *typing.get_args(hint))}
    return any(isinstance(origin, type) and issubclass(origin, Mapping | Sequence) for origin in origins)


def spelled(hint: object) -> str:
    """How a value of this type is written, for people."""
    if typing.get_origin(hint) is typing.Literal:
        return " or ".join(map(str, typing.get_args(hint)))
    if _is_collection(hint):
        return "JSON of the right shape"
    return SPELLED.get(hint) or " or ".join(map(spelled, typing.get_args(hint)))


def holds_secrets(hint: object) -> bool:
    return hint is Secret or any(map(holds_secrets, typing.get_args(hint)))
