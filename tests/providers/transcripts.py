"""Plays golden transcripts: what the machine is given is handed in, and what it owes must be there, in this order, and no more.

The lines that all providers have are played here; a folder's README.md says what each means. A provider's own lines are played by
its `test_transcripts.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar, cast

import attrs
import msgspec

from pushwire.core.provider import Provider
from pushwire.core.secrets import Secret
from pushwire.errors import CommandRefused
from tests.providers.harness import Client, expect, text_of

Line: TypeAlias = dict[str, Any]  # JSON
ClientT = TypeVar("ClientT", bound=Client[Any])  # whatever its events


def transcripts(test: str) -> list[Path]:
    """Those beside a test file."""
    return sorted((Path(test).parent / "transcripts").glob("*.jsonl"))


def lines_of(*paths: Path) -> list[Line]:
    return [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]


class Player(Generic[ClientT]):
    """Plays one transcript against a client."""

    provider: ClassVar[Provider]

    def __init__(self, client: ClientT) -> None:
        self.client = client
        self.pinged = b""

    def play(self, path: Path) -> None:
        for line in lines_of(path):
            if "do" in line:
                self.nothing_left()
                self.do(line.pop("do"), line)
            elif "<" in line:
                self.nothing_left()
                said = line["<"]
                self.client.receive(said if isinstance(said, str) else json.dumps(said, ensure_ascii=False))
            else:
                self.owed(line)
        self.nothing_left()

    def do(self, what: str, fields: Line) -> None:
        client = self.client
        match what:
            case "start":
                client.start()
            case "ready":
                client.ready()
            case "open":
                client.open()
            case "wait":
                client.advance(fields["seconds"])
            case "pong":
                client.pong(self.pinged)
            case name:
                client.submit(self.command(name, fields))

    def command(self, name: str, fields: Line) -> Any:  # whichever command
        return self.provider.commands[name](**fields)

    def owed(self, line: Line) -> None:
        """One thing that the machine must have said by now."""
        client = self.client
        match line:
            case {">": message}:
                assert text_of(client.frames.pop(0)) == json.dumps(message, separators=(",", ":"), ensure_ascii=False)
            case {"ping": payload}:
                self.pinged = client.pings.pop(0)
                assert payload in {True, self.pinged.decode()}
            case {"dial": url}:
                dialled = client.dials.pop(0).url
                assert (dialled.reveal() if isinstance(dialled, Secret) else dialled) == url
            case {"hangup": code, "reason": reason}:
                hangup = client.hangups.pop(0)
                assert (hangup.code, hangup.reason) == (code, reason)
            case {"event": name, **fields}:
                self.check(client.events.pop(0), name, fields)
            case {"refused": refused}:
                error = expect(CommandRefused, client.settled.pop(0).error)
                assert [error.code, error.text] == refused
            case {"reply": name, **fields}:
                settled = client.settled.pop(0)
                assert settled.error is None
                self.check(settled.reply, name, fields)
            case _:
                raise AssertionError(f"no such line: {line}")

    def check(self, value: object, name: str | None, fields: Mapping[str, object]) -> None:
        """The value must be of the class of this name, None where there is none, with these fields."""
        assert (None if value is None else type(value).__name__) == name
        assert {field: self.plain(getattr(value, field)) for field in fields} == fields

    def plain(self, value: object) -> object:
        """The value as JSON would give it, what JSON does not know as text."""
        if value is None or isinstance(value, str | int | float):
            return value
        if isinstance(value, tuple):
            return [self.plain(item) for item in cast("tuple[object, ...]", value)]
        if isinstance(value, list | dict):
            return cast("object", value)
        if isinstance(value, Mapping):
            return {name: self.plain(item) for name, item in cast("Mapping[str, object]", value).items()}
        names = self.names_of(value)
        return {name: self.plain(getattr(value, name)) for name in names} if names else str(value)

    def names_of(self, value: object) -> Iterable[str]:
        """The fields of a structure; none, where it is none."""
        if isinstance(value, msgspec.Struct):
            return value.__struct_fields__
        kind = type(value)
        return [field.name for field in attrs.fields(kind)] if attrs.has(kind) else ()

    def nothing_left(self) -> None:
        client = self.client
        assert (client.frames, client.pings, client.events, client.hangups, client.settled) == ([], [], [], [], [])
        assert client.dials == []
