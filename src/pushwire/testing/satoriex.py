"""Builders for SatoriEx: the messages it pushes, the events a stream makes of them, and the replies of its REST calls.

The document shows no fields (seeds/004…): those given are those there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from ..core.http import Response
from ..providers.satoriex import EVENTS, Message
from ..providers.satoriex.messages import build
from ..providers.satoriex.values import decode

__all__ = ["MARKET_ID", "event", "push", "refusal", "reply"]

Json: TypeAlias = "dict[str, Json] | list[Json] | str | float | bool | None"

MARKET_ID: Final = "mkt_abc123"
"""The document's sample market."""


def push(name: str, *, wrapped: bool = False, **fields: Json) -> str:
    """The message of an event called `name`; `wrapped` in `payload`, as the document's prose has it.

    >>> push("price_update", market_id="mkt_abc123", mid=4200)
    '{"type":"price_update","market_id":"mkt_abc123","mid":4200}'
    """
    return _message(name, fields, wrapped=wrapped)


def event(name: str, *, received: float = 0.0, **fields: Json) -> Message:
    """The event a stream makes of `push(name, **fields)`. Raises `KeyError` for a name that is not documented."""
    return build(EVENTS[name], decode(_message(name, fields)), received)


def _message(name: str, fields: Mapping[str, Json], *, wrapped: bool = False) -> str:
    body: dict[str, Json] = {"type": name, **fields}
    return msgspec.json.encode({"payload": body} if wrapped else body).decode()


def reply(data: Json = None, *, status: int = 200) -> Response:
    """A successful reply of a REST call."""
    return Response(status, body=msgspec.json.encode({"code": 0, "msg": "ok", "data": data}))


def refusal(code: int, msg: str = "refused", *, status: int = 400, **more: Json) -> Response:
    """A refusal of a REST call; `trace_id`, where one is given, comes with it."""
    envelope: Mapping[str, Json] = {"code": code, "msg": msg, "data": None, **more}
    return Response(status, body=msgspec.json.encode(envelope))
