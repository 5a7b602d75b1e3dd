"""The documents' own examples, played against the machine (transcripts/README.md says how to read them)."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, cast

import attrs
import msgspec
import pytest

from pushwire.core.commands import AnyCommand
from pushwire.core.effects import SecretFrame
from pushwire.core.secrets import Secret
from pushwire.errors import AuthenticationRefused, CommandRefused
from pushwire.providers import quantcite
from tests.providers.harness import expect
from tests.providers.quantcite.harness import Client

FOLDER: Final = Path(__file__).parent / "transcripts"
KEY: Final = "YOUR_API_KEY"

Line = dict[str, Any]  # JSON


def plain(value: object) -> object:
    """The value as JSON would give it, amounts as text."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, tuple):
        return [plain(item) for item in cast("tuple[object, ...]", value)]
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if attrs.has(type(value)):
        kind = cast("type[attrs.AttrsInstance]", type(value))
        return {field.name: plain(getattr(value, field.name)) for field in attrs.fields(kind)}
    return value


def command(line: Line) -> AnyCommand:
    fields = {name: value for name, value in line.items() if name != "do"}
    if "transaction_types" in fields:
        fields["transaction_types"] = tuple(fields["transaction_types"])
    if "credentials" in fields:
        fields["credentials"] = quantcite.Credentials(**{name: Secret(part) for name, part in fields["credentials"].items()})
    kinds: dict[str, type[AnyCommand]] = {
        kind.__name__: kind for kind in (quantcite.SubscribeTransactions, quantcite.ValidateCredentials, quantcite.GetExchanges)
    }
    return kinds[line["do"]](**fields)


def differences(value: object, line: Line, leave_out: str) -> list[str]:
    """Fields of a line that the value does not have so."""
    wanted = {name: part for name, part in line.items() if name != leave_out}
    got = {name: plain(getattr(value, name)) for name in wanted}
    return [f"{name}: {got[name]!r} instead of {part!r}" for name, part in wanted.items() if got[name] != part]


class Player:
    """Plays one transcript."""

    def __init__(self) -> None:
        self.client = Client(quantcite.Config(api_key=Secret(KEY)))

    def do(self, line: Line) -> None:
        match line["do"]:
            case "ready":
                self.client.ready()
            case "open":
                settings = {name: value for name, value in line.items() if name != "do"}
                self.client = Client(quantcite.Config(api_key=Secret(KEY), **settings))
                self.client.start()
                self.client.open()
            case "wait":
                self.client.machine.handle_timer(self.client.now + line["seconds"], 0.0)
                self.client.now += line["seconds"]
                self.client.drain()
            case _:
                self.client.submit(command(line))

    def owed(self, line: Line) -> None:
        """One thing that the machine must have said by now."""
        client = self.client
        if ">" in line:
            frame = client.frames.pop(0)
            assert json.loads(frame.text if isinstance(frame, SecretFrame) else frame) == line[">"]
        elif "ping" in line:
            client.pings.pop(0)
        elif "event" in line:
            event = client.events.pop(0)
            assert type(event).__name__ == line["event"]
            assert differences(event, line, "event") == []
        elif "hangup" in line:
            hangup = client.hangups.pop(0)
            assert (hangup.code, hangup.reason) == (line["hangup"], line["reason"])
        elif "failure" in line:
            client.closed()
            assert expect(AuthenticationRefused, client.machine.failure).code == line["failure"]
        elif "refused" in line:
            error = expect(CommandRefused, client.settled.pop(0).error)
            assert [error.code, error.text] == line["refused"]
        else:
            settled = client.settled.pop(0)
            assert settled.error is None
            assert type(settled.reply).__name__ == line["reply"]
            reply = settled.reply if line["reply"] != "tuple" else Listed(cast("tuple[object, ...]", settled.reply))
            assert differences(reply, line, "reply") == []

    def nothing_left(self) -> None:
        client = self.client
        assert (client.frames, client.pings, client.events, client.hangups, client.settled) == ([], [], [], [], [])


@attrs.frozen
class Listed:
    """A reply that is a list."""

    items: tuple[object, ...]


def read(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.jsonl")), ids=lambda path: path.stem)
def test_the_machine_holds_its_part_of_the_conversation(path: Path) -> None:
    player = Player()
    for line in read(path):
        if "do" in line:
            player.nothing_left()
            player.do(line)
        elif "<" in line:
            player.nothing_left()
            player.client.receive(json.dumps(line["<"], ensure_ascii=False))
        else:
            player.owed(line)
    player.nothing_left()


def test_every_message_of_the_documents_is_played() -> None:
    lines = [line for path in FOLDER.glob("*.jsonl") for line in read(path)]
    sent = {line[">"].get("type") or line[">"]["action"] for line in lines if ">" in line}
    received = {line["<"]["type"] for line in lines if "<" in line}
    codes = {line["<"].get("code") for line in lines if "<" in line and line["<"]["type"] == "error"}
    assert sent == {"authenticate", "ping", "subscribe_transactions", "validate_credentials", "get_exchanges"}
    assert received >= {
        "welcome",
        "authentication_success",
        "authentication_error",
        "transaction_response",
        "validation_response",
        "exchanges_response",
        "error",
        "subscription_error",
        "data_limit_exceeded",
        "data_limit_warning",
        "rate_limit_warning",
        "pong",
    }
    assert codes >= {4001, 4002, 4003, 4004, 4005, None}
