"""Writes the records of a journal as lines (`journal_lines`), and leaves the secrets out."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

import cattrs
import msgspec

from ..errors import StoreError
from .commands import AnyCommand, Leave
from .effects import Committed, Failed, Identity, Loaded, Outcome
from .http import Response
from .journal import Foreign, Fulfil, Header, Input, Receive, Submit
from .journal_lines import CORE_COMMANDS, FORMAT, INPUTS, RestoredLine
from .provider import Provider
from .secrets import PLACEHOLDER, Redactor, Secret
from .strict import INFINITIES, is_named_tuple, may_be_secret

__all__ = ["Encoder"]

_NAMES: Final = {kind: name for name, kind in INPUTS.items()}
_SPELLED_INFINITIES: Final = {value: text for text, value in INFINITIES.items()}


class Encoder:
    """Writes the records of one journal. It learns every secret it meets, and leaves it out from then on."""

    def __init__(self, provider: Provider) -> None:
        self._commands = frozenset((*provider.commands.values(), *CORE_COMMANDS.values()))
        self._secrets: set[str] = set()
        self._redact = Redactor()
        self._converter = cattrs.Converter()
        self._converter.register_unstructure_hook(str, self._shown)
        self._converter.register_unstructure_hook(bytes, self._bytes)
        self._converter.register_unstructure_hook(float, _number)
        self._converter.register_unstructure_hook(Secret, self._hide)
        self._converter.register_unstructure_hook_func(may_be_secret, self._source)
        # Left alone, their fields are of no known type.
        self._converter.register_unstructure_hook_func(_is_row, lambda value: [*map(self._converter.unstructure, value)])

    def header(self, header: Header) -> str:
        """The first line."""
        restored = header.restored
        finished, delivered, held = restored.finished.items(), restored.delivered.items(), restored.held.items()
        rows = RestoredLine(tuple(finished), tuple(delivered), restored.mark, tuple(held))
        return self._line(
            lambda: {
                "journal": FORMAT,
                "library": header.library,
                "provider": header.provider.name,
                "config": self._converter.unstructure(header.config),
                "seed": header.seed,
                "prefix": self._shown(header.prefix),
                "restored": self._converter.unstructure(rows),
                "hold": header.hold,
                "receipts": self._converter.unstructure(header.receipts),
            }
        )

    def receive(self, messages: Sequence[str | bytes], now: float) -> str:
        """The line of a `Receive`: one a read, so it takes the short way."""
        shown = [self._shown(message) if isinstance(message, str) else self._bytes(message) for message in messages]
        return self._dump({"input": "receive", "now": now, "messages": shown})

    def input(self, record: Input) -> str:
        """The line of any input."""
        if isinstance(record, Receive):
            return self.receive(record.messages, record.now)
        return self._line(lambda: {"input": _NAMES[type(record)], **self._unstructured(record)})

    def _unstructured(self, record: Input) -> dict[str, object]:
        match record:
            case Submit(Leave(command, ticket), now):
                return {"now": now, "command": "Leave", "fields": {**self._command(command), "ticket": ticket}}
            case Submit(command, now):
                return {"now": now, **self._command(command)}
            case Fulfil(token, outcome, now):
                return {"token": token, "now": now, **self._outcome(outcome)}
            case _:
                fields: dict[str, object] = self._converter.unstructure(record)
                return fields

    def _command(self, command: AnyCommand) -> dict[str, object]:
        if type(command) not in self._commands:
            command = Foreign(type(command).__name__)
        return {"command": type(command).__name__, "fields": self._converter.unstructure(command)}

    def _outcome(self, outcome: Outcome) -> dict[str, object]:
        if isinstance(outcome, Failed):
            return {"failed": self._error(outcome.error)}
        value = outcome.value
        if isinstance(value, Secret):
            return {"credential": self._hide(value)}
        if isinstance(value, Response):
            return {"response": {"status": value.status, "body": self._shown(_veiled(value.body))}}
        if isinstance(value, Committed):
            return {"committed": [(ticket, self._error(error)) for ticket, error in value.failed.items()]}
        if isinstance(value, Loaded):
            return {"loaded": self._converter.unstructure(list(value.raws.items()))}
        # A caller's own value, which no machine looks at.
        return {"value": type(value).__name__}

    def _error(self, error: BaseException) -> dict[str, object]:
        shown: dict[str, object] = {"type": type(error).__name__, "text": self._shown(str(error))}
        return {**shown, "outcome": error.outcome} if isinstance(error, StoreError) else shown

    # Secrets

    def _hide(self, secret: Secret) -> str:
        value = secret.reveal()
        if value not in self._secrets:
            self._secrets.add(value)
            self._redact = Redactor(map(Secret, self._secrets))
        return PLACEHOLDER

    def _source(self, value: object) -> object:
        """Where a secret comes from may be a function: a replay is told the secrets themselves."""
        return PLACEHOLDER if callable(value) else self._converter.unstructure(value)

    def _shown(self, text: str) -> str:
        return self._redact(text)

    def _bytes(self, data: bytes) -> dict[str, str]:
        shown = self._redact(data.decode("utf-8", "surrogateescape"))
        return {"base64": base64.b64encode(shown.encode("utf-8", "surrogateescape")).decode()}

    def _line(self, build: Callable[[], Mapping[str, object]]) -> str:
        known = len(self._secrets)
        line = self._dump(build())
        # A secret that was learned on the way may stand in what was written before it.
        return line if len(self._secrets) == known else self._dump(build())

    def _dump(self, value: Mapping[str, object]) -> str:
        try:
            return msgspec.json.encode(value, enc_hook=self._unknown).decode()
        except (UnicodeError, OverflowError):
            # Lone surrogates, and whole numbers of more than 64 bits.
            return json.dumps(value, default=self._unknown)

    def _unknown(self, value: object) -> str:
        """What a caller who is not checked put where it does not belong: writing it down must not raise."""
        return self._shown(repr(value))


def _veiled(body: bytes) -> str:
    """The body of a response, without its texts: what is fetched over HTTP for a connection is an authorisation."""
    try:
        return json.dumps(_veil(json.loads(body)))
    except (ValueError, RecursionError):
        return PLACEHOLDER


def _veil(value: object) -> object:
    match value:
        case str():
            return PLACEHOLDER
        case list():
            return [*map(_veil, cast("list[object]", value))]
        case dict():
            return {name: _veil(part) for name, part in cast("dict[str, object]", value).items()}
        case _:
            return value


def _is_row(kind: object) -> bool:
    """Whether its fields are written down without their names."""
    return kind is Identity or is_named_tuple(kind)


def _number(value: float) -> float | str:
    return _SPELLED_INFINITIES.get(value, value)
