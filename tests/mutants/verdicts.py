"""What is mutated, what is counted, and which survivors have a reason (survivors.toml).

What must not live here: how a verdict comes about.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import attrs

from tests.mutants.hunting import Outcome

__all__ = ["ELSEWHERE", "PROVIDERS", "PROVIDER_TESTS", "ROOT", "SCOPE", "TESTS", "judge", "previous", "write"]

LOOP: Final = ("loop", "lanes", "entries")
ELSEWHERE: Final = frozenset(
    f"core/{name}" for name in ("config", "describing", "journal_lines", "journal_writer", "strict", "values")
)
"""Of `core`, but no part of it by default: they are put to the test by tests of other folders, and run with the providers."""
SCOPE: Final = ["core", *(f"relay/{name}" for name in LOOP)]
TESTS: Final = ["tests/core", *(f"tests/relay/test_{name}.py" for name in ("loop", "loop_counts", "loop_runs", "lanes"))]
PROVIDERS: Final = ["providers", *sorted(ELSEWHERE)]
PROVIDER_TESTS: Final = ["tests/providers", "tests/core"]
SHARE: Final = 0.9
ROOT: Final = Path(__file__).parents[2]
SURVIVORS: Final = Path(__file__).with_name("survivors.toml")


def write(folder: Path, outcomes: Sequence[Outcome]) -> None:
    """One file a module, for `previous` and for whoever looks into them."""
    for module, found in groupby(outcomes, key=lambda outcome: outcome.module):
        path = folder / f"{module.replace('/', '.')}.json"
        path.write_text(json.dumps([attrs.asdict(outcome) for outcome in found], indent=1))


def previous(folder: Path) -> frozenset[str]:
    """The keys of what was not killed when its module was run last."""
    found = [Outcome(**each) for path in folder.glob("*.*.json") for each in json.loads(path.read_text())]
    return frozenset(outcome.key for outcome in found if outcome.verdict != "killed")


def judge(outcomes: Sequence[Outcome], *, whole: bool) -> int:
    """Print the figures; 1 if they fall short. `whole`: each module is, so that what is listed of it and is no mutant any more is
    an error too."""
    reasons = {key: each["why"] for each in tomllib.loads(SURVIVORS.read_text())["reason"] for key in each["mutants"]}
    counted = [outcome for outcome in outcomes if outcome.verdict != "import"]
    alive = [outcome for outcome in counted if outcome.verdict != "killed"]
    unlisted = [outcome for outcome in alive if outcome.key not in reasons]
    for outcome in unlisted:
        print(f"{outcome.verdict}, line {outcome.line}: {outcome.key}")
    judged = {outcome.module for outcome in outcomes}
    gone = reasons.keys() - {outcome.key for outcome in outcomes}
    stale = sorted(key for key in gone if whole and key.partition(" ")[0] in judged)
    for key in stale:
        print(f"listed, but no mutant: {key}")
    for key in sorted({outcome.key for outcome in counted if outcome.verdict == "killed"} & reasons.keys()):
        print(f"listed, but killed: {key}")
    share = 1 - len(alive) / len(counted) if counted else 1.0
    for module in sorted(judged):
        found = [outcome for outcome in counted if outcome.module == module]
        killed = sum(outcome.verdict == "killed" for outcome in found)
        print(f"| `{module}` | {len(found):,} | {killed:,} | {len(found) - killed} | {killed / max(1, len(found)):.1%} |")
    print(f"{len(counted)} mutants, {len(counted) - len(alive)} killed ({share:.1%}), {len(alive)} survived,", end=" ")
    print(f"{len(unlisted)} of them without a reason; {len(outcomes) - len(counted)} run at import only")
    return int(bool(unlisted or stale or share < SHARE))
