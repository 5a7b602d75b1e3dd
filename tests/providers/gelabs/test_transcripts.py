"""The document's own examples, played against the machine (transcripts/README.md says how to read them)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar, cast

import msgspec
import pytest

from pushwire.core.provider import Provider
from pushwire.providers import gelabs
from pushwire.providers.gelabs.provider import PROVIDER
from tests.providers.gelabs.harness import Client
from tests.providers.transcripts import Line, Player, lines_of, transcripts


class Gelabs(Player[Client]):
    """Ids of commands are those of the transcript."""

    provider: ClassVar[Provider] = PROVIDER

    def __init__(self, path: Path) -> None:
        ids = iter([line[">"]["id"] for line in lines_of(path) if ">" in line])
        super().__init__(Client(ids=lambda: next(ids)))
        self.held: list[gelabs.Transaction] = []

    def do(self, what: str, fields: Line) -> None:
        match what:
            case "open":
                self.client.start()
                self.client.fulfil()
                self.client.dials.clear()
                self.client.open()
            case "finish":
                self.client.settle(self.held.pop())
            case _:
                super().do(what, fields)

    def check(self, value: object, name: str | None, fields: Mapping[str, object]) -> None:
        if isinstance(value, gelabs.Transaction):
            self.held.append(value)
            # A transfer's line may leave fields out.
            lines = cast("list[Line]", fields.get("token_transfers") or [])
            if lines:
                for row, line in zip(value.token_transfers or (), lines, strict=True):
                    super().check(row, type(row).__name__, line)
                fields = {field: wanted for field, wanted in fields.items() if field != "token_transfers"}
        super().check(value, name, fields)

    def names_of(self, value: object) -> Iterable[str]:
        """By its properties, where the wire spells fields in several ways."""
        if isinstance(value, msgspec.Struct):
            return [name for name in dir(value) if not name.startswith(("_", "raw_", "camel_"))]
        return super().names_of(value)


@pytest.mark.parametrize("path", transcripts(__file__), ids=lambda path: path.stem)
def test_the_machine_holds_its_part_of_the_conversation(path: Path) -> None:
    Gelabs(path).play(path)


def test_every_message_type_of_the_document_is_played() -> None:
    lines = lines_of(*transcripts(__file__))
    sent = {line[">"]["type"] for line in lines if ">" in line}
    received = {line["<"]["type"] for line in lines if "<" in line}
    assert sent == {"ping", "subscribe", "unsubscribe", "getTxHash", "transactionACK"}
    assert received >= {"connected", "pong", "transaction", "subscribe", "unsubscribe", "getTxHash", "transactionACK"}
