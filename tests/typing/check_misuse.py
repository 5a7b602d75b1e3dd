"""Checks a file of misuses: mypy and pyright must each reject every line marked `# expect-error`, and no other line.

    python tests/typing/check_misuse.py FILE...

Run from the project's root, so that mypy finds its settings.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

ROOT: Final = Path(__file__).parent.parent.parent
MARK: Final = "# expect-error"
MYPY_ERROR: Final = re.compile(r"^(?P<file>.+?):(?P<line>\d+): error: (?P<text>.*)$")


class _Start(msgspec.Struct):
    line: int


class _Range(msgspec.Struct):
    start: _Start


class _Diagnostic(msgspec.Struct):
    severity: str
    message: str
    range: _Range | None = None


class _PyrightReport(msgspec.Struct, rename="camel"):
    general_diagnostics: list[_Diagnostic]


def expected_lines(source: str) -> frozenset[int]:
    """The numbers, from 1, of the lines that must be rejected."""
    return frozenset(number for number, line in enumerate(source.splitlines(), 1) if line.rstrip().endswith(MARK))


def mypy_errors(path: Path) -> dict[int, str]:
    """What mypy rejects in `path`: its text by line."""
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--no-pretty", "--hide-error-context", str(path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode not in {0, 1} or answer.stderr:
        raise RuntimeError(f"mypy failed: {answer.stdout}{answer.stderr}")
    errors = [match for line in answer.stdout.splitlines() if (match := MYPY_ERROR.match(line))]
    return {int(error["line"]): error["text"] for error in errors if Path(error["file"]).resolve() == path.resolve()}


def pyright_errors(path: Path) -> dict[int, str]:
    """What pyright rejects in `path`: its text by line.

    The project's settings leave the file out, so it is checked as a copy, in a project of its own with the same strictness.
    """
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(path, folder)
        settings = {"typeCheckingMode": "strict", "extraPaths": [str(ROOT / "src")], "stubPath": str(ROOT / "typings")}
        Path(folder, "pyrightconfig.json").write_bytes(msgspec.json.encode(settings))
        command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "--project", folder]
        environment = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
        answer = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if answer.returncode not in {0, 1}:
        raise RuntimeError(f"pyright failed: {answer.stdout}{answer.stderr}")
    report = msgspec.json.decode(answer.stdout, type=_PyrightReport)
    return {
        item.range.start.line + 1: item.message
        for item in report.general_diagnostics
        if item.severity == "error" and item.range is not None
    }


CHECKERS: Final[Mapping[str, Callable[[Path], dict[int, str]]]] = {"mypy": mypy_errors, "pyright": pyright_errors}


def compare(expected: frozenset[int], errors: Mapping[int, str]) -> list[str]:
    """Where a checker's errors are not the expected ones, one sentence each."""
    missed = [f"line {line}: accepted, must be rejected" for line in sorted(expected - errors.keys())]
    return missed + [f"line {line}: rejected, must be accepted: {errors[line]}" for line in sorted(errors.keys() - expected)]


def check(path: Path) -> list[str]:
    """Everything wrong with `path`, over both checkers. A file without a single mark is wrong too: it would prove nothing."""
    expected = expected_lines(path.read_text(encoding="utf-8"))
    if not expected:
        return [f"{path}: no line is marked {MARK!r}"]
    return [
        f"{path}: {name}: {problem}" for name, errors_of in CHECKERS.items() for problem in compare(expected, errors_of(path))
    ]


def main(arguments: list[str]) -> int:
    problems = [problem for argument in arguments for problem in check(Path(argument))]
    print(*problems, sep="\n", end="\n" if problems else "")
    return 1 if problems or not arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
