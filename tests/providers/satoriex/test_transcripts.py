"""The document's own examples, played against the machine (transcripts/README.md says how to read them)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pushwire.core.commands import Command
from pushwire.core.secrets import Secret
from pushwire.providers import satoriex
from tests.providers.harness import expect
from tests.providers.satoriex.harness import Client

FOLDER = Path(__file__).parent / "transcripts"
COMMANDS: dict[str, type[Command[Any, Any]]] = {  # whatever they answer with
    kind.__name__: kind for kind in (satoriex.SubscribeMarket, satoriex.SubscribeMarketData)
}

Line = dict[str, Any]  # JSON


def do(client: Client, line: Line) -> None:
    fields = {name: value for name, value in line.items() if name != "do"}
    match line["do"]:
        case "start":
            client.start()
        case "token":
            client.give_token(line["token"])
        case "open":
            client.open()
        case name:
            client.submit(COMMANDS[name](**fields))


def owed(client: Client, line: Line) -> None:
    """One thing that the machine must have said by now."""
    if ">" in line:
        assert client.frames.pop(0) == json.dumps(line[">"], separators=(",", ":"))
    elif "dial" in line:
        assert expect(Secret, client.dials.pop(0).url).reveal() == line["dial"]
    elif "event" in line:
        event = client.events.pop(0)
        assert type(event).__name__ == line["event"]
        fields = {name: value for name, value in line.items() if name != "event"}
        assert {name: getattr(event, name) for name in fields} == fields
    else:
        settled = client.settled.pop(0)
        assert (settled.error, settled.reply) == (None, line["reply"])


def nothing_left(client: Client) -> None:
    assert (client.frames, client.events, client.hangups, client.settled, client.dials) == ([], [], [], [], [])


def lines_of(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.jsonl")), ids=lambda path: path.stem)
def test_the_machine_holds_its_part_of_the_conversation(path: Path) -> None:
    client = Client()
    for line in lines_of(path):
        if "do" in line:
            nothing_left(client)
            do(client, line)
        elif "<" in line:
            nothing_left(client)
            client.receive(json.dumps(line["<"]))
        else:
            owed(client, line)
    nothing_left(client)


def test_every_name_and_frame_of_the_document_is_played() -> None:
    lines = [line for path in FOLDER.glob("*.jsonl") for line in lines_of(path)]
    sent = {line[">"]["type"] for line in lines if ">" in line}
    pushed = [line["<"] for line in lines if "<" in line]
    assert sent == {"subscribe", "subscribe_marketdata"}
    assert {message["payload"]["type"] for message in pushed if "payload" in message} == set(satoriex.EVENTS)
    # The document's code leaves these two out.
    assert {message["type"] for message in pushed if "type" in message} == set(satoriex.EVENTS) - {
        "withdraw_requested",
        "order_filled",
    }
