"""A real process, killed in the middle of its commits."""

from __future__ import annotations

import random
import signal
import sqlite3
from pathlib import Path

import pytest
import trio

from pushwire.core.effects import Identity
from pushwire.stores.sqlite import SqliteStore
from tests.stores.kit import NAMESPACE, number_of, process


async def in_ledger(path: Path) -> set[Identity]:
    store = SqliteStore(path)
    restored = await store.open(NAMESPACE)
    await store.close(NAMESPACE)
    return set(restored.finished)


def in_table(path: Path) -> list[tuple[int, str]]:
    with sqlite3.connect(path) as db:
        rows = db.execute("SELECT number, part FROM bookings ORDER BY number, part").fetchall()
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()
    return rows


@pytest.mark.slow
def test_after_a_kill_all_that_was_reported_durable_is_there_and_booked_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    rng = random.Random(7)
    reported: set[int] = set()
    for _ in range(5):
        with process("tests.stores.committer", path) as committer:
            assert committer.stdout is not None
            for _ in range(rng.randint(5, 150)):
                reported.add(int(committer.stdout.readline()))
            committer.kill()
            reported.update(int(line) for line in committer.stdout if line.endswith("\n"))
            assert committer.wait() == -signal.SIGKILL
        ledger = sorted(map(number_of, trio.run(in_ledger, path)))
        assert reported <= set(ledger)
        assert in_table(path) == [(number, part) for number in ledger for part in ("credit", "debit")]
    assert len(reported) > 100
