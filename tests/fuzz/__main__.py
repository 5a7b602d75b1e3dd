"""`python -m tests.fuzz [TARGET ...] [--inputs N] [--base K] [--processes P]`, or, `python -m tests.fuzz TARGET --seed K`.

The exit status is 1 where something was found.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence

from tests.fuzz.pool import line, reports, verdict
from tests.fuzz.run import Report, replay
from tests.fuzz.targets import TARGETS, target


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description="Gives much to all that reads what strangers wrote."
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all, where none is given")
    parser.add_argument("--inputs", type=int, default=100_000, help="how many in total")
    parser.add_argument("--base", type=int, help="the seed of the first case; another one each time, unless given")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, help="play this one case of TARGET, and tell of it")
    given = parser.parse_args(arguments)
    unknown = sorted(set(given.targets) - set(TARGETS))
    if unknown:
        parser.error(f"there is no target {', '.join(unknown)}; there are: {', '.join(TARGETS)}")
    if given.seed is not None:
        if len(given.targets) != 1:
            parser.error("--seed needs one TARGET")
        return 0 if replay(target(given.targets[0]), given.seed, print) else 1
    base = random.SystemRandom().randrange(1 << 40) if given.base is None else given.base
    print(f"base seed {base}", flush=True)
    begun = time.monotonic()
    found = reports(given.targets or TARGETS, given.inputs, base, given.processes)
    total = Report("total")
    for report in found:
        total.add(report)
    print(*map(line, (*found, total)), sep="\n")
    print(f"{time.monotonic() - begun:.0f} seconds, base seed {base}")
    wrong = verdict(found)
    print(*wrong, sep="\n\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
