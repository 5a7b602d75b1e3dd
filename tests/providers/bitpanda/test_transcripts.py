"""The document's own examples, played against the machine (transcripts/README.md says how to read them)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from pushwire.core.provider import Provider
from pushwire.providers.bitpanda.provider import PROVIDER
from tests.providers.bitpanda.harness import Client
from tests.providers.transcripts import Player, lines_of, transcripts


class Bitpanda(Player[Client]):
    provider: ClassVar[Provider] = PROVIDER


@pytest.mark.parametrize("path", transcripts(__file__), ids=lambda path: path.stem)
def test_the_machine_holds_its_part_of_the_conversation(path: Path) -> None:
    Bitpanda(Client()).play(path)


def test_every_message_of_the_document_is_played() -> None:
    lines = lines_of(*transcripts(__file__))
    assert {line[">"]["action"] for line in lines if ">" in line} == {"subscribe", "unsubscribe"}
    received = [line["<"] for line in lines if "<" in line]
    assert {message["CH"] for message in received if "CH" in message} == {"prices-v1", "price-changes-v1"}
    assert {message["error"] for message in received if "error" in message} == {
        "channel not supported",
        "fiat not found: XXX",
        "asset not found for domain: ABC",
    }
