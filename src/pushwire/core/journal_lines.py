"""A journal as lines of text: one JSON object a line, the header first. Here is what a line holds, and how lines are read.

An input is named after its method (`{"input": "receive", "now": 1.5, "messages": [...]}`). Texts are texts, binary messages and
payloads `{"base64": ...}`, infinities "inf"; a line holds no line end, and no secret that was known when it was written.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Literal, cast

import attrs
import cattrs

from ..errors import JournalError, PushwireError, StoreError
from .assembled import Acked
from .commands import AnyCommand, Finish, Hydrate, Leave, Park
from .effects import Committed, Done, Failed, Held, Identity, Loaded, Outcome, Restored, Scalar, Ticket, Token
from .holds import HoldLimits
from .http import Response
from .journal import (
    Abandon,
    Closed,
    Foreign,
    Fulfil,
    HandleTimer,
    Header,
    Heard,
    Input,
    Opened,
    Pong,
    Reading,
    Receive,
    Record,
    RecordedError,
    Start,
    Stop,
    Submit,
    Truncated,
)
from .ledger import Key
from .provider import Provider
from .secrets import Secret
from .strict import read_json, strict_converter

__all__ = ["CORE_COMMANDS", "FORMAT", "INPUTS", "RestoredLine", "read_journal"]

FORMAT: Final = 1
"""The version of this format, in every header."""

INPUTS: Final[Mapping[str, type[Input]]] = {
    "start": Start,
    "opened": Opened,
    "receive": Receive,
    "heard": Heard,
    "pong": Pong,
    "closed": Closed,
    "reading": Reading,
    "submit": Submit,
    "abandon": Abandon,
    "fulfil": Fulfil,
    "stop": Stop,
    "handle_timer": HandleTimer,
}
"""Inputs not named below have the fields of their record."""

CORE_COMMANDS: Final[Mapping[str, type[AnyCommand]]] = {
    "Finish": Finish,
    "Hydrate": Hydrate,
    "Leave": Leave,
    "Park": Park,
    "Foreign": Foreign,
}
"""Commands beside those of the provider."""


@attrs.frozen
class HeaderLine:
    """A `Header`."""

    journal: int
    library: str
    provider: str
    config: dict[str, Any]  # as the provider's config has it
    seed: int
    prefix: str
    restored: RestoredLine
    hold: int | None = None
    receipts: HoldLimits | None = None


@attrs.frozen
class RestoredLine:
    """A `Restored`, whose mappings have keys that JSON cannot have."""

    finished: tuple[tuple[Identity, float], ...]
    delivered: tuple[tuple[Identity, float], ...]
    mark: float | None
    held: tuple[tuple[Identity, Held], ...] = ()


@attrs.frozen
class LeaveLine:
    """The fields of a `Leave`, with those of the command it takes back."""

    command: str
    fields: dict[str, Any]  # as the command has them
    ticket: Ticket | None = None


@attrs.frozen
class SubmitLine:
    """A `Submit`."""

    command: str
    fields: dict[str, Any]  # as the command has them
    now: float


@attrs.frozen
class ResponseLine:
    """A `Response`, its headers and the texts in its body left out."""

    status: int
    body: str


@attrs.frozen
class FulfilLine:
    """A `Fulfil`: exactly one of `committed`, `credential`, `response`, `loaded`, `value` (a caller's own, by its type) and
    `failed`."""

    token: Token
    now: float
    committed: tuple[tuple[Ticket, ErrorLine], ...] | None = None
    credential: str | None = None
    response: ResponseLine | None = None
    loaded: tuple[tuple[Identity, str], ...] | None = None
    value: str | None = None
    failed: ErrorLine | None = None


@attrs.frozen
class ErrorLine:
    """An exception; `outcome` is that of a `StoreError`."""

    type: str
    text: str
    outcome: Literal["not_stored", "unknown"] | None = None


def read_journal(lines: Iterable[bytes], load: Callable[[str], Provider]) -> Iterator[Record]:
    """The records of a journal; the first is its `Header`. `load` finds a provider by its name (`providers.load`).

    A last line that is cut short ends them with `Truncated`; all else that is wrong raises `JournalError`. `lines` are those of a
    file opened as binary, their ends included.
    """
    header: Header | None = None
    number = 1
    for number, (line, last) in enumerate(_marked(lines), 1):
        try:
            fields = _fields(line)
        except ValueError as error:
            if header is None or not last or line.endswith(b"\n"):
                raise JournalError(number, str(error)) from None
            yield Truncated()
            return
        try:
            record: Header | Input
            if header is None:
                record = header = _header(fields, load)
            else:
                record = _input(fields, header.provider)
        except cattrs.BaseValidationError as error:
            raise JournalError(number, "; ".join(cattrs.transform_error(error, format_exception=_explain))) from None
        except (PushwireError, ValueError) as error:
            raise JournalError(number, str(error)) from None
        yield record
    if header is None:
        raise JournalError(number, "the journal is empty")


def _marked(lines: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each line, and whether it is the last."""
    waiting: bytes | None = None
    for line in lines:
        if waiting is not None:
            yield waiting, False
        waiting = line
    if waiting is not None:
        yield waiting, True


def _fields(line: bytes) -> dict[str, object]:
    try:
        value = read_json(line.decode())
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - a line is wrong, no argument's type
    return cast("dict[str, object]", value)


def _explain(error: BaseException, kind: type | None) -> str:
    return str(error) if isinstance(error, PushwireError) else cattrs.v.format_exception(error, kind)


def _header(fields: dict[str, object], load: Callable[[str], Provider]) -> Header:
    if fields.get("journal") != FORMAT:
        raise ValueError(f"not the header of a journal in format {FORMAT}")
    line = _CONVERTER.structure(fields, HeaderLine)
    provider = load(line.provider)
    config = _CONVERTER.structure(line.config, provider.config)
    if line.receipts is not None and not isinstance(config, Acked):
        raise ValueError(f"receipts: {provider.name} wants no ACKs")
    rows = line.restored
    restored = Restored(dict(rows.finished), dict(rows.delivered), rows.mark, dict(rows.held))
    return Header(provider, config, line.seed, line.prefix, restored, line.library, line.hold, line.receipts)


def _input(fields: dict[str, object], provider: Provider) -> Input:
    name = fields.pop("input", None)
    kind = INPUTS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ValueError("there is no such input")
    record: Input
    if kind is Submit:
        record = _submit(_CONVERTER.structure(fields, SubmitLine), provider)
    elif kind is Fulfil:
        record = _fulfil(_CONVERTER.structure(fields, FulfilLine))
    else:
        record = _CONVERTER.structure(fields, kind)
    if not (math.isfinite(record.now) and math.isfinite(getattr(record, "wall", 0.0))):
        raise ValueError("a time without bounds")
    return record


def _submit(line: SubmitLine, provider: Provider) -> Submit:
    if line.command == Leave.__name__:
        left = _CONVERTER.structure(line.fields, LeaveLine)
        command = _command(left.command, left.fields, {Foreign.__name__: Foreign}, provider)
        return Submit(Leave(command, left.ticket), line.now)
    return Submit(_command(line.command, line.fields, CORE_COMMANDS, provider), line.now)


def _command(name: str, fields: Mapping[str, Any], known: Mapping[str, type[AnyCommand]], provider: Provider) -> AnyCommand:
    kind = known.get(name) or provider.commands.get(name)
    if kind is None:
        raise ValueError(f"{provider.name} has no such command")
    return _CONVERTER.structure(fields, kind)


def _fulfil(line: FulfilLine) -> Fulfil:
    outcome: Outcome
    match line:
        case FulfilLine(committed=rows) if rows is not None:
            outcome = Done(Committed({ticket: _error(error) for ticket, error in rows}))
        case FulfilLine(credential=text) if text is not None:
            outcome = Done(Secret(text))
        case FulfilLine(response=response) if response is not None:
            outcome = Done(Response(response.status, body=response.body.encode()))
        case FulfilLine(loaded=raws) if raws is not None:
            outcome = Done(Loaded(dict(raws)))
        case FulfilLine(value=kind) if kind is not None:
            outcome = Done(kind)
        case FulfilLine(failed=error) if error is not None:
            outcome = Failed(_error(error))
        case _:
            raise ValueError("not exactly one outcome")
    parts = (line.committed, line.credential, line.response, line.loaded, line.value, line.failed)
    if sum(part is not None for part in parts) != 1:
        raise ValueError("not exactly one outcome")
    return Fulfil(line.token, outcome, line.now)


def _error(line: ErrorLine) -> Exception:
    if line.outcome is not None:
        return StoreError(line.text, outcome=line.outcome)
    return RecordedError(line.type, line.text)


def _bytes(value: object, _: object) -> bytes:
    match value:
        case {"base64": str(text)}:
            return base64.b64decode(text, validate=True)
        case _:
            raise TypeError("neither a text nor bytes")


def _message(value: object, kind: object) -> str | bytes:
    return value if isinstance(value, str) else _bytes(value, kind)


def _scalar(value: object, _: object) -> Scalar:
    if value is not None and not isinstance(value, str | int):
        raise TypeError("not a text, a whole number, true, false or null")
    return value


def _converter() -> cattrs.Converter:
    converter = strict_converter()
    converter.register_structure_hook(bytes, _bytes)
    converter.register_structure_hook(str | bytes, _message)
    converter.register_structure_hook(Scalar, _scalar)
    converter.register_structure_hook(Identity, lambda row, _: Identity(*converter.structure(row, tuple[Key, Key])))
    return converter


_CONVERTER: Final = _converter()
