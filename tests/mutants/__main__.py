"""`python -m tests.mutants [MODULE…]`: how many mutants the tests kill, and whether each survivor has its reason.

A MODULE is `core/acks`, or a folder of modules, `providers/gelabs`; without one all that `verdicts.SCOPE` names, or, with
`--providers`, what `verdicts.PROVIDERS` does. Exits with 1
when fewer than nine in ten are killed, or one survives that survivors.toml does not name.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.mutants.hunting import Hunter, Task, module_name
from tests.mutants.tracing import Record, Tracer
from tests.mutants.verdicts import ELSEWHERE, PROVIDER_TESTS, PROVIDERS, ROOT, SCOPE, TESTS, judge, previous, write

WORK = ROOT / "build" / "mutants"
QUIET = ["-q", "-p", "no:cacheprovider", "--capture=no", "--no-header", "-m", "not fuzz", "--assert=plain", "--tb=line"]


def main() -> int:
    arguments = _parser().parse_args()
    if arguments.providers:
        arguments.modules = arguments.modules or PROVIDERS
        arguments.tests = arguments.tests or PROVIDER_TESTS
    os.chdir(ROOT)
    WORK.mkdir(parents=True, exist_ok=True)
    if arguments.trace:
        return _trace(WORK / "record.json", arguments.tests or TESTS, arguments.modules or SCOPE)
    record = WORK / "record.json"
    if not (arguments.reuse and record.exists()):
        # In a process of its own: the one that forks must not have been traced.
        options = [f"--tests={each}" for each in arguments.tests or ()]
        if subprocess.run(
            [sys.executable, "-m", "tests.mutants", "--trace", *options, *arguments.modules], check=False
        ).returncode:
            print("the tests do not pass without a mutant")
            return 2
    paths = [path for module in arguments.modules or SCOPE for path in _files(module)]
    only = previous(WORK) if arguments.survivors else None
    task = Task(paths, arguments.budget, arguments.sample, arguments.seed, only, partial(write, WORK))
    hunter = Hunter(task, Record.load(record))
    pytest.main([*QUIET, *(arguments.tests or TESTS)], plugins=[hunter])
    if hunter.broken:
        print("these fail without a mutant, in the order they are run here:", *hunter.broken, sep="\n  ")
        return 2
    return judge(hunter.outcomes, whole=not (arguments.sample or arguments.survivors))


def _trace(record: Path, tests: list[str], modules: list[str]) -> int:
    tracer = Tracer([path for module in modules for path in _files(module)])
    code = pytest.main([*QUIET, *tests], plugins=[tracer])
    tracer.record().save(record)
    return int(code)


def _files(module: str) -> list[Path]:
    base = ROOT / "src" / "pushwire" / module
    files = sorted(base.rglob("*.py")) if base.is_dir() else [base.with_suffix(".py")]
    return [file for file in files if len(files) == 1 or module_name(file) not in ELSEWHERE]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE")
    parser.add_argument("--providers", action="store_true", help="the providers in place of core, with the tests of both")
    parser.add_argument("--tests", action="append", help="a file or folder of tests, in place of all")
    parser.add_argument("--budget", type=float, default=4.0, help="seconds of tests for one mutant")
    parser.add_argument("--sample", type=int, help="so many mutants of each module, drawn by --seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reuse", action="store_true", help="use the record of which test runs what of the run before")
    parser.add_argument("--survivors", action="store_true", help="only what survived in the run before")
    parser.add_argument("--trace", action="store_true", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
