"""What the fuzzer is worth: each planted bug is found, and within how many inputs."""

from __future__ import annotations

import pytest

from tests.fuzz.planted import PLANTED, Bug
from tests.fuzz.run import run
from tests.fuzz.targets import target

MOST = 60_000
"""Inputs until it must be found."""


@pytest.mark.slow
@pytest.mark.parametrize("bug", PLANTED.values(), ids=PLANTED)
def test_a_planted_bug_is_found(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    bug.plant(monkeypatch)
    report = run(target(bug.target), bug.first, inputs=MOST, one=True)
    assert report.faults, "not found"
    print(f"{report.tally.inputs:>6,} inputs: {next(iter(report.faults.values())).what[:80]}")
