"""The same targets, led by coverage: `python -m tests.fuzz.guided TARGET [libFuzzer's options]`, where `atheris` is installed.

libFuzzer keeps what reaches new code and goes on from there; half of what it tries is changed by our own mutators, half by its
own. It stops at the first fault, and writes the case into a file `crash-...`, which it plays again when given as an argument.
"""

from __future__ import annotations

import importlib
import random
import sys
from typing import Any

from tests.fuzz.case import Tally, decoded, encoded


def main(arguments: list[str]) -> None:
    # Typed by nobody, and on few platforms: hence by its name.
    atheris: Any = importlib.import_module("atheris")
    # What is to be led by must be loaded by it.
    with atheris.instrument_imports(include=["pushwire"], exclude=["pushwire.testing", "pushwire.sandbox"]):
        targets = importlib.import_module("tests.fuzz.targets")
    target = targets.target(arguments[0])

    def check(data: bytes) -> None:
        target.check(decoded(data), Tally())

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < 0.5:
            changed: bytes = atheris.Mutate(data, longest)
            return changed
        case = target.draw(rng) if rng.random() < 0.1 else target.change(rng, decoded(data))
        return encoded(case)[:longest]

    atheris.Setup([sys.argv[0], "-max_len=16384", "-timeout=20", *arguments[1:]], check, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
