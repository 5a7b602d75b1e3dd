"""Power loss, tens of thousands of times: of what was ACKed nothing is missing, of what was not nothing is there by halves.

PUSHWIRE_POWER_LOSS_IMAGES says how many images (20,000; `nox -s soak`: 1,000,000), PUSHWIRE_POWER_LOSS_FIRST_SEED from which seed
on (0). A failure says by which command each bad image is made again. The planted mistakes prove the harness: it finds them.
"""

from __future__ import annotations

import os
import random
from typing import Final
from unittest import mock

import attrs
import pytest

from tests.powerloss.campaign import Case, Tally, judge, record
from tests.powerloss.disk import Event, Synced
from tests.powerloss.workloads import Plan

IMAGES: Final = int(os.environ.get("PUSHWIRE_POWER_LOSS_IMAGES", "20000"))
FIRST: Final = int(os.environ.get("PUSHWIRE_POWER_LOSS_FIRST_SEED", "0"))
KILLS: Final = max(10, IMAGES // 1000)
PLANTED: Final = 400
SOON: Final = 40
"""Events after a restart in which what it found is not yet overtaken by what it wrote."""

NAMES: Final = ("ledger", "sqlite")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_what_was_acked_is_there_after_a_power_loss(name: str) -> None:
    case = Case(name)
    tally = judge(case, record(case), range(FIRST, FIRST + IMAGES * 2 // 5))
    assert tally.bad == 0, str(tally)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_what_a_restart_after_a_kill_finds_and_acks_is_there_after_a_power_loss(name: str) -> None:
    """The killed process had written, but not synced; the next one finds that, and ACKs it when it is sent again."""
    tallies = killed(name, kills=KILLS, images=IMAGES // 10 // KILLS)
    assert not any(tally.bad for tally in tallies), [str(tally) for tally in tallies if tally.bad]


def killed(name: str, kills: int, images: int) -> list[Tally]:
    """One of three kills is where most hangs on it: the log is written and not synced. Half of the power cuts come soon after."""
    once = record(Case(name))
    syncs = [place for place, event in enumerate(once) if isinstance(event, Synced) and event.name.endswith("-wal")]
    rng = random.Random(FIRST)
    tallies: list[Tally] = []
    for turn in range(kills):
        case = Case(name, killed_at=rng.choice(syncs) if turn % 3 == 0 else rng.randint(1, len(once)))
        assert case.killed_at is not None
        log = record(case)
        soon = log[: case.killed_at + SOON]
        half = images // 2
        tallies += [judge(case, soon, range(FIRST, FIRST + half)), judge(case, log, range(FIRST + half, FIRST + images))]
    return tallies


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("plan", [Plan("NORMAL"), Plan(tells_early=True)], ids=["synchronous=NORMAL", "ACK before COMMIT"])
def test_the_harness_finds_what_is_acked_before_it_is_on_the_disk(name: str, plan: Plan) -> None:
    case = Case(name, plan)
    tally = judge(case, record(case), range(PLANTED))
    assert len(tally.seeds["lost"]) > PLANTED // 10, str(tally)
    assert not tally.seeds["corrupt"], "what is late is lost, not torn"


@pytest.mark.parametrize("name", NAMES)
def test_the_harness_finds_torn_files_where_nothing_is_synced(name: str) -> None:
    case = Case(name, Plan("OFF"))
    tally = judge(case, record(case), range(PLANTED))
    assert len(tally.seeds["corrupt"]) > PLANTED // 10, str(tally)


def test_the_harness_finds_a_restart_that_believes_what_it_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pushwire.stores.sqlite_file.make_durable", mock.Mock())
    assert sum(len(tally.seeds["lost"]) for tally in killed("ledger", kills=10, images=40)) > 10


def test_a_seed_is_always_the_same_image() -> None:
    case = Case("ledger", Plan("NORMAL"))
    first, again = (judge(case, record(case), range(60)) for _ in range(2))
    assert first == again
    assert 0 < first.bad < 60
    command = str(first).partition("campaign ")[2].split()
    assert Case.parse(*command[:4]) == case
    seeds = [int(seed) for seed in command[4:]]
    assert judge(case, record(case), seeds).bad == len(seeds)


def test_a_case_is_written_as_its_command_takes_it() -> None:
    case = Case("sqlite", Plan("OFF", tells_early=True), killed_at=7)
    assert Case.parse(*str(case).split()) == case
    assert str(attrs.evolve(case, killed_at=None)) == "sqlite OFF early -"


def test_logs_hold_what_they_are_to_be_judged_by() -> None:
    """Else a run that does nothing would lose nothing."""
    log: list[Event] = record(Case("ledger"))
    kinds = [type(event).__name__ for event in log]
    assert kinds.count("Acked") > 25
    assert {"Made", "Wrote", "Synced", "Removed", "FolderSynced"} <= set(kinds)
    homeward = [event for event in log if isinstance(event, Synced) and event.name == "ledger.db"]
    assert len(homeward) > 10, "the log was brought home again and again"
