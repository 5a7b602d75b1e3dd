"""The document's own examples, played against the machine (transcripts/README.md says how to read them)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pushwire.core.commands import AnyCommand
from pushwire.errors import CommandRefused
from pushwire.providers import bitpanda
from tests.providers.bitpanda.harness import Client

FOLDER = Path(__file__).parent / "transcripts"
COMMANDS: dict[str, type[AnyCommand]] = {
    kind.__name__: kind for kind in (bitpanda.Subscribe, bitpanda.Unsubscribe, bitpanda.Drop)
}

Line = dict[str, Any]  # JSON


def read(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


class Player:
    """Plays one transcript."""

    def __init__(self) -> None:
        self.client = Client()
        self.pinged = b""

    def play(self, line: Line) -> None:
        if "do" in line:
            self.nothing_left()
            self.do(line)
        elif "<" in line:
            self.nothing_left()
            self.client.receive(json.dumps(line["<"], ensure_ascii=False))
        else:
            self.owed(line)

    def do(self, line: Line) -> None:
        fields = {name: value for name, value in line.items() if name != "do"}
        match line["do"]:
            case "ready":
                self.client.ready()
            case "wait":
                self.client.advance(fields["seconds"])
            case "pong":
                self.client.pong(self.pinged)
            case name:
                self.client.submit(COMMANDS[name](**fields))

    def owed(self, line: Line) -> None:
        """One thing that the machine must have said by now."""
        client = self.client
        match line:
            case {">": message}:
                assert client.frames.pop(0) == json.dumps(message, separators=(",", ":"), ensure_ascii=False)
            case {"ping": text}:
                self.pinged = client.pings.pop(0)
                assert self.pinged.decode() == text
            case {"event": name, **fields}:
                event = client.events.pop(0)
                assert type(event).__name__ == name
                for field, wanted in fields.items():
                    got = getattr(event, field)
                    assert (got if isinstance(got, type(wanted)) else str(got)) == wanted
            case {"hangup": code, "reason": reason}:
                hangup = client.hangups.pop(0)
                assert (hangup.code, hangup.reason) == (code, reason)
            case {"refused": text}:
                error = client.the_error(CommandRefused)
                assert (error.code, error.text) == (None, text)
            case _:
                (settled,) = client.take_settled()
                assert (settled.reply, settled.error) == (line["reply"], None)

    def nothing_left(self) -> None:
        client = self.client
        assert (client.frames, client.pings, client.events, client.hangups, client.settled) == ([], [], [], [], [])


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.jsonl")), ids=lambda path: path.stem)
def test_the_machine_holds_its_part_of_the_conversation(path: Path) -> None:
    player = Player()
    for line in read(path):
        player.play(line)
    player.nothing_left()


def test_every_message_of_the_document_is_played() -> None:
    lines = [line for path in FOLDER.glob("*.jsonl") for line in read(path)]
    assert {line[">"]["action"] for line in lines if ">" in line} == {"subscribe", "unsubscribe"}
    received = [line["<"] for line in lines if "<" in line]
    assert {message["CH"] for message in received if "CH" in message} == {"prices-v1", "price-changes-v1"}
    assert {message["error"] for message in received if "error" in message} == {
        "channel not supported",
        "fiat not found: XXX",
        "asset not found for domain: ABC",
    }
