"""A pytest plugin that records which test runs which lines of the files that are to be mutated.

What must not live here: the mutants. A mutant is then put to the tests that run its statement, and to no other.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator
from pathlib import Path

import attrs
import coverage
import pytest

from tests.mutants.swapping import forgetting

__all__ = ["Record", "Tracer"]


@attrs.frozen
class Record:
    """`lines`: file -> line -> the tests that run it. A line that runs as the file is imported is in `imported`. `seconds`: what
    each test took of the processor while it was recorded."""

    lines: dict[str, dict[int, list[str]]]
    imported: dict[str, list[int]]
    seconds: dict[str, float]

    def tests(self, path: Path, first: int, last: int) -> set[str]:
        lines = self.lines.get(str(path), {})
        return {test for line in range(first, last + 1) for test in lines.get(line, ())}

    def save(self, path: Path) -> None:
        names = sorted({test for lines in self.lines.values() for tests in lines.values() for test in tests})
        numbers = {name: number for number, name in enumerate(names)}
        lines = {
            file: {line: sorted(numbers[test] for test in tests) for line, tests in found.items()}
            for file, found in self.lines.items()
        }
        path.write_text(json.dumps({"tests": names, "lines": lines, "imported": self.imported, "seconds": self.seconds}))

    @classmethod
    def load(cls, path: Path) -> Record:
        found = json.loads(path.read_text())
        names: list[str] = found["tests"]
        lines: dict[str, dict[str, list[int]]] = found["lines"]
        named = {
            file: {int(line): [names[number] for number in numbers] for line, numbers in each.items()}
            for file, each in lines.items()
        }
        return cls(named, found["imported"], found["seconds"])


class Tracer:
    """Made before anything of pushwire is imported; `record()` once pytest is through."""

    def __init__(self, paths: list[Path]) -> None:
        self._paths = [str(path) for path in paths]
        self._coverage = coverage.Coverage(data_file=None, branch=False, include=self._paths, config_file=False)
        self._coverage.start()
        self._seconds: dict[str, float] = {}
        self._forget: Callable[[], None] = lambda: None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> None:
        self._forget = forgetting([Path(path) for path in self._paths])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        # Each test runs all that it needs, whichever came before it.
        self._forget()
        self._coverage.switch_context(item.nodeid)
        begun = time.process_time()
        try:
            return (yield)
        finally:
            self._seconds[item.nodeid] = time.process_time() - begun
            self._coverage.switch_context("")

    def record(self) -> Record:
        self._coverage.stop()
        data = self._coverage.get_data()
        lines: dict[str, dict[int, list[str]]] = {}
        imported: dict[str, list[int]] = {}
        for path in self._paths:
            found = data.contexts_by_lineno(path)
            lines[path] = {line: [name for name in names if name] for line, names in found.items()}
            imported[path] = [line for line, names in found.items() if "" in names]
        return Record(lines, imported, self._seconds)
