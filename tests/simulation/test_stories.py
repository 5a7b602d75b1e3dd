"""A client against its sandbox in virtual time: nothing that must not be ever is, and what is planted is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from pushwire.cli.sandboxes import BUILDERS
from pushwire.cli.simulate import story
from tests.simulation.planted import BUGS, Bug

SEEDS = range(60)
"""What a planted bug must be found within."""


@pytest.mark.parametrize("provider", BUILDERS)
@pytest.mark.parametrize("seed", range(10))
def test_nothing_is_lost_or_comes_twice_and_all_comes_to_rest(provider: str, seed: int) -> None:
    assert story(provider, seed).violation is None, f"pushwire simulate {provider} --seed {seed} --trace"


@pytest.mark.slow
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_found(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    bug.plant(monkeypatch)
    found = next((violation for seed in SEEDS if (violation := story(bug.provider, seed).violation) is not None), None)
    assert found is not None
    assert bug.finding in found


def test_the_page_lists_all_planted_bugs() -> None:
    page = (Path(__file__).parents[2] / "docs/simulation.md").read_text()
    rows = [row.split(" | ") for row in page.splitlines() if row.startswith("| ") and row.count(" | ") == 2]
    found = {(name.removeprefix("| "), provider): int(story.removesuffix(" |")) for name, provider, story in rows[1:]}
    assert found.keys() == {(bug.name, bug.provider) for bug in BUGS}
    assert max(found.values()) <= len(SEEDS)


@pytest.mark.parametrize("provider", BUILDERS)
def test_a_seed_is_always_the_same_story(provider: str) -> None:
    first, second = (story(provider, 3, tell=True) for _ in range(2))
    assert first.story == second.story
    assert len(first.story) > 100
