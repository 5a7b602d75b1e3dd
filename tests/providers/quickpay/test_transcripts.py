"""The document's own examples, played against the machine (transcripts/README.md says how to read them)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pushwire.core.http import Request
from pushwire.providers import quickpay
from tests.providers.harness import expect
from tests.providers.quickpay.harness import Client

FOLDER = Path(__file__).parent / "transcripts"
OF_HTTP = {"Content-Type", "Accept"}

Line = dict[str, Any]  # JSON


class Player:
    """Plays one transcript."""

    def __init__(self) -> None:
        self.client = Client()

    def act(self, line: Line) -> bool:
        """Do what a line says that is not the machine's to do. False: it is."""
        client = self.client
        if line.get("do") == "open":
            client.start()
            client.open()
        elif "do" in line:
            client.submit(quickpay.Subscribe(line["channel"]))
        elif "<" in line:
            client.receive(line["<"] if isinstance(line["<"], str) else json.dumps(line["<"]))
        else:
            return False
        return True

    def owed(self, line: Line) -> None:
        """One thing that the machine must have said by now."""
        client = self.client
        if "dialled" in line:
            assert client.dials.pop().url == line["dialled"]
        elif ">" in line:
            assert client.next_frame() == line[">"]
        elif "asks" in line:
            request = expect(Request, client.fetches[0].what)
            assert (request.method, request.url, json.loads(request.body)) == ("POST", line["asks"], line["body"])
            assert sorted(set(request.headers) - OF_HTTP) == line["headers"]
        elif "answer" in line:
            client.answer(line["answer"])
        elif "event" in line:
            event = client.events.pop(0)
            assert type(event).__name__ == line.pop("event")
            assert {name: getattr(event, name) for name in line} == line
        else:
            settled = client.settled.pop(0)
            assert expect(quickpay.Subscribed, settled.reply).channel == line["reply"]

    def nothing_left(self) -> None:
        client = self.client
        left = (client.dials, client.frames, client.fetches, client.events, client.hangups, client.settled)
        assert left == ([], [], [], [], [], [])


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.jsonl")), ids=lambda path: path.stem)
def test_the_machine_holds_its_part_of_the_conversation(path: Path) -> None:
    player = Player()
    for text in path.read_text(encoding="utf-8").splitlines():
        line: Line = json.loads(text)
        if "do" in line or "<" in line:
            player.nothing_left()
        if not player.act(line):
            player.owed(line)
    player.nothing_left()
