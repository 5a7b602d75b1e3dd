"""The documents' own examples, played against the machine (transcripts/README.md says how to read them)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from pushwire.core.effects import Close
from pushwire.core.http import Request
from pushwire.errors import CommandRefused
from pushwire.providers import pusher
from pushwire.providers.pusher.provider import PROVIDER
from tests.providers.harness import expect
from tests.providers.pusher.harness import Client, asking, signing

FOLDER = Path(__file__).parent / "transcripts"

Line = dict[str, Any]  # JSON


def plain(value: object) -> object:
    """The value as JSON would give it."""
    if isinstance(value, pusher.Member):
        return {"id": value.id, "info": value.info}
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in cast("Mapping[str, object]", value).items()}
    return [*map(plain, cast("tuple[object, ...]", value))] if isinstance(value, tuple) else value


def check(value: object, line: Line, head: str) -> None:
    assert (None if value is None else type(value).__name__) == line.pop(head)
    assert {name: plain(getattr(value, name)) for name in line} == line


class Player:
    """Plays one transcript."""

    def __init__(self, lines: list[Line]) -> None:
        by_endpoint = lines[0] == {"do": "by endpoint"}
        self.client = Client(asking() if by_endpoint else signing())

    def do(self, line: Line) -> None:
        client = self.client
        match line.pop("do"):
            case "ready":
                client.ready()
            case "open":
                client.start()
                client.dials.clear()
                client.open()
            case "wait":
                client.advance(line["seconds"])
            case "close":
                client.closed(Close(code=line["code"]))
            case "hung up":
                client.closed(Close(code=1000, by="us"))
            case "answer":
                client.respond(**line)
            case "by endpoint":
                pass
            case name:
                client.submit(PROVIDER.commands[name](**line))

    def owed(self, line: Line) -> None:
        """One thing that the machine must have said by now."""
        client = self.client
        match line:
            case {">": frame}:
                assert json.dumps(frame) == json.dumps(client.take_frames().pop())
            case {">any": name}:
                assert client.take_frames().pop()["event"] == name
            case {"request": form}:
                assert expect(Request, client.fetches[0].what).body.decode() == form
            case {"event": _}:
                check(client.events.pop(0), line, "event")
            case {"reply": _}:
                check(client.settled.pop(0).reply, line, "reply")
            case {"refused": refused}:
                error = expect(CommandRefused, client.settled.pop(0).error)
                assert [error.code, error.text] == refused
            case {"hangup": code, "reason": reason}:
                hangup = client.hangups.pop(0)
                assert (hangup.code, hangup.reason) == (code, reason)
            case _:
                assert type(client.machine.failure).__name__ == line["failed"]

    def nothing_left(self) -> None:
        client = self.client
        assert (client.frames, client.events, client.hangups, client.settled) == ([], [], [], [])


def read(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.jsonl")), ids=lambda path: path.stem)
def test_the_machine_holds_its_part_of_the_conversation(path: Path) -> None:
    lines = read(path)
    player = Player(lines)
    received: list[str] = []
    for line in [*lines, {"do": "by endpoint"}]:
        if "<" in line:
            received.append(json.dumps(line["<"], ensure_ascii=False))
            continue
        if received:
            player.client.receive(*received)
            received.clear()
        if "do" in line:
            player.nothing_left()
            player.do(line)
        else:
            player.owed(line)


def test_every_message_of_the_protocol_is_played() -> None:
    lines = [line for path in FOLDER.glob("*.jsonl") for line in read(path)]
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
