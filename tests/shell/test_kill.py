"""Real processes, killed.

A sandbox pushes thousands of transactions and cuts the connection every 500; the client is killed with SIGKILL ten times along
the way, at places drawn from a seed, and started again.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent.parent
MESSAGES: Final = 10_000
KILLS: Final = 10


@contextmanager
def process(*arguments: str) -> Generator[subprocess.Popen[str]]:
    """A Python process whose output is read here, dead when the block ends."""
    with subprocess.Popen([sys.executable, "-m", *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT) as started:
        try:
            yield started
        finally:
            started.kill()


@contextmanager
def sandbox() -> Generator[str]:
    settings = ["--set", f"max_messages={MESSAGES}", "--set", "drop_every=500"]
    environment = {name for name in os.environ if name.startswith("PUSHWIRE_GELABS")}
    assert not environment, "the sandbox takes any key"
    with process("pushwire", "sandbox", "gelabs", "--seed", "7", "--rate", "4000", *settings) as started:
        assert started.stdout is not None
        yield started.stdout.readline().strip()


def run_until_settled(url: str, folder: Path, mode: str, count: int) -> tuple[int, list[str]]:
    """Run the client until it has settled `count` more, then kill it. Returns how many it said, and its "finished" lines."""
    settled = 0
    finished: list[str] = []
    with process("tests.shell.kill_client", url, str(folder), mode) as client:
        assert client.stdout is not None
        for text in client.stdout:
            word, _, rest = text.strip().partition(" ")
            if word == "finished":
                finished.append(rest)
            else:
                settled = int(rest)
                if settled >= count:
                    break
        else:
            pytest.fail(f"the client ended by itself after {settled} of {count}, or was found to stand still")
    return settled, finished


def kill_ten_times(folder: Path, mode: str) -> tuple[list[str], list[list[str]]]:
    """All of it. Returns the lines or bookings in the end, and what each run said was finished."""
    rng = random.Random(11)
    runs: list[list[str]] = []
    with sandbox() as url:
        for _ in range(KILLS):
            _, finished = run_until_settled(url, folder, mode, rng.randrange(1, MESSAGES // (KILLS + 2)))
            runs.append(finished)
        while missing := MESSAGES - len(set(result(folder, mode))):
            _, finished = run_until_settled(url, folder, mode, missing)
            runs.append(finished)
    return result(folder, mode), runs


def result(folder: Path, mode: str) -> list[str]:
    if mode != "plain":
        with closing(sqlite3.connect(folder / "ledger.db")) as db:
            return [row[0] for row in db.execute("SELECT version FROM bookings")]
    with (folder / "lines.txt").open(encoding="utf-8") as lines:
        return [text.rsplit(" ", 1)[0] for text in lines.read().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["book", "receipt"])
def test_with_a_booking_each_is_booked_exactly_once(tmp_path: Path, mode: str) -> None:
    booked, _ = kill_ten_times(tmp_path, mode)
    assert [version for version, times in Counter(booked).items() if times > 1] == []
    assert len(booked) == MESSAGES


@pytest.mark.slow
def test_without_a_booking_none_is_lost_and_none_that_is_finished_comes_again(tmp_path: Path) -> None:
    delivered, runs = kill_ten_times(tmp_path, "plain")
    assert len(set(delivered)) == MESSAGES
    # A version that a run's ledger held as finished, and said so, is never delivered to a later run.
    said = Counter(version for finished in runs for version in finished)
    assert [version for version, times in said.items() if times > 1] == []
