"""The exchange under any order of commands, answers, refusals, authorisations and losses that can come about."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from tests.core.band import Ask, Layout, Shout
from tests.core.exchange_model import GRANTS, Runs
from tests.core.stateful import explore

pytestmark = pytest.mark.slow

LAYOUTS: list[Layout] = ["one lane", "lanes", "ids"]
ERRORS = [None, None, None, "", "a", "b", "wait"]


def wander(seed: int, steps: int = 100) -> None:
    """So many steps, likely ones more often than Hypothesis takes them; then all is let come to rest."""
    rng = random.Random(seed)
    runs = Runs()
    runs.begin(rng.choice(LAYOUTS), rng.choice([math.inf, 2.0]), rng.random() < 0.5)
    for _ in range(steps):
        weights, acts = zip(*_possible(runs, rng), strict=True)
        rng.choices(acts, weights)[0]()
        runs.check_all()
    runs.teardown()


def _possible(runs: Runs, rng: random.Random) -> list[tuple[int, Callable[[], None]]]:
    """What can be done now, and how often it is."""
    which = rng.randrange(100)
    acts: list[tuple[int, Callable[[], None]]] = [
        (6, lambda: runs.join(sorted(rng.sample("abcXY", rng.randint(1, 3))))),
        (2, lambda: runs.quit(rng.choice(["a", "b", "X", "ab"]))),
        (1, lambda: runs.ask(rng.choice([Ask, Shout]))),
        (3 * any(asked.waits for asked in runs.asked.values()), lambda: runs.stop_waiting(which)),
        (3 * bool(runs.may_leave()), lambda: runs.leave(which)),
        (5 * bool(runs.requests), lambda: runs.grant(which, rng.choice(GRANTS))),
    ]
    if runs.up:
        acts.append((1, runs.lose))
        acts.append((2, lambda: runs.wait(rng.choice([0.5, 2.0, 10.0, 30.0]))))
        acts.append((9 * bool(runs.peer.heard), lambda: runs.carry_out(rng.choice(ERRORS))))
        acts.append((9 * bool(runs.peer.replies), lambda: runs.reply(which)))
    else:
        acts.append((8, runs.connect))
    return [(weight, act) for weight, act in acts if weight]


def test_whatever_happens_what_is_wanted_is_had_or_told_and_nothing_is_left_behind() -> None:
    explore(Runs, examples=150, steps=50)


def test_so_it_is_after_long_runs_of_what_is_likely() -> None:
    for seed in range(500):
        try:
            wander(seed)
        except BaseException as error:
            error.add_note(f"tests.core.test_exchange_runs.wander({seed})")
            raise
