"""The relay as a real process, killed at random against a sandbox that cuts its connections: stored = sent, none twice.

The moments of the kills are drawn, and lie anywhere: nothing here depends on how far a run came.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent.parent
MESSAGES: Final = 4_000
KILLS: Final = 10
PATIENCE: Final = 60
"""Runs after which a test that does not get on is given up."""

CONFIG: Final = """
ledger = "{folder}/ledger.db"

[sink]
kind = "{kind}"
path = "{folder}/events.{kind}"

[streams.wallets]
provider = "gelabs"
settings = {{ url = "{url}", backoff_first = 0.02, backoff_cap = 0.1 }}
"""


@contextmanager
def process(*arguments: str, **pipes: int) -> Generator[subprocess.Popen[str]]:
    """A `pushwire`, dead when the block ends."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PUSHWIRE_")}
    with subprocess.Popen(
        [sys.executable, "-m", "pushwire", *arguments],
        text=True,
        cwd=ROOT,
        env=kept if arguments[0] == "sandbox" else {**kept, "PUSHWIRE_GELABS_API_KEY": "sk-test"},
        stdout=pipes.get("stdout"),
        stderr=pipes.get("stderr"),
    ) as started:
        try:
            yield started
        finally:
            started.kill()


@contextmanager
def sandbox() -> Generator[str]:
    settings = ["--set", f"max_messages={MESSAGES}", "--set", "drop_every=500"]
    with process("sandbox", "gelabs", "--seed", "7", "--rate", "2000", *settings, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        yield started.stdout.readline().strip()


def run_for(config: Path, seconds: float, number: signal.Signals) -> int:
    """Run the relay until its stream was up for so many seconds, then signal it. Returns its status."""
    with process("relay", str(config), stderr=subprocess.PIPE) as relay:
        assert relay.stderr is not None
        for line in relay.stderr:
            if json.loads(line)["event"] == "up":
                break
        else:
            pytest.fail("the relay ended by itself")
        time.sleep(seconds)
        relay.send_signal(number)
        relay.communicate()
        return relay.wait()


def stored(folder: Path) -> list[str]:
    """The keys in the sink, in order."""
    if (folder / "events.jsonl").exists():
        return [json.loads(line)["key"] for line in (folder / "events.jsonl").read_text().splitlines() if line.endswith("}")]
    with closing(sqlite3.connect(folder / "events.sqlite")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT count(*) FROM events_quarantine").fetchone() == (0,)
        return [key for (key,) in db.execute("SELECT key FROM events WHERE kind = 'transaction' ORDER BY seq")]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "jsonl"])
def test_killed_at_random_it_stores_all_that_was_sent_and_nothing_twice(tmp_path: Path, kind: str) -> None:
    rng = random.Random(3)
    config = tmp_path / "relay.toml"
    seen: set[str] = set()
    with sandbox() as url:
        config.write_text(CONFIG.format(folder=tmp_path, kind=kind, url=url))
        for _ in range(KILLS):
            assert run_for(config, rng.uniform(0.0, 0.4), signal.SIGKILL) == -signal.SIGKILL
            now = set(stored(tmp_path))
            assert seen <= now, "what was stored stays"
            seen = now
        for _ in range(PATIENCE):
            assert run_for(config, 0.5, signal.SIGTERM) == 128 + signal.SIGTERM
            if len(set(stored(tmp_path))) == MESSAGES:
                break
    keys = stored(tmp_path)
    assert [key for key, times in Counter(keys).items() if times > 1] == []
    assert len(keys) == MESSAGES
