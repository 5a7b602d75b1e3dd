"""What decoding costs, and what the machine adds to it: CPU time, as shares of what `json.loads` of the push takes.

The gate's workloads, by the clock: all take turns, read by read, in one process, and several processes one after the other.
`python -m benchmarks.machine READS` is one of them.
"""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import time

from .workloads import READ, REFERENCE, WORKLOADS, reads

__all__ = ["row"]

WARM = 20
"""Reads before those that count."""


def measure(count: int) -> dict[str, float]:
    """Microseconds a message, by workload."""
    runs = {name: prepare() for name, (_, prepare) in WORKLOADS.items()}
    texts = {kind: reads(kind, WARM + count) for kind, _ in WORKLOADS.values()}
    gc.collect()
    taken = dict.fromkeys(runs, 0)
    for number in range(WARM + count):
        for name, run in runs.items():
            read = texts[WORKLOADS[name][0]][number]
            begun = time.process_time_ns()
            run(read)
            if number >= WARM:
                taken[name] += time.process_time_ns() - begun
    return {name: spent / count / READ / 1e3 for name, spent in taken.items()}


def row(messages: int, rounds: int) -> dict[str, object]:
    command = [sys.executable, "-m", "benchmarks.machine", str(max(1, messages // READ))]
    told = [subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=300).stdout for _ in range(rounds)]
    taken: list[dict[str, float]] = list(map(json.loads, told))
    medians = {name: statistics.median(each[name] for each in taken) for name in WORKLOADS}
    reference = medians[REFERENCE]
    added = {kind: medians[f"machine: receive a {kind}"] - medians[f"decode a {kind}"] for kind in ("push", "price")}
    return {
        "messages": messages,
        "rounds": rounds,
        "microseconds": medians,
        "shares": {name: spent / reference for name, spent in medians.items()},
        "added": {kind: spent / reference for kind, spent in added.items()},
    }


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
