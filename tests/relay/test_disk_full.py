"""A disk that fills under the relay: it holds back, says why, and goes on by itself; nothing is lost, nothing is there twice."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from pushwire.relay.sinks.jsonl_file import _lines
from tests.relay.cramped import BEFORE, LIMITS

ROOT: Final = Path(__file__).parent.parent.parent
SAYING: Final = ("full", "No space left", "File too large", "disk I/O error")


@pytest.fixture
def small(tmp_path: Path) -> Generator[Path]:
    """A disk of 12 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "none", place], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a small disk: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", place], check=True)


def run(kind: str, cramped: str, how: str, small: Path, roomy: Path) -> None:
    roomy.mkdir()
    command = [sys.executable, "-m", "tests.relay.cramped", kind, cramped, how, str(small), str(roomy)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert BEFORE <= found["acks"] < found["sent"], "not all was ACKed while there was no room"
    assert found["held"] <= LIMITS.max_events
    # A limit is one for all files of the process, and a disk may hold both.
    alone = {"ledger": "ledger.db", "sink": f"events.{kind}"} if how == "disk" else {}
    named = (alone[cramped],) if cramped in alone else ("ledger.db", f"events.{kind}")
    told = [line for line in found["complaints"] if any(name in line for name in named) and any(word in line for word in SAYING)]
    assert len(told) > 1, found["complaints"]
    events = (roomy if cramped == "ledger" else small) / f"events.{kind}"
    keys = stored(events)
    assert len(keys) == len(set(keys)) == found["sent"]


def stored(path: Path) -> list[str]:
    if path.suffix != ".sqlite":
        parts = [*sorted(path.parent.glob(f"{path.stem}-*")), path]
        return [json.loads(line)["key"] for part in parts for line in _lines(part)]
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [key for (key,) in db.execute("SELECT key FROM events WHERE kind = 'transaction'")]


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind,cramped", [("sqlite", "sink"), ("sqlite", "ledger"), ("sqlite", "both"), ("jsonl", "both"), ("zstd", "sink")]
)
def test_on_a_full_disk_the_relay_holds_back_and_goes_on_when_there_is_room(
    kind: str, cramped: str, small: Path, tmp_path: Path
) -> None:
    run(kind, cramped, "disk", small, tmp_path / "roomy")


@pytest.mark.slow
@pytest.mark.parametrize("kind,cramped", [("sqlite", "sink"), ("jsonl", "sink")])
def test_where_files_may_not_grow_the_relay_holds_back_and_goes_on_when_they_may(kind: str, cramped: str, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    run(kind, cramped, "limit", small, tmp_path / "roomy")
