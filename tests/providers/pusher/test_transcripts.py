"""The documents' own examples, played against the machine (transcripts/README.md says how to read them)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from pushwire.core.effects import Close
from pushwire.core.http import Request
from pushwire.core.provider import Provider
from pushwire.providers.pusher.provider import PROVIDER
from tests.providers.harness import expect
from tests.providers.pusher.harness import Client, asking, signing
from tests.providers.transcripts import Line, Player, lines_of, transcripts


class Pusher(Player[Client]):
    provider: ClassVar[Provider] = PROVIDER

    def __init__(self) -> None:
        super().__init__(Client(signing()))

    def do(self, what: str, fields: Line) -> None:
        match what:
            case "by endpoint":
                self.client = Client(asking())
            case "open":
                self.client.start()
                self.client.dials.clear()
                self.client.open()
            case "close":
                self.client.closed(Close(code=fields["code"]))
            case "hung up":
                self.client.closed(Close(code=1000, by="us"))
            case "answer":
                self.client.respond(**fields)
            case _:
                super().do(what, fields)

    def owed(self, line: Line) -> None:
        match line:
            case {">any": name}:
                assert self.client.next_frame()["event"] == name
            case {"request": form}:
                assert expect(Request, self.client.fetches[0].what).body.decode() == form
            case {"failed": name}:
                assert type(self.client.machine.failure).__name__ == name
            case _:
                super().owed(line)


@pytest.mark.parametrize("path", transcripts(__file__), ids=lambda path: path.stem)
def test_the_machine_holds_its_part_of_the_conversation(path: Path) -> None:
    Pusher().play(path)


def test_every_message_of_the_protocol_is_played() -> None:
    lines = lines_of(*transcripts(__file__))
    sent = {line[">"]["event"] for line in lines if ">" in line}
    received = {line["<"]["event"] for line in lines if "<" in line}
    assert sent == {"pusher:subscribe", "pusher:unsubscribe", "pusher:signin", "pusher:ping", "pusher:pong", "client-typing"}
    assert received >= {
        "pusher:connection_established",
        "pusher:error",
        "pusher:ping",
        "pusher:pong",
        "pusher:signin_success",
        "pusher:subscription_error",
        "pusher:cache_miss",
        "pusher_internal:subscription_succeeded",
        "pusher_internal:subscription_count",
        "pusher_internal:member_added",
        "pusher_internal:member_removed",
        "pusher_internal:watchlist_events",
    }
