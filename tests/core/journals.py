"""Journals for tests: a recorded gelabs machine, and what its lines hold."""

from __future__ import annotations

import io
import json
import random
from typing import Any

from pushwire.core.effects import Restored
from pushwire.core.ids import id_source
from pushwire.core.journal import Header, Record
from pushwire.core.journal_lines import read_journal
from pushwire.core.machine import Machine
from pushwire.core.recording import Recording
from pushwire.core.secrets import Secret
from pushwire.providers import gelabs, load

KEY = 'sk-"top"/secret'
"""A key that looks different inside JSON and URLs."""
WALL = 1_745_000_000.0
"""POSIX seconds at 0.0 on the machine's clock."""


def header(*, config: gelabs.Config | None = None, seed: int = 7, prefix: str = "id", restored: Restored | None = None) -> Header:
    return Header(load("gelabs"), config or gelabs.Config(api_key=Secret(KEY)), seed, prefix, restored or Restored(), "1.2.3")


class Recorded:
    """A gelabs machine with its journal in memory."""

    def __init__(self, start: Header | None = None) -> None:
        self.header = start or header()
        self.file = io.StringIO(newline="\n")
        inner: Machine[object] = self.header.config.machine(
            rng=random.Random(self.header.seed), ids=id_source(self.header.prefix), restored=self.header.restored
        )
        self.machine: Machine[object] = Recording(inner, self.header, self.file)

    @property
    def text(self) -> str:
        return self.file.getvalue()

    @property
    def lines(self) -> list[bytes]:
        return self.text.encode().splitlines(keepends=True)

    @property
    def values(self) -> list[dict[str, Any]]:  # JSON objects
        return [json.loads(line) for line in self.lines]

    def records(self) -> list[Record]:
        return list(read_journal(self.lines, load))
