"""Real processes on a disk that loses power, or fails at any call: their own SQLite and files, watched by LD_PRELOAD."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.powerloss.campaign import Case, folder, judge, look
from tests.powerloss.disk import Event, FolderSynced, Synced, SyncFailed
from tests.powerloss.preload import compiled, observed
from tests.powerloss.test_power_loss import FIRST, IMAGES

EACH: Final = 3
"""Images of each run with a fault."""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("preload"))


def watch(library: Path, *arguments: str) -> dict[str, list[Event]]:
    with folder() as place:
        (place / "watched").mkdir()
        return observed(library, "tests.powerloss.watched", place / "watched", place / "log", *arguments)


@pytest.mark.parametrize("name", ["ledger", "sqlite", "jsonl"])
def test_what_a_process_acked_is_there_after_a_power_loss(library: Path, name: str) -> None:
    log = watch(library, name)["0"]
    tally = judge(Case(name), log, range(FIRST, FIRST + IMAGES // 40))
    assert tally.bad == 0, str(tally)
    assert any(isinstance(event, FolderSynced) for event in log)


@pytest.mark.parametrize("name", ["ledger", "sqlite", "jsonl"])
def test_the_harness_finds_what_a_disk_loses_that_ignores_syncs(library: Path, name: str) -> None:
    log = [event for event in watch(library, name)["0"] if not isinstance(event, Synced)]
    assert judge(Case(name), log, range(100)).bad > 10


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        "ledger s EIO 1",
        "ledger w EIO 1",
        "ledger w ENOSPC 2",
        "ledger stour EIO 2",
        "sqlite s EIO 1",
        "sqlite w EIO 1",
        "sqlite w ENOSPC 2",
        "sqlite stour EIO 2",
        "jsonl s EIO 1",
        "jsonl w EIO 1",
        "jsonl w ENOSPC 2",
        "jsonl stour EIO 2",
        "jsonl stour EIO 3",
    ],
)
def test_whichever_call_fails_what_was_acked_is_there_and_nothing_is_there_twice(library: Path, fault: str) -> None:
    """The n-th write (w), sync (s), truncation, opening, removal or renaming, for every n: it goes on by itself, and a power loss
    at any time loses nothing. What a failed sync should have brought to the disk is not brought there by the next."""
    name, kinds, *_ = fault.split()
    runs = watch(library, *fault.split())
    assert len(runs) > 3, "there were calls that failed"
    if kinds == "s":
        failed = [any(isinstance(event, SyncFailed) for event in log) for log in runs.values()]
        assert sum(failed) > 2
    for number, log in runs.items():
        assert look(Case(name), log) == "whole", f"{fault}: call {number}"
        tally = judge(Case(name), log, range(FIRST, FIRST + EACH))
        assert tally.bad == 0, f"{fault}: call {number}: {tally}"


def test_the_harness_finds_a_sink_that_believes_a_file_whose_sync_has_failed(library: Path) -> None:
    runs = watch(library, "jsonl", "s", "EIO", "1", "planted")
    assert sum(judge(Case("jsonl"), log, range(10)).bad for log in runs.values()) > 5
