"""How late a message is in the caller's hands, against websockets.asyncio: both in turn, medians of several rounds.

Half of the rounds count: those in which the feeder had its turn in time. It knows nothing of the client, and says how the
machine was.
"""

from __future__ import annotations

import json
import statistics
from operator import itemgetter
from typing import Final

from .cases import fed, feeding
from .clients import OURS
from .late import PEER
from .payloads import SIZES

__all__ = ["rows"]

RATES: Final = (1_000, 10_000)
"""Messages a second."""


def row(kind: str, rate: int, seconds: float, rounds: int) -> dict[str, object]:
    count = str(max(200, int(rate * seconds)))
    samples: dict[str, list[tuple[float, dict[str, float]]]] = {OURS: [], PEER: []}
    for _ in range(rounds):
        for client, taken in samples.items():
            with feeding("paced", [kind, count, str(rate)]) as (port, said):
                sample = fed("late", client, port, [kind, count])
                taken.append((json.loads(said.read())["p99"], sample))
    # By how late the feeder was, the calmer half.
    counted = {client: sorted(taken, key=itemgetter(0))[: (rounds + 1) // 2] for client, taken in samples.items()}
    medians = {
        client: {name: statistics.median(sample[name] for _, sample in taken) * 1e6 for name in ("p50", "p99")}
        for client, taken in counted.items()
    }
    return {
        "row": f"{SIZES[kind]}-byte {kind}, {rate:,} a second",
        "messages": int(count),
        "rounds": rounds,
        "microseconds": medians,
        "of_the_peers": {name: medians[OURS][name] / medians[PEER][name] for name in ("p50", "p99")},
        "peer": PEER,
        # What the machine itself adds: how late the feeder had its turn, in the worst of the rounds that count.
        "feeder_p99_microseconds": max(late for taken in counted.values() for late, _ in taken) * 1e6,
    }


def rows(seconds: float, rounds: int) -> list[dict[str, object]]:
    return [row(kind, rate, seconds, rounds) for kind in ("push", "price") for rate in RATES]
