"""A pytest plugin that puts mutants to the tests: in forks of one process in which all is imported and collected.

What must not live here: which mutants there are, and what becomes of the verdicts.

A mutant costs a fork and the tests that run its statement, up to the first that fails: of the quick ones those of its module's
own test file first, then the slower. A test that takes more than ten times what it takes by itself (and a second) has
failed: it waits or loops for ever. Seconds here are those of the processor, which other work does not stretch.
"""

from __future__ import annotations

import gc
import os
import random
import resource
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import attrs
import pytest
from _pytest.runner import runtestprotocol

from tests.mutants.mutations import Mutant, mutants_of
from tests.mutants.swapping import Swapper, shape
from tests.mutants.tracing import Record

__all__ = ["Hunter", "Outcome", "Task", "module_name"]

SURVIVED: Final = 0
KILLED: Final = 1
UNSWAPPED: Final = 3
WAITS: Final = 60.0
"""Seconds of real time after which a test that does not even use the processor is given up."""
SLOW: Final = 0.05
"""Seconds; a test that takes longer comes after all that do not."""
MEMORY: Final = 1 << 30
"""Bytes that a mutant may take beyond what the process has."""


@attrs.frozen
class Outcome:
    """`verdict`: killed, survived, untested (no test runs the statement) or import (it runs as the file is imported, so the
    change would come too late)."""

    module: str
    function: str
    text: str
    verdict: str
    line: int
    seconds: float

    @property
    def key(self) -> str:
        return f"{self.module} {self.function}: {self.text}"


@attrs.frozen
class Task:
    """`sample`: at most so many mutants of a module, drawn by `seed`; `only`: those with these keys; `budget`: seconds of tests
    for one mutant."""

    paths: list[Path]
    budget: float
    sample: int | None = None
    seed: int = 0
    only: frozenset[str] | None = None
    done: Callable[[list[Outcome]], None] = lambda outcomes: None


class Hunter:
    """`outcomes` is filled when pytest is through; `broken` names the tests that fail here without any mutant."""

    def __init__(self, task: Task, record: Record) -> None:
        self._task = task
        self._record = record
        self.outcomes: list[Outcome] = []
        self.broken: list[str] = []
        self._items: dict[str, pytest.Item] = {}
        self._seconds: dict[str, float] = {}
        self._mutated = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._items = {item.nodeid: item for item in session.items}
        swapper = Swapper(self._task.paths)
        _spare_shrinking()
        gc.collect()
        gc.freeze()
        self._measure()
        if not self.broken:
            for path in self._task.paths:
                self._module(path, swapper)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """A mutant is dead when one test fails: what follows, the report above all, takes longer than the test."""
        expected = (pytest.skip.Exception, pytest.xfail.Exception)
        if (
            self._mutated
            and call.excinfo
            and not isinstance(call.excinfo.value, expected)
            and not item.get_closest_marker("xfail")
        ):
            os._exit(KILLED)

    def _measure(self) -> None:
        """One run without a mutant, in a fork as well."""
        asked = {test for path in self._task.paths for test in self._record.tests(path, 1, 1 << 20)}
        # What took the whole budget and half of it again under the tracer is not asked by any mutant.
        asked = {name for name in asked if name in self._items and self._record.seconds[name] < 1.5 * self._task.budget}
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            with os.fdopen(writer, "w") as out:
                for item, following in _pairs([each for name, each in self._items.items() if name in asked]):
                    begun = time.process_time()
                    failed = any(report.failed for report in runtestprotocol(item, log=False, nextitem=following))
                    out.write(f"{'-' if failed else time.process_time() - begun} {item.nodeid}\n")
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as lines:
            for line in lines:
                taken, _, name = line.rstrip("\n").partition(" ")
                if taken == "-":
                    self.broken.append(name)
                else:
                    self._seconds[name] = float(taken)
        os.waitpid(child, 0)

    def _module(self, path: Path, swapper: Swapper) -> None:
        name = module_name(path)
        original = path.read_text(encoding="utf-8")
        begun = time.monotonic()
        found: list[Outcome] = []
        for mutant in self._chosen(path, name, original):
            since = time.monotonic()
            verdict = self._verdict(path, original, mutant, swapper)
            found.append(Outcome(name, mutant.function, mutant.text, verdict, mutant.at, time.monotonic() - since))
        killed = sum(outcome.verdict == "killed" for outcome in found)
        print(f"{name}: {killed} of {len(found)} killed, {time.monotonic() - begun:.0f} s", flush=True)
        self._task.done(found)
        self.outcomes += found

    def _chosen(self, path: Path, name: str, original: str) -> Sequence[Mutant]:
        mutants = mutants_of(path)
        if self._task.only is not None:
            mutants = [each for each in mutants if f"{name} {each.function}: {each.text}" in self._task.only]
        elif self._task.sample is not None and len(mutants) > self._task.sample:
            mutants = random.Random(f"{self._task.seed} {name}").sample(mutants, self._task.sample)
        return list(_distinct(mutants, path, original))

    def _verdict(self, path: Path, original: str, mutant: Mutant, swapper: Swapper) -> str:
        tests = self._ordered(path, mutant)
        if not tests:
            return "import" if mutant.at in self._record.imported.get(str(path), ()) else "untested"
        child = os.fork()
        if child == 0:
            _begin()
            self._mutated = True
            if not swapper.swap(path, mutant.source, original, mutant.function, mutant.at):
                os._exit(UNSWAPPED)
            os._exit(SURVIVED if self._pass(tests) else KILLED)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        return {SURVIVED: "survived", UNSWAPPED: "import"}.get(code, "killed")

    def _ordered(self, path: Path, mutant: Mutant) -> list[pytest.Item]:
        own = f"test_{path.stem}"
        asked = [name for name in self._record.tests(path, mutant.first, mutant.last) if name in self._seconds]

        def order(name: str) -> tuple[bool, bool, float, str]:
            seconds = self._seconds[name]
            return seconds > SLOW, not Path(name.partition("::")[0]).name.startswith(own), seconds, name

        asked.sort(key=order)
        left = self._task.budget
        chosen: list[pytest.Item] = []
        for name in asked:
            if self._seconds[name] <= left:
                left -= self._seconds[name]
                chosen.append(self._items[name])
        return chosen

    def _pass(self, tests: Sequence[pytest.Item]) -> bool:
        try:
            for item, following in _pairs(tests):
                signal.setitimer(signal.ITIMER_PROF, 1 + 10 * self._seconds[item.nodeid])
                signal.setitimer(signal.ITIMER_REAL, WAITS)
                if any(report.failed for report in runtestprotocol(item, log=False, nextitem=following)):
                    return False
        except BaseException:  # noqa: BLE001 - whatever ends the run, even an exit, would have ended pytest's
            return False
        return True


def module_name(path: Path) -> str:
    """`core/acks`, from the package on."""
    parts = path.with_suffix("").parts
    return "/".join(parts[parts.index("pushwire") + 1 :])


def _distinct(mutants: Iterable[Mutant], path: Path, original: str) -> Iterable[Mutant]:
    """Without what compiles to nothing else than the original or one before it."""
    seen: set[tuple[str, object]] = set()
    for function, line in {(mutant.function, mutant.at) for mutant in mutants}:
        seen.add((function, shape(original, path, function, line)))
    for mutant in mutants:
        now = shape(mutant.source, path, mutant.function, mutant.at)
        if now is None or (mutant.function, now) in seen:
            continue
        seen.add((mutant.function, now))
        yield mutant


def _spare_shrinking() -> None:
    """A failing example needs not be made small here. Imported late, as pytest is to rewrite Hypothesis first."""
    from hypothesis.internal.conjecture import engine

    engine.MAX_SHRINKING_SECONDS = 0


def _begin() -> None:
    """A fork that is to run a mutant: silent, of bounded memory, and killed by its timers whatever the tests do."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    gc.disable()  # it would touch, and so copy, every page of the process that was forked
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _pairs(items: Sequence[pytest.Item]) -> Iterable[tuple[pytest.Item, pytest.Item | None]]:
    return zip(items, [*items[1:], None], strict=True)
