"""How late a message is in the caller's hands, against websockets.asyncio: both in turn, the lower quartiles of many rounds.

What else the machine does only ever makes a round later, and in half of them by more than either client does itself.
"""

from __future__ import annotations

import json
import statistics
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
    samples: dict[str, list[dict[str, float]]] = {OURS: [], PEER: []}
    feeder: list[float] = []
    for _ in range(rounds):
        for client, taken in samples.items():
            with feeding("paced", [kind, count, str(rate)]) as (port, said):
                taken.append(fed("late", client, port, [kind, count]))
                feeder.append(json.loads(said.read())["p99"])
    calm = {
        client: {name: lower_quartile([sample[name] for sample in taken]) * 1e6 for name in ("p50", "p99")}
        for client, taken in samples.items()
    }
    return {
        "row": f"{SIZES[kind]}-byte {kind}, {rate:,} a second",
        "messages": int(count),
        "rounds": rounds,
        "microseconds": calm,
        "of_the_peers": {name: calm[OURS][name] / calm[PEER][name] for name in ("p50", "p99")},
        "peer": PEER,
        # What the machine itself adds: how late the feeder had its turn, which knows nothing of the client.
        "feeder_p99_microseconds": lower_quartile(feeder) * 1e6,
    }


def lower_quartile(values: list[float]) -> float:
    return statistics.quantiles(values, n=4, method="inclusive")[0] if len(values) > 1 else values[0]


def rows(seconds: float, rounds: int) -> list[dict[str, object]]:
    return [row(kind, rate, seconds, rounds) for kind in ("push", "price") for rate in RATES]
