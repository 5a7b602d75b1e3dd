"""Whether costs stay what they are as things grow: keys, subscriptions, connections, messages.

What is timed is a ratio of CPU times of processes that take turns. What is not runs side by side.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
from collections.abc import Generator, Sequence
from typing import Any

from .clients import OURS
from .crowd import BARE
from .keys import WORKLOADS
from .restore import BURST, PROVIDERS, RATE

__all__ = ["crowd_and_flat", "keys", "subscriptions"]


@contextlib.contextmanager
def process(module: str, *arguments: object) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        try:
            yield running
        finally:
            running.kill()


def said(running: subprocess.Popen[str]) -> Any:  # whatever JSON it says
    assert running.stdout is not None
    return json.loads(running.stdout.readline())


def keys(few: int, many: int, rounds: int) -> list[dict[str, object]]:
    """What a message costs with `many` keys known, as a multiple of what it costs with few."""
    rows: list[dict[str, object]] = []
    for workload in WORKLOADS:
        for again in (False, True):
            flags = ["--again"] if again else []
            with process("keys", workload, few, *flags) as small, process("keys", workload, many, *flags) as large:
                taken: dict[int, list[float]] = {few: [], many: []}
                for _ in range(rounds + 1):
                    for known, running in ((few, small), (many, large)):
                        assert running.stdin is not None
                        print(file=running.stdin, flush=True)
                        taken[known].append(said(running))
            # The first time, the interpreter adapts its code to what it sees.
            medians = {known: statistics.median(seconds[1:]) for known, seconds in taken.items()}
            rows.append(
                {
                    "row": f"{workload}, {'known' if again else 'new'}",
                    "keys": [few, many],
                    "times": medians[many] / medians[few],
                    "microseconds": {str(known): seconds * 1e6 for known, seconds in medians.items()},
                }
            )
    return rows


def subscriptions(few: int, many: int, rounds: int) -> list[dict[str, object]]:
    """What it costs to restore each of `many` subscriptions, as a multiple of what it costs with few."""
    rows: list[dict[str, object]] = []
    with process("restore", few, many, rounds) as running:
        for _ in PROVIDERS:
            told = said(running)
            least = {count: min(one["restored"] for one in told[which]) for count, which in ((few, "few"), (many, "many"))}
            every = [*told["few"], *told["many"]]
            rows.append(
                {
                    "row": told["row"],
                    "subscriptions": [few, many],
                    "times": least[many] / least[few],
                    "microseconds": {str(count): seconds * 1e6 for count, seconds in least.items()},
                    "each_once": all(one["each_once"] for one in every),
                    "paced": all(one["most_in_a_second"] <= RATE + BURST for one in every),
                }
            )
    return rows


def crowd_and_flat(connections: int, seconds: float, messages: int) -> dict[str, Any]:
    """Memory and CPU of idle connections, and memory over very many messages."""
    with contextlib.ExitStack() as stack:
        flat = {kind: stack.enter_context(process("flat", kind, messages)) for kind in ("push", "price")}
        server = stack.enter_context(process("crowd_server"))
        port = said(server)
        crowds = {
            (client, pings): stack.enter_context(
                process("crowd", client, port, connections, seconds, *([] if pings else ["--no-pings"]))
            )
            for client in (OURS, BARE)
            for pings in (True, False)
        }
        crowd = {key: said(running) for key, running in crowds.items()}
        samples: dict[str, Sequence[int]] = {kind: said(running)["samples"] for kind, running in flat.items()}
    ours, bare = crowd[OURS, True], crowd[BARE, True]
    return {
        "connections": connections,
        "seconds": seconds,
        "memory_times_bare": ours["each"] / bare["each"],
        "process_times_bare": ours["whole"] / bare["whole"],
        "bytes_each": {OURS: ours["each"], BARE: bare["each"]},
        "cpu_share": {
            f"{client}, {'pings by default' if pings else 'no pings'}": told["cpu"] / told["seconds"]
            for (client, pings), told in crowd.items()
        },
        "messages": messages,
        # What is remembered is full long before the middle.
        "grown_since_the_middle": {kind: taken[-1] / taken[len(taken) // 2] for kind, taken in samples.items()},
        "bytes": samples,
    }
