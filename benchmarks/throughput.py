"""How much a message costs, CPU and wall, against the peers: every client in turn, several rounds, ratios of the medians."""

from __future__ import annotations

import importlib.util
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from .cases import Case, fed, feeding
from .clients import OURS

__all__ = ["cases", "row"]

WEBSOCKETS: Final = "websockets.asyncio + json.loads"
ON_TRIO: Final = ("websockets.trio + json.loads", "trio-websocket + json.loads")
LIMIT: Final = "picows + msgspec"
"""Reads only."""
PEERS: Final = (WEBSOCKETS, *ON_TRIO)
OWN: Final = ("cryptofeed", "ccxt")
"""With a message path of their own."""
INSTALLED: Final = {"cryptofeed": "cryptofeed", "ccxt": "ccxt", "pysher": "pysher"}
"""What the environment may lack, by client."""


def cases(count: int, tls: Path) -> list[tuple[Case, Sequence[str]]]:
    """What is measured, each with its peers; `tls` is the folder of the certificates. `count`: messages, half as many where each
    is ACKed, which takes four times as long."""
    return [
        (Case("push", count), (*PEERS, LIMIT)),
        (Case("price", count), (*PEERS, LIMIT, *OWN)),
        (Case("push", count // 2, acks=True), PEERS),
        (Case("push", count, tls=tls), (WEBSOCKETS,)),
        (Case("price", count, tls=tls), (WEBSOCKETS,)),
        (Case("push", count, deflate=True), (WEBSOCKETS,)),
        (Case("price", count, deflate=True), (WEBSOCKETS,)),
        (Case("event", count), (WEBSOCKETS, "pysher")),
    ]


def missing(client: str) -> bool:
    """Whether a client is not installed here."""
    return client in INSTALLED and importlib.util.find_spec(INSTALLED[client]) is None


def row(case: Case, peers: Sequence[str], rounds: int) -> dict[str, object]:
    """One row of the table: all clients in turn, `rounds` times, so that a drift of the machine hits all alike."""
    present = [peer for peer in peers if not missing(peer)]
    samples: dict[str, list[dict[str, float]]] = {client: [] for client in (OURS, *present)}
    with feeding("feeder", [*case.arguments, "--clients", str(rounds * len(samples))]) as (port, _):
        for _ in range(rounds):
            for client, taken in samples.items():
                seconds = fed("peers", client, port, case.arguments)
                taken.append({clock: value / case.count * 1e6 for clock, value in seconds.items()})
    medians = {
        client: {clock: statistics.median(sample[clock] for sample in taken) for clock in ("wall", "cpu")}
        for client, taken in samples.items()
    }
    ratios = {peer: {clock: medians[peer][clock] / medians[OURS][clock] for clock in ("wall", "cpu")} for peer in present}
    return {
        "row": case.name,
        "messages": case.count,
        "rounds": rounds,
        "microseconds": medians,
        "times_faster": ratios,
        "not_installed": [peer for peer in peers if missing(peer)],
    }
