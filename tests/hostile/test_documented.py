"""The page of proofs shows each hostile peer that there is, and none that there is not."""

from __future__ import annotations

import re
from pathlib import Path

from .table import AT_THE_DIAL, FLOODS, LATE, ONCE_OPEN
from .test_servers import ON_A_WEBSOCKET, RUDE, WAITING

PAGE = Path(__file__).parents[2] / "docs" / "proofs.md"


def test_every_peer_is_shown() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("\n## Hostile peers\n")[2].partition("\n## ")[0]
    shown = set(re.findall(r"^\| ([^|]*?) \|", section, re.MULTILINE))
    peers = {row.name for row in AT_THE_DIAL + ONCE_OPEN} | {late.name for late in LATE} | set(FLOODS)
    clients = {client.name for client in (*WAITING, *RUDE, *ON_A_WEBSOCKET)}
    assert peers | clients <= shown
