"""A sink that stands still for an hour, or a disk that is full as long, while the provider makes 5,000 events a second: memory is
bounded, heartbeats go on, nothing is lost, nothing is there twice."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from pushwire.relay.loop import Limits
from tests.relay.stalled import KINDS, PINGS, STALL

ROOT: Final = Path(__file__).parent.parent.parent
MOST: Final = 64
"""MiB over what the process had before."""
ATTEMPT: Final = 60
"""Seconds from one attempt to the next at most: 30 until it is given up, and the longest back-off."""


@pytest.mark.slow
@pytest.mark.parametrize("how, kind", [("silent", "small"), ("silent", "large"), ("full", "small")])
def test_through_an_hour_without_its_sink_memory_is_bounded_and_nothing_is_lost(how: str, kind: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.relay.stalled", str(tmp_path), how, kind]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert max(found["stall"], found["peak"]) <= MOST, found
    events, size = found["held"]
    assert events == Limits().max_events or size >= Limits().max_bytes, "as much was held as may be"
    assert found["seconds"] >= STALL
    assert found["pings"] == STALL / PINGS, "each that was due"
    assert found["opened"] >= STALL / ATTEMPT, "it was tried again and again"
    assert found["connections"] == 1, "and the connection was the same all the time"
    sent = found["sent"]
    assert sent >= found["unstored"] + KINDS[kind].before + KINDS[kind].after
    assert found["acks"] == sent
    assert found["counts"] == {"stored": sent, "unknown": found["counts"]["unknown"]}
    with closing(sqlite3.connect(tmp_path / "events.db")) as db:
        assert db.execute("SELECT count(*), count(DISTINCT key) FROM events").fetchone() == (sent, sent)
        assert db.execute("SELECT count(*) FROM events_quarantine").fetchone() == (0,)
