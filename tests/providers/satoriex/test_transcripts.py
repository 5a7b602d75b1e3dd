"""The document's own examples, played against the machine (transcripts/README.md says how to read them)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from pushwire.core.provider import Provider
from pushwire.core.secrets import Secret
from pushwire.providers import satoriex
from pushwire.providers.satoriex.provider import PROVIDER
from tests.providers.harness import expect
from tests.providers.satoriex.harness import Client
from tests.providers.transcripts import Line, Player, lines_of, transcripts


class SatoriEx(Player[Client]):
    provider: ClassVar[Provider] = PROVIDER

    def do(self, what: str, fields: Line) -> None:
        if what == "token":
            self.client.give_token(fields["token"])
            expect(Secret, self.client.dials[0].url)
        else:
            super().do(what, fields)


@pytest.mark.parametrize("path", transcripts(__file__), ids=lambda path: path.stem)
def test_the_machine_holds_its_part_of_the_conversation(path: Path) -> None:
    SatoriEx(Client()).play(path)


def test_every_name_and_frame_of_the_document_is_played() -> None:
    lines = lines_of(*transcripts(__file__))
    sent = {line[">"]["type"] for line in lines if ">" in line}
    pushed = [line["<"] for line in lines if "<" in line]
    assert sent == {"subscribe", "subscribe_marketdata"}
    assert {message["payload"]["type"] for message in pushed if "payload" in message} == set(satoriex.EVENTS)
    # The document's code leaves these two out.
    assert {message["type"] for message in pushed if "type" in message} == set(satoriex.EVENTS) - {
        "withdraw_requested",
        "order_filled",
    }
