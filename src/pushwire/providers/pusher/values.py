"""JSON that means whatever its sender meant: decoded without floats, or left as the text it came as.

Data of events is usually JSON inside a JSON string, but may be an object, plain text, or absent (providers/pusher.md, 1).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, TypeAlias, TypeVar

import msgspec

from ...core.values import exact

__all__ = ["FAULTS", "Json", "content", "inner", "parsed", "read"]

Json: TypeAlias = dict[str, "Json"] | list["Json"] | str | int | Decimal | bool | None
"""A decoded JSON value. Numbers that are not whole are exact `Decimal`s."""

ValueT = TypeVar("ValueT")

FAULTS: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoding the text of a peer can raise."""


def _number(text: str) -> Decimal:
    return exact(msgspec.Raw(text.encode()))


_decode_any: Final = msgspec.json.Decoder(float_hook=_number).decode
_decode_text: Final = msgspec.json.Decoder(str).decode


def inner(data: msgspec.Raw) -> str | bytes:
    """The JSON of a message's data, out of the string it usually comes in; empty where there is none. Raises one of `FAULTS`."""
    raw = bytes(data)
    if raw.startswith(b'"'):
        return _decode_text(raw)
    return b"" if raw == b"null" else raw


def read(data: msgspec.Raw, decoder: msgspec.json.Decoder[ValueT]) -> ValueT:
    """The typed value of a message's data. No data is an empty object. Raises one of `FAULTS`."""
    return decoder.decode(inner(data) or b"{}")


def parsed(text: str | bytes) -> Json:
    """The value of a JSON text. Raises one of `FAULTS`, also for a number without bounds."""
    value: Json = _decode_any(text)
    return value


def content(data: msgspec.Raw) -> Json:
    """The data of an event: decoded where it is JSON, else the text itself. Raises one of `FAULTS` where it is neither."""
    text = inner(data)
    if isinstance(text, bytes):
        return parsed(text) if text else None
    try:
        return parsed(text)
    except FAULTS:
        return text
