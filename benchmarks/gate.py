"""`python -m benchmarks.gate [--write]`: does a message cost more than it did? Instructions are counted, never time.

Two figures for each workload, of one message:

- *steps* of the interpreter in pushwire's own code. The same on every machine and build of one Python version.
- *instructions* of the processor, all code included, counted by callgrind where valgrind is installed, as a share of what
  `json.loads` of a push takes in the same run. Another build of Python, or of a library, changes them: they are compared with
  figures of the same build alone.

What both were is in `gate.json`. More than 5 % above it fails; more than 5 % below it asks for `--write`. Figures that there is
nothing to compare with are shown, and fail nothing.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any, Final, TypeAlias

import pushwire
from pushwire.core.speedups import COMPILED

from .workloads import READ, REFERENCE, WORKLOADS, reads

BASELINE: Final = Path(__file__).parent / "gate.json"
OURS: Final = str(Path(pushwire.__file__).parent)
BOUND: Final = 0.05
WARM: Final = 10
"""Reads before the counting: the interpreter adapts its code to what it sees."""
COUNTED: Final = 10
"""Reads that are counted."""
MARK: Final = "getppid"
"""A function of libc that nothing else calls: where callgrind ends a count and begins the next."""

Figures: TypeAlias = dict[str, float]


def count_steps() -> Figures:
    """Steps of the interpreter a message, in pushwire's files."""
    steps = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:  # as `sys.settrace` has it
        nonlocal steps
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        steps += event == "opcode"
        return trace

    figures: Figures = {}
    for name, (kind, prepare) in WORKLOADS.items():
        run, texts = prepare(), reads(kind, WARM + 1)
        for read in texts[:-1]:
            run(read)
        steps = 0
        sys.settrace(trace)
        run(texts[-1])
        sys.settrace(None)
        figures[name] = round(steps / READ, 1)
    # Decoders take no step.
    return {name: figure for name, figure in figures.items() if figure}


def run_marked() -> None:
    """Run all workloads, with a mark before and behind each. This is what runs under callgrind."""
    for kind, prepare in WORKLOADS.values():
        run, texts = prepare(), reads(kind, WARM + COUNTED)
        for read in texts[:WARM]:
            run(read)
        gc.collect()
        os.getppid()
        for read in texts[WARM:]:
            run(read)
        os.getppid()


def count_instructions() -> Figures | None:
    """Instructions a message, as a share of the reference's. None: there is no valgrind."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "count"
        tool = [valgrind, "--tool=callgrind", f"--dump-before={MARK}", f"--callgrind-out-file={out}"]
        command = [*tool, sys.executable, "-m", "benchmarks.gate", "--marked"]
        # The same hashes in every run.
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"callgrind failed:\n{done.stderr}")
            return None
        # The first is all up to the first mark; from then on, every second one is a workload.
        counts = [_total(Path(f"{out}.{2 * place + 2}")) for place in range(len(WORKLOADS))]
    figures = dict(zip(WORKLOADS, counts, strict=True))
    reference = figures.pop(REFERENCE)
    return {name: round(count / reference, 4) for name, count in figures.items()}


def _total(dump: Path) -> int:
    found = re.search(r"^(?:summary|totals): (\d+)", dump.read_text(), re.MULTILINE)
    assert found is not None, f"{dump} has no total"
    return int(found[1])


def python() -> str:
    """What steps depend on."""
    speedups = "" if COMPILED else ", nothing compiled"
    return f"{platform.python_implementation()} {sys.version_info.major}.{sys.version_info.minor}{speedups}"


def build() -> str:
    """What instructions depend on."""
    parts = (python(), platform.machine(), *platform.libc_ver(), sys.version, *platform.python_build())
    libraries = (f"{name} {version(name)}" for name in ("msgspec", "websockets", "attrs"))
    return " ".join((*parts, *libraries)).replace("\n", " ")


def compared(title: str, of: str, figures: Figures, before: Figures | None) -> list[str]:
    """Show figures beside what they were. Returns those that grew by more than the bound."""
    print(f"{title} a message, of {of}" + (":" if before else ": nothing to compare with, --write keeps them"))
    grown: list[str] = []
    for name, figure in figures.items():
        old = None if before is None else before.get(name)
        if old is None:
            print(f"  {name:30} {figure:10}")
            continue
        change = figure / old - 1
        verdict = ""
        if change > BOUND:
            verdict = "  TOO MUCH"
            grown.append(f"{name}: {old} -> {figure} {title} ({change:+.1%})")
        elif change < -BOUND:
            verdict = "  less: keep it with --write"
        print(f"  {name:30} {old:10} -> {figure:10} {change:+7.1%}{verdict}")
    return grown


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate", description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep these figures as what is compared with")
    parser.add_argument("--marked", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.marked:
        run_marked()
        return 0
    kept: dict[str, dict[str, Figures]] = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    found = {"steps": (python(), count_steps()), "instructions": (build(), count_instructions())}
    grown: list[str] = []
    for kind, (of, figures) in found.items():
        if figures is None:
            print(f"{kind}: not counted, valgrind is needed")
            continue
        grown += compared(kind, of, figures, kept.get(kind, {}).get(of))
        if arguments.write:
            kept.setdefault(kind, {})[of] = figures
    if arguments.write:
        BASELINE.write_text(json.dumps(kept, indent=2) + "\n")
        return 0
    for line in grown:
        print(f"grown by more than {BOUND:.0%}: {line}")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
