"""Plays cases by their seeds, and keeps what went wrong: each fault once, with the seed that plays it again."""

from __future__ import annotations

import random
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

import attrs

from tests.fuzz.case import Case, Tally, Target, shrunk

__all__ = ["Fault", "Report", "TooSlow", "play", "replay", "run"]

LONGEST_CASE: Final = 5.0
"""Seconds of CPU that a case may take. A case of thirty inputs takes milliseconds; one of 200 kB each, a tenth of a second."""
_ROOT: Final = str(Path(__file__).parents[2])


class TooSlow(BaseException):
    """A case takes too long. No `Exception`, so that what is tested does not take it for one of its own."""


@attrs.frozen
class Fault:
    """What ought not to have happened, at which place in the code, and the first case in which it did."""

    target: str
    seed: int
    what: str
    where: str


@attrs.define
class Report:
    """What came of some cases. `cpu` is seconds; `grown` how many bytes the process has grown by meanwhile."""

    target: str
    cases: int = 0
    tally: Tally = attrs.Factory(Tally)
    faults: dict[str, Fault] = attrs.Factory(dict[str, Fault])
    times: Counter[str] = attrs.Factory(Counter[str])
    """How often each fault came about."""
    cpu: float = 0.0
    grown: int = 0

    def add(self, other: Report) -> None:
        self.cases += other.cases
        self.tally.inputs += other.tally.inputs
        self.tally.outcomes += other.tally.outcomes
        self.faults = {**other.faults, **self.faults}
        self.times += other.times
        self.cpu += other.cpu
        self.grown = max(self.grown, other.grown)


def run(target: Target, seed: int, *, inputs: int, one: bool = False) -> Report:
    """Play the cases of `seed`, `seed + 1` and so on, until there were so many inputs, or, with `one`, until one failed."""
    report = Report(target.name)
    before, largest = time.process_time(), _largest()
    tally = report.tally
    with _alarm():
        while tally.inputs < inputs and not (one and report.faults):
            given = tally.inputs
            error = play(target, seed + report.cases, tally)
            if error is not None:
                fault = Fault(target.name, seed + report.cases, _what(error), _where(error))
                report.faults.setdefault(fault.where + fault.what[:40], fault)
                report.times[fault.where + fault.what[:40]] += 1
            # A case that fails at once must not go on for ever.
            tally.inputs = max(tally.inputs, given + 1)
            report.cases += 1
    report.cpu = time.process_time() - before
    report.grown = _largest() - largest
    return report


def play(target: Target, seed: int, tally: Tally) -> BaseException | None:
    """One case. Returns what went wrong."""
    return _check(target, target.draw(random.Random(seed)), tally)


def _check(target: Target, case: Case, tally: Tally) -> BaseException | None:
    signal.setitimer(signal.ITIMER_VIRTUAL, LONGEST_CASE)
    try:
        target.check(case, tally)
    except (Exception, TooSlow) as error:  # noqa: BLE001 - whatever it is, it ought not to be
        return error
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
    return None


def replay(target: Target, seed: int, tell: Callable[[str], None]) -> bool:
    """One case again, with its inputs, without those that it does not need in order to fail. Returns whether it was well."""
    case = target.draw(random.Random(seed))
    with _alarm():
        error = _check(target, case, Tally())
        if error is not None:
            where = _where(error)

            def fails(fewer: Case) -> bool:
                found = _check(target, fewer, Tally())
                return found is not None and _where(found) == where

            case = shrunk(case, fails)
            tell(f"setup {case.setup}, needed inputs {len(case.inputs)}: {case.inputs!r:.20000}")
        error = _check(target, case, Tally(tell=tell))
    if error is None:
        tell("all well")
        return True
    tell("".join(traceback.format_exception(error)))
    return False


@contextmanager
def _alarm() -> Generator[None]:
    """`TooSlow` is raised where the timer of a case runs out."""

    def raise_(number: int, frame: FrameType | None) -> None:
        raise TooSlow(f"over {LONGEST_CASE:g} seconds of CPU")

    before = signal.signal(signal.SIGVTALRM, raise_)
    try:
        yield
    finally:
        signal.signal(signal.SIGVTALRM, before)


def _what(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:300]


def _where(error: BaseException) -> str:
    """The innermost place in the product, else in the tests."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(_ROOT)]
    ours = [frame for frame in frames if "/src/" in frame.filename]
    if isinstance(error, AssertionError | TooSlow) or not ours:
        ours = frames
    return f"{ours[-1].filename.removeprefix(_ROOT + '/')}:{ours[-1].lineno}" if ours else "?"


def _largest() -> int:
    """Bytes that the process has taken up at most."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
