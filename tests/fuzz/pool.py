"""Many cases of many targets in several processes at once, and what is said of that."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Final

from tests.fuzz.case import Target
from tests.fuzz.run import Report, run
from tests.fuzz.targets import target

__all__ = ["PORTION", "line", "portions", "reports", "verdict"]

PORTION: Final = 20_000
"""Inputs of one piece of work: small enough that no process waits long for another at the end."""
MOST_GROWN: Final = 192 * 2**20
"""Bytes that a process may grow by while it plays one portion."""


def portions(targets: Sequence[Target], inputs: int, base: int) -> list[tuple[str, int, int]]:
    """Pieces of work: the target, the first seed, how many inputs. No two have a seed in common."""
    shares = sum(each.share for each in targets)
    work: list[tuple[str, int, int]] = []
    for each in targets:
        left = max(1, -(-inputs * each.share // shares))
        while left > 0:
            # Each case has one input at least.
            work.append((each.name, base + len(work) * PORTION, min(PORTION, left)))
            left -= PORTION
    return work


def reports(names: Iterable[str], inputs: int, base: int, processes: int) -> list[Report]:
    """What came of so many inputs in total, by target."""
    found = {name: Report(name) for name in names}
    work = portions([target(name) for name in found], inputs, base)
    # Started anew rather than forked: the memory of each is its own.
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        for done in as_completed([pool.submit(_portion, piece) for piece in work]):
            report = done.result()
            found[report.target].add(report)
    return list(found.values())


def _portion(work: tuple[str, int, int]) -> Report:
    name, seed, inputs = work
    return run(target(name), seed, inputs=inputs)


def line(report: Report) -> str:
    """How many inputs, how long they took, and the shares of what came of them."""
    given = max(1, report.tally.inputs)
    outcomes = ", ".join(f"{name} {100 * times / given:.1f} %" for name, times in report.tally.outcomes.most_common())
    return f"{report.target:<18} {given:>9,} inputs {report.cpu:6.1f} s {report.cpu * 1e6 / given:5.0f} us  {outcomes}"


def verdict(found: Sequence[Report]) -> list[str]:
    """What is wrong, each with how it is seen again; nothing, where all is well."""
    wrong = [
        f"{fault.target}: {fault.what}\n  at {fault.where}, {report.times[key]} times; again: "
        f"python -m tests.fuzz {fault.target} --seed {fault.seed}"
        for report in found
        for key, fault in report.faults.items()
    ]
    swollen = [report for report in found if report.grown > MOST_GROWN]
    return wrong + [f"{report.target}: grew by {report.grown >> 20} MiB within {PORTION} inputs" for report in swollen]
