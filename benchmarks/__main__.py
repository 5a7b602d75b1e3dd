"""`python -m benchmarks [PART ...] [--smoke] [--write]`: everything against everybody, about half an hour; ratios alone count.

The parts: how much a message costs (`throughput`), what of that is decoding and the machine (`machine`), how late it is
(`latency`), the relay (`relay`), whether costs stay what they are (`growth`), what an import costs (`imports`). Their figures go
into `benchmarks/results/`, as JSON and as a plot; `--write` puts them into the page of the docs as well.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs

from . import growth, imports, latency, machine, relay, report, throughput
from .cases import certificates
from .results import conditions, keep


@attrs.frozen
class Scale:
    """How much of everything."""

    messages: int = 40_000
    rounds: int = 15
    """Short ones: they tell more than a few that are long, where a neighbour slows a machine down for a second at a time."""
    seconds: float = 1.0
    """Of one latency. Of these there are three times as many rounds: what the slowest hundredth is, a stall decides."""
    relayed: int = 100_000
    keys: int = 1_000_000
    subscriptions: int = 10_000
    connections: int = 1_000
    idle: float = 60.0
    flat: int = 5_000_000


SMOKE: Final = Scale(200, 1, 0.1, 2_000, 2_000, 200, 10, 0.5, 20_000)
"""Shows that it runs, and measures nothing."""


def run_throughput(scale: Scale) -> object:
    rows: list[object] = []
    with tempfile.TemporaryDirectory() as folder:
        for case, peers in throughput.cases(scale.messages, certificates(Path(folder))):
            rows.append(throughput.row(case, peers, scale.rounds))
            print(json.dumps(rows[-1], indent=2), flush=True)
    return rows


def run_machine(scale: Scale) -> object:
    return machine.row(scale.messages // 2, scale.rounds)


def run_latency(scale: Scale) -> object:
    return latency.rows(scale.seconds, 3 * scale.rounds)


def run_relay(scale: Scale) -> object:
    return relay.row(smoke=scale == SMOKE, messages=scale.relayed)


def run_growth(scale: Scale) -> object:
    few = scale.keys // 1_000
    return {
        "keys": growth.keys(max(few, 100), scale.keys, 2 * scale.rounds),
        "subscriptions": growth.subscriptions(scale.subscriptions // 10, scale.subscriptions, min(2, scale.rounds)),
        "crowd": growth.crowd_and_flat(scale.connections, scale.idle, scale.flat),
    }


def run_imports(scale: Scale) -> object:
    return imports.row(scale.rounds)


PARTS: Final[dict[str, Callable[[Scale], Any]]] = {  # JSON
    "throughput": run_throughput,
    "machine": run_machine,
    "latency": run_latency,
    "relay": run_relay,
    "growth": run_growth,
    "imports": run_imports,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all, where none is named")
    parser.add_argument("--smoke", action="store_true", help="a little of everything: shows that it runs, measures nothing")
    parser.add_argument("--growth", action="append_const", const="growth", dest="parts_by_flag", help="the same as the part")
    parser.add_argument("--write", action="store_true", help="put the figures into the page of the docs")
    parser.add_argument("--messages", type=int, default=Scale().messages)
    parser.add_argument("--rounds", type=int, default=Scale().rounds)
    arguments = parser.parse_args()
    wanted: list[str] = [*arguments.parts, *(arguments.parts_by_flag or [])] or list(PARTS)
    if unknown := set(wanted) - PARTS.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    scale = SMOKE if arguments.smoke else Scale(messages=arguments.messages, rounds=arguments.rounds)
    for part in wanted:
        before = conditions()
        figures = PARTS[part](scale)
        print(json.dumps({part: figures}, indent=2), flush=True)
        if not arguments.smoke:
            keep(part, {"conditions": before, "figures": figures})
    if not arguments.smoke:
        report.draw()
    if arguments.write:
        report.write()


if __name__ == "__main__":
    main()
