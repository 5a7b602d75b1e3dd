"""`python -m benchmarks [--smoke]`: every client in turn, several rounds, ratios of the medians; then the relay."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from typing import Final

from . import relay
from .payloads import SIZES
from .results import keep

PEERS: Final = ("websockets.asyncio + json.loads", "websockets.trio + json.loads", "trio-websocket + json.loads")
LIMIT: Final = "picows + msgspec"
"""Reads only."""

ROWS: Final = (("push", False), ("price", False), ("push", True))


def measure(client: str, kind: str, count: int, *, acks: bool) -> dict[str, float]:
    """Microseconds a message, wall and CPU, of one client in one run."""
    flags = ["--acks"] if acks else []
    feeder = [sys.executable, "-m", "benchmarks.feeder", kind, str(count), *flags]
    with subprocess.Popen(feeder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            port = process.stdout.readline().strip()
            command = [sys.executable, "-m", "benchmarks.peers", client, kind, port, str(count), *flags]
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
        finally:
            process.terminate()
    taken: dict[str, float] = json.loads(done.stdout)
    return {name: seconds / count * 1e6 for name, seconds in taken.items()}


def row(kind: str, count: int, rounds: int, *, acks: bool) -> dict[str, object]:
    """One row of the table: all clients in turn, `rounds` times, so that a drift of the machine hits all alike."""
    peers = PEERS if acks else (*PEERS, LIMIT)
    samples: dict[str, list[dict[str, float]]] = {client: [] for client in ("pushwire", *peers)}
    for _ in range(rounds):
        for client, taken in samples.items():
            taken.append(measure(client, kind, count, acks=acks))
    medians = {
        client: {clock: statistics.median(sample[clock] for sample in taken) for clock in ("wall", "cpu")}
        for client, taken in samples.items()
    }
    ratios = {peer: {clock: medians[peer][clock] / medians["pushwire"][clock] for clock in ("wall", "cpu")} for peer in peers}
    name = f"{SIZES[kind]}-byte {kind}" + (", full ACK cycle" if acks else ", receive only")
    return {"row": name, "messages": count, "rounds": rounds, "microseconds": medians, "times_faster": ratios}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="few messages, one round: shows that it runs, measures nothing")
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    count, rounds = (500, 1) if arguments.smoke else (arguments.messages, arguments.rounds)
    table: list[dict[str, object]] = []
    for kind, acks in ROWS:
        table.append(row(kind, count, rounds, acks=acks))
        print(json.dumps(table[-1], indent=2), flush=True)
    relayed = relay.row(smoke=arguments.smoke)
    print(json.dumps(relayed, indent=2), flush=True)
    if not arguments.smoke:
        keep("throughput", table)
        keep("relay", relayed)


if __name__ == "__main__":
    main()
