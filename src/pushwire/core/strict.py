"""Values from JSON, strictly: nothing is converted that was written as something else.

For settings and journals, not for what a peer sends: that is decoded by its provider's models.
"""

from __future__ import annotations

import json
import math
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, NoReturn, TypeGuard

import cattrs

from .secrets import Secret

__all__ = ["INFINITIES", "is_named_tuple", "may_be_secret", "read_json", "strict_converter"]

INFINITIES: Final = {"inf": math.inf, "-inf": -math.inf}
"""How the numbers that JSON does not have are written."""


def read_json(text: str) -> object:
    """The value of a JSON text, which may hold no NaN. Raises `ValueError`."""
    try:
        value: object = json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def strict_converter() -> cattrs.Converter:
    """A converter that refuses unknown fields and the wrong kind of scalar. What it raises `cattrs.transform_error` can read."""
    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook(int, _whole)
    converter.register_structure_hook(bool, _flag)
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook(Secret, _secret)
    converter.register_structure_hook_func(may_be_secret, _secret_or_none)
    # cattrs' own says what the value is, with an exception that is no ValueError.
    converter.register_structure_hook_func(_is_literal, _one_of)

    def each(value: object, kinds: Sequence[Any]) -> tuple[object, ...]:
        if not _is_list(value) or len(value) != len(kinds):
            raise TypeError(f"not a list of {len(kinds)}")
        return tuple(converter.structure(part, kind) for part, kind in zip(value, kinds, strict=True))

    def plain(value: object, kind: object) -> tuple[object, ...]:
        kinds: list[object] = [*typing.get_args(kind)]
        if ... in kinds:
            if not _is_list(value):
                raise TypeError("not a list")
            kinds = kinds[:1] * len(value)
        return each(value, kinds)

    def named(value: object, kind: Callable[..., tuple[object, ...]]) -> tuple[object, ...]:
        return kind(*each(value, list(typing.get_type_hints(kind).values())))

    # Left alone, a text is a list of characters, and the fields of a named tuple are of no known type.
    converter.register_structure_hook_func(lambda kind: getattr(kind, "__origin__", None) is tuple, plain)
    converter.register_structure_hook_func(is_named_tuple, named)
    return converter


def is_named_tuple(kind: object) -> bool:
    return isinstance(kind, type) and typing.NamedTuple in getattr(kind, "__orig_bases__", ())


def may_be_secret(kind: object) -> bool:
    """Whether it is a secret or something else: a text, what gives a secret, nothing."""
    return typing.get_origin(kind) in {typing.Union, types.UnionType} and Secret in typing.get_args(kind)


def _is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


def _text(value: object, _: object) -> str:
    if type(value) is not str:
        raise TypeError("not a text")
    return value


def _whole(value: object, _: object) -> int:
    if type(value) is not int:
        raise TypeError("not a whole number")
    return value


def _flag(value: object, _: object) -> bool:
    if type(value) is not bool:
        raise TypeError("neither true nor false")
    return value


def _number(value: object, _: object) -> float:
    if isinstance(value, str) and value in INFINITIES:
        return INFINITIES[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        # JSON's 1e999
        raise ValueError("a number without bounds")
    return number


def _is_literal(kind: object) -> bool:
    origin: object = typing.get_origin(kind)
    return origin is Literal


def _one_of(value: object, kind: object) -> object:
    listed: tuple[object, ...] = typing.get_args(kind)
    if not any(type(value) is type(known) and value == known for known in listed):
        raise ValueError(f"must be {' or '.join(map(str, listed))}")
    return value


def _secret(value: object, kind: object) -> Secret:
    return Secret(_text(value, kind))


def _secret_or_none(value: object, kind: object) -> Secret | None:
    """Of what may be a secret, JSON can only hold that; None where it fits."""
    return None if value is None and type(None) in typing.get_args(kind) else _secret(value, kind)
