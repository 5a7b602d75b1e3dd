"""Scripts out of journals, and scripts in files: one step a line, as JSON::

    {"transcript": 1}
    {"accept": true}
    {"expect": {"type": "subscribe", "id": "$id"}}
    {"send": {"type": "subscribe", "id": "$id", "code": 0}}
    # a comment
    {"wait": 2.5}
    {"close": 1012, "reason": "restart"}

A line names the step and what it is about, then its other fields: `subprotocol` of `accept`, `reason` and `retry_after` of
`refuse`, `reason` of `close`, `with` of `answer`, `body`, `status` and `retry_after` of `respond`. `accept`, `drop` and `gone`
are about nothing (`true`), `stall` may be (`null`). Bytes are `{"base64": ...}`.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, TypeVar, cast
from urllib.parse import urlsplit

import attrs
import cattrs
import msgspec

from ..core.effects import Close as Ending
from ..core.effects import Done, Fetch, SecretFrame
from ..core.http import Request, Response
from ..core.journal import Closed, Fulfil, Header, Opened, Receive, Record, replay
from ..core.journal import Step as Recorded
from ..core.journal_lines import read_journal
from ..core.secrets import revealed
from ..core.strict import strict_converter
from ..errors import JournalError, LocalProtocolError
from ..registry import load as load_provider
from .matching import is_secretive
from .steps import Accept, Answer, Close, Drop, Expect, Gone, Json, Mark, Refuse, Respond, Send, Stall, Step, Until, Wait

__all__ = ["from_journal", "load", "save"]

FORMAT: Final = 1
"""The version of this format, in the first line."""

_KINDS: Final[Mapping[str, type[Step]]] = {
    kind.__name__.lower(): kind
    for kind in (Accept, Refuse, Expect, Send, Answer, Respond, Wait, Until, Mark, Close, Drop, Stall, Gone)
}
PlainT = TypeVar("PlainT", bound=attrs.AttrsInstance)

_ABOUT_NOTHING: Final = (Accept, Drop, Gone)


def save(steps: Iterable[Step], path: str | os.PathLike[str]) -> None:
    """Write a script. Raises `OSError`, and `LocalProtocolError` where a function decides a step."""
    lines = [{"transcript": FORMAT}, *map(_line, steps)]
    with open(path, "wb") as file:
        file.writelines(_encode(line) + b"\n" for line in lines)


_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


def _line(step: Step) -> dict[str, object]:
    name = type(step).__name__.lower()
    fields = [(field, getattr(step, field.name)) for field in attrs.fields(type(step))]
    line: dict[str, object] = {name: True} if isinstance(step, _ABOUT_NOTHING) else {}
    for field, value in fields:
        if callable(value):
            raise LocalProtocolError(f"{type(step).__name__}: a function cannot be written to a file")
        if not line:
            line[name] = _written(value)
        elif value != field.default:
            # The message of an `Answer`; elsewhere a message is the first field.
            line["with" if field.name == "message" else field.name] = _written(value)
    return line


def _written(value: object) -> object:
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def load(path: str | os.PathLike[str]) -> tuple[list[Step], list[int]]:
    """The steps of a script, and the number of each one's line. Raises `OSError`, and `JournalError` naming the first line that
    is wrong."""
    steps: list[Step] = []
    numbers: list[int] = []
    begun = False
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip() or line.startswith("#"):
                continue
            try:
                fields = _object(json.loads(line, parse_float=Decimal))
                if begun:
                    steps.append(_step(fields))
                    numbers.append(number)
                elif fields != {"transcript": FORMAT}:
                    raise ValueError(f"not the head of a transcript in format {FORMAT}")
                begun = True
            except (ValueError, LocalProtocolError, RecursionError) as error:
                raise JournalError(number, str(error)) from None
    if not begun:
        raise JournalError(1, "the transcript is empty")
    return steps, numbers


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - a line is wrong, no argument's type
    return cast("dict[str, object]", value)


def _step(fields: dict[str, object]) -> Step:
    """Raises `ValueError`, `LocalProtocolError`."""
    name = next((name for name in fields if name in _KINDS), None)
    if name is None:
        raise ValueError(f"no step; there are: {', '.join(_KINDS)}")
    kind = _KINDS[name]
    about = fields.pop(name)
    if kind in _ABOUT_NOTHING:
        if about is not True:
            raise ValueError(f"{name} is about nothing: true")
    else:
        fields[attrs.fields(kind)[0].name] = about
    match kind.__name__, fields:
        case "Expect", {"message": message, **rest} if not rest:
            return Expect(_content(message))
        case "Send", {"message": message, **rest} if not rest:
            return Send(_content(message))
        case "Answer", {"to": to, "with": message, **rest} if not rest:
            return Answer(_content(to), _content(message))
        case "Respond", {"body": body, **rest}:
            return attrs.evolve(_respond(rest), body=_content(body))
        case "Respond", _:
            return _respond(fields)
        case "Expect" | "Send" | "Answer", _:
            raise ValueError(f"{name}: a field is missing, or there is none of this name")
        case _:
            return _plain(kind, fields)


@attrs.frozen
class _Head:
    """What a `Respond` has beside its message."""

    request: str
    status: int = 200
    retry_after: float | None = None


def _respond(fields: Mapping[str, object]) -> Respond:
    head = _plain(_Head, fields)
    return Respond(head.request, None, head.status, head.retry_after)


def _plain(kind: type[PlainT], fields: Mapping[str, object]) -> PlainT:
    """A step without a message."""
    # Digit by digit is for messages.
    numbers = {field: float(value) if isinstance(value, Decimal) else value for field, value in fields.items()}
    try:
        step: PlainT = _CONVERTER.structure(numbers, kind)
    except cattrs.BaseValidationError as error:
        raise ValueError("; ".join(cattrs.transform_error(error, format_exception=_explain))) from None
    return step


def _explain(error: BaseException, kind: type | None) -> str:
    return str(error) if isinstance(error, LocalProtocolError) else cattrs.v.format_exception(error, kind)


def _content(value: object) -> str | bytes | dict[str, Json] | list[Json]:
    match value:
        case {"base64": str(text)}:
            return base64.b64decode(text, validate=True)
        case str() | dict() | list():
            return cast("str | dict[str, Json] | list[Json]", value)
        case _:
            raise ValueError("a message is a text, an object or a list")


_CONVERTER: Final = strict_converter()

# Journals


def from_journal(path: str | os.PathLike[str]) -> list[Step]:
    """The steps of the peer that a journal tells of. Raises `OSError`, and `JournalError` naming the first line that is wrong."""
    with open(path, "rb") as file:
        recorded = list(replay(read_journal(file, load_provider)))
    steps: list[Step] = list(_responses(recorded))
    told: _Told | None = None
    for step in recorded:
        if isinstance(step.record, Header):
            told = _Told(step.record.prefix)
        elif told is not None:
            steps += told.steps(step)
    return steps


def _responses(recorded: Sequence[Recorded]) -> Iterator[Respond]:
    """What was answered by HTTP, in the order of the requests. It comes before all else: a request overtakes messages."""
    fulfilled = (step.record for step in recorded if isinstance(step.record, Fulfil))
    answers = {record.token: record.outcome.value for record in fulfilled if isinstance(record.outcome, Done)}
    for effect in (effect for step in recorded for effect in step.effects):
        if isinstance(effect, Fetch) and isinstance(effect.what, Request):
            answer = answers.get(effect.token)
            if isinstance(answer, Response):
                url = effect.what.url
                path = urlsplit(revealed(url)).path
                yield Respond(f"{effect.what.method} {path or '/'}", answer.body, answer.status)


class _Told:
    """What a journal has told so far. `prefix` is how the client's ids begin."""

    def __init__(self, prefix: str) -> None:
        self._id = re.compile(rf"{re.escape(prefix)}-([0-9]+)\Z")
        self._asked: set[str] = set()
        self._open = False
        self._now = 0.0

    def steps(self, step: Recorded) -> Iterator[Step]:
        """What one record, and what the client did about it, mean for its peer."""
        yield from self._said(step.record)
        self._now = getattr(step.record, "now", self._now)
        for effect in step.effects:
            if isinstance(effect, str):
                yield Expect(self._expected(effect))
            elif isinstance(effect, SecretFrame):
                yield Expect(self._expected(effect.shown))

    def _said(self, record: Record) -> Iterator[Step]:
        match record:
            case Opened(handshake):
                self._open = True
                yield Accept(handshake.subprotocol)
            case Receive(messages, now):
                yield from self._waited(now)
                yield from (Send(self._sent(message)) for message in messages)
            case Closed(close, now):
                yield from self._waited(now)
                yield self._ended(close)
                self._open = False
            case _:
                pass

    def _waited(self, now: float) -> Iterator[Step]:
        seconds = round(now - self._now, 6)
        if self._open and seconds > 0:
            yield Wait(seconds)

    def _ended(self, close: Ending) -> Step:
        if close.status is not None:
            return Refuse(close.status, close.reason, close.retry_after)
        if close.by == "us":
            return Gone()
        return Drop() if close.code is None else Close(close.code, close.reason)

    def _expected(self, frame: str) -> str | dict[str, Json] | list[Json]:
        value = _json_in(frame)
        return frame if value is None else cast("dict[str, Json]", self._named(value, asking=True))

    def _sent(self, message: str | bytes) -> str | bytes | dict[str, Json] | list[Json]:
        value = _json_in(message)
        named = None if value is None else self._named(value, asking=False)
        # What answers nobody stays as it came, to the letter.
        return message if named is None or named == self._escaped(value) else cast("dict[str, Json]", named)

    def _named(self, value: object, *, asking: bool) -> object:
        """The same with names in place of the client's ids, and of what it keeps to itself."""
        if isinstance(value, dict):
            fields = cast("dict[str, object]", value)
            return {
                field: "$_" if asking and is_secretive(field) else self._named(part, asking=asking)
                for field, part in fields.items()
            }
        if isinstance(value, list):
            return [self._named(part, asking=asking) for part in cast("list[object]", value)]
        if not isinstance(value, str):
            return value
        if asking and self._id.match(value):
            self._asked.add(value)
        found = self._id.match(value) if value in self._asked else None
        return f"$id{found[1]}" if found else self._escaped(value)

    def _escaped(self, value: object) -> object:
        if isinstance(value, dict):
            return {field: self._escaped(part) for field, part in cast("dict[str, object]", value).items()}
        if isinstance(value, list):
            return [self._escaped(part) for part in cast("list[object]", value)]
        return f"${value}" if isinstance(value, str) and value.startswith("$") else value


def _json_in(message: str | bytes) -> dict[str, object] | list[object] | None:
    """The object or list that a message is; None where it is neither."""
    try:
        value: object = json.loads(message, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, object] | list[object]", value) if isinstance(value, dict | list) else None
