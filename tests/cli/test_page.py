"""What `docs/command-line.md` shows is what the command line draws and says now."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest
from rich.console import Console

from pushwire import cli
from pushwire.cli.view import Row, Snapshot, render
from pushwire.core.describing import Line
from pushwire.core.machine import Phase

PAGE: Final = Path(__file__).parents[2] / "docs" / "command-line.md"
WIDTH: Final = 118

BUSY: Final = tuple(float(22 + 9 * (second % 5) - second // 2) for second in range(40))
MINUTE: Final = (*[None] * 12, *BUSY, 0.0, 0.0, 0.0, 64.0, *[31.0] * 4)
SNAPSHOT: Final = Snapshot(
    "pushwire demo",
    48.2,
    [
        Row("gelabs", Phase.READY, 31.0, 1_204, 0.0423, 3, 1, "connection lost: Connection reset by peer", history=MINUTE),
        Row("bitpanda", Phase.BACKING_OFF, 0.0, 9_340, 0.61, None, 2, "HTTP 503: busy", 4.2, history=(*MINUTE[:-9], *[0.0] * 9)),
        Row("satoriex", Phase.READY, 8.5, 377, None, None, 0, silent=1, history=[None if n is None else n // 4 for n in MINUTE]),
    ],
    [
        Line("bitpanda", "down", "2026-01-01T12:00:41.280Z", {"reason": "HTTP 503: busy"}),
        Line("satoriex", "stale", "2026-01-01T12:00:43.004Z", {"topic": "market:mkt_abc123"}),
        Line("gelabs", "up", "2026-01-01T12:00:44.118Z", {"generation": 2}),
        Line("gelabs", "transaction", "2026-01-01T12:00:48.093Z", {"chain_type": "bitcoin", "tx_hash": "5f0a", "amount": "12"}),
    ],
)


def block(first: str) -> Sequence[str]:
    """The lines of the block of the page that begins so."""
    blocks = re.findall(r"^```text\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (found,) = (text.splitlines() for text in blocks if text.startswith(first))
    return list(found)


def test_the_live_view_is_shown_as_it_is_drawn() -> None:
    console = Console(file=io.StringIO(), width=WIDTH, height=30, color_system=None, record=True)
    console.print(render(SNAPSHOT, WIDTH, 30))
    assert block("pushwire demo") == [line.rstrip() for line in console.export_text().splitlines()]


def test_the_errors_are_shown_as_they_are_told(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    for name in [name for name in os.environ if name.startswith("PUSHWIRE_")]:
        monkeypatch.delenv(name)
    for command, told in batched(block("$ PUSHWIRE_GELABS_APIKEY")):
        *assigned, arguments = re.split(r"\$ |=\.\.\. |pushwire ", command)[1:]
        with monkeypatch.context() as patched:
            for name in filter(None, assigned):
                patched.setenv(name, "s3cret")
            assert cli.main(arguments.split()) in (1, 2)
        assert capfd.readouterr().err == f"{told}\n"


def batched(lines: Sequence[str]) -> Sequence[tuple[str, str]]:
    """A command, and what it says."""
    return list(zip(lines[::2], lines[1::2], strict=True))
