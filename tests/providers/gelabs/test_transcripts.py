"""The document's own examples, played against the machine (transcripts/README.md says how to read them)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from pushwire.core.commands import Command
from pushwire.errors import CommandRefused
from pushwire.providers import gelabs
from tests.providers.gelabs.harness import Client
from tests.providers.harness import expect

FOLDER = Path(__file__).parent / "transcripts"
COMMANDS: dict[str, type[Command[Any, Any]]] = {  # whatever they answer with
    kind.__name__: kind for kind in (gelabs.Subscribe, gelabs.Unsubscribe, gelabs.GetTransaction)
}

Line = dict[str, Any]  # JSON


def plain(value: object) -> object:
    """The value as JSON would give it, rows by their properties too."""
    if isinstance(value, tuple):
        return [plain(item) for item in cast("tuple[object, ...]", value)]
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in dir(value) if not name.startswith(("_", "raw_", "camel_"))}
    return value


def differences(value: object, line: Line) -> list[str]:
    """Fields of a line that the value does not have so."""
    found: list[str] = []
    for name, wanted in line.items():
        got = plain(getattr(value, name))
        if name == "token_transfers" and wanted:
            rows = expect(gelabs.Transaction, value).token_transfers or ()
            got = [{field: getattr(row, field) for field in line_row} for row, line_row in zip(rows, wanted, strict=True)]
        if got != wanted:
            found.append(f"{name}: {got!r} instead of {wanted!r}")
    return found


class Player:
    """Plays one transcript."""

    def __init__(self, lines: list[Line]) -> None:
        ids = iter([line[">"]["id"] for line in lines if ">" in line])
        self.client = Client(ids=lambda: next(ids))
        self.held: list[gelabs.Transaction] = []

    def do(self, line: Line) -> None:
        client = self.client
        fields = {name: value for name, value in line.items() if name != "do"}
        match line["do"]:
            case "ready":
                client.ready()
            case "open":
                client.start()
                client.fulfil()
                client.open()
            case "wait":
                client.advance(fields["seconds"])
            case "finish":
                client.settle(self.held.pop())
            case name:
                client.submit(COMMANDS[name](**fields))

    def owed(self, line: Line) -> None:
        """One thing that the machine must have said by now."""
        client = self.client
        if ">" in line:
            assert client.frames.pop(0) == json.dumps(line[">"], separators=(",", ":"), ensure_ascii=False)
        elif "event" in line:
            event = client.events.pop(0)
            assert type(event).__name__ == line["event"]
            if isinstance(event, gelabs.Transaction):
                self.held.append(event)
            assert differences(event, {name: value for name, value in line.items() if name != "event"}) == []
        elif "hangup" in line:
            hangup = client.hangups.pop(0)
            assert (hangup.code, hangup.reason) == (line["hangup"], line["reason"])
        elif "refused" in line:
            error = expect(CommandRefused, client.settled.pop(0).error)
            assert [error.code, error.text] == line["refused"]
        else:
            settled = client.settled.pop(0)
            assert settled.error is None
            assert line["reply"] == (None if settled.reply is None else type(settled.reply).__name__)
            assert differences(settled.reply, {name: value for name, value in line.items() if name != "reply"}) == []

    def nothing_left(self) -> None:
        client = self.client
        assert (client.frames, client.events, client.hangups, client.settled) == ([], [], [], [])


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.jsonl")), ids=lambda path: path.stem)
def test_the_machine_holds_its_part_of_the_conversation(path: Path) -> None:
    lines: list[Line] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    player = Player(lines)
    for line in lines:
        if "do" in line:
            player.nothing_left()
            player.do(line)
        elif "<" in line:
            player.nothing_left()
            player.client.receive(json.dumps(line["<"], ensure_ascii=False))
        else:
            player.owed(line)
    player.nothing_left()


def test_every_message_type_of_the_document_is_played() -> None:
    lines = [json.loads(line) for path in FOLDER.glob("*.jsonl") for line in path.read_text(encoding="utf-8").splitlines()]
    sent = {line[">"]["type"] for line in lines if ">" in line}
    received = {line["<"]["type"] for line in lines if "<" in line}
    assert sent == {"ping", "subscribe", "unsubscribe", "getTxHash", "transactionACK"}
    assert received >= {"connected", "pong", "transaction", "subscribe", "unsubscribe", "getTxHash", "transactionACK"}
