"""The steps of a script for a peer (`scripted`), as values. What they do is said here, and done in `script_machine`.

What is expected and sent may be a text or bytes, then it is meant exactly; or JSON, given as Python has it. Of a JSON object that
is expected only the named fields count, at any depth. A text in it that begins with `$` names what stands there: `"$id"` stands
for anything at first, and from then on for the same; in what is sent it is replaced by it. `"$_"` is anything each time, `"$$x"`
the text `$x`. A text with `***` in it, as journals have where a secret was, stands for any with the same beginning and end. Where
even that is too exact, a function decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final, TypeAlias

import attrs

from ..errors import LocalProtocolError

__all__ = [
    "Accept",
    "Answer",
    "Close",
    "Drop",
    "Expect",
    "Expected",
    "Gone",
    "Json",
    "Mark",
    "Message",
    "Refuse",
    "Respond",
    "Send",
    "Stall",
    "Step",
    "Until",
    "Wait",
]

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | float | Decimal | bool | None"
Message: TypeAlias = "str | bytes | Mapping[str, Json] | Sequence[Json] | Callable[[str | bytes], str | bytes]"
"""What is sent. A function is given the last message that came, or the body of the HTTP request that it answers."""
Expected: TypeAlias = "str | bytes | Mapping[str, Json] | Sequence[Json] | Callable[[str | bytes], bool]"
"""What is expected. A function is given the message that came, and says whether it is the one."""


def _seconds(instance: object, attribute: attrs.Attribute[float], value: float) -> None:
    if not 0 <= value < math.inf:
        raise LocalProtocolError(f"{type(instance).__name__}: {attribute.name} must be a number of seconds")


def _method_and_path(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    method, _, path = value.partition(" ")
    if not method.isupper() or not path.startswith("/") or "?" in path:
        raise LocalProtocolError('Respond: request must be a method and a path without a query, as "POST /token"')


_seconds_or_none: Final = attrs.validators.optional(_seconds)


@attrs.frozen
class Step:
    """One step of a script."""


@attrs.frozen
class Accept(Step):
    """Wait for the client to dial, and let it in."""

    subprotocol: str | None = None


@attrs.frozen
class Refuse(Step):
    """Wait for the client to dial, and refuse it with an HTTP status; `retry_after` (seconds) becomes the header of that name."""

    status: int = 503
    reason: str = ""
    retry_after: float | None = attrs.field(default=None, validator=_seconds_or_none)


@attrs.frozen
class Expect(Step):
    """Wait for the client's next message, which must be this one."""

    message: Expected


@attrs.frozen
class Send(Step):
    """Send a message."""

    message: Message


@attrs.frozen
class Answer(Step):
    """From here on, whenever a message of the client is as `to`, send `message`; the script does not see such a message: for
    heartbeats. What `to` names is known to `message` alone."""

    to: Expected
    message: Message


@attrs.frozen
class Respond(Step):
    """From here on, whenever the client asks by HTTP for `request` (`"POST /token"`: method and path, whatever the query), answer
    with this; `retry_after` (seconds) becomes the header of that name, in whole ones. Of several for one request each is given
    once, in order, and the last again and again. What none is for is answered with 404."""

    request: str = attrs.field(validator=_method_and_path)
    body: Message | None = None
    status: int = 200
    retry_after: float | None = attrs.field(default=None, validator=_seconds_or_none)


@attrs.frozen
class Wait(Step):
    """Do nothing for so long. A client that dials meanwhile, while none is connected, is refused with 503."""

    seconds: float = attrs.field(validator=_seconds)


@attrs.frozen
class Until(Step):
    """Wait until the test says `allow(name)`; else as `Wait`."""

    name: str


@attrs.frozen
class Mark(Step):
    """Tell the test, which waits for it with `reached(name)`."""

    name: str


@attrs.frozen
class Close(Step):
    """Close the connection in good order."""

    code: int = 1000
    reason: str = ""


@attrs.frozen
class Drop(Step):
    """Drop the connection, behind what was sent, without a close frame; where none is open, the next attempt at one."""


@attrs.frozen
class Stall(Step):
    """Nothing is read, so that nothing is answered, not even a ping, for so many seconds; None: until the client has gone."""

    seconds: float | None = attrs.field(default=None, validator=_seconds_or_none)


@attrs.frozen
class Gone(Step):
    """Wait until the client has gone."""
