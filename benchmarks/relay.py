"""`python -m benchmarks.relay [--smoke]`: a stream of gelabs pushes through the relay into SQLite, events a second on one core.

Everything is on: validation, ledger and sink in files with full sync, an ACK for every event and its answer. The feeder, in a
process of its own on the other core, writes as fast as the relay reads.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from .payloads import SIZES
from .results import conditions, keep


def measure(count: int, warm: int, folder: Path) -> dict[str, Any]:  # a JSON object
    """One run of `count` events, of which the first `warm` do not count. Raises `AssertionError` where the sink does not hold
    what was sent, each once."""
    feeder = [
        sys.executable,
        "-m",
        "benchmarks.feeder",
        "push",
        str(count),
        "--acks",
        "--core",
        str(min(os.sched_getaffinity(0))),
    ]
    with subprocess.Popen(feeder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            port = process.stdout.readline().strip()
            command = [sys.executable, "-m", "benchmarks.relayed", port, str(count), str(warm), str(folder)]
            environment = {**os.environ, "PUSHWIRE_GELABS_API_KEY": "key"}
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=900, env=environment)
        finally:
            process.terminate()
    taken: dict[str, Any] = json.loads(done.stdout)
    with contextlib.closing(sqlite3.connect(folder / "events.db")) as sink:
        found = sink.execute("SELECT count(DISTINCT key), count(*) FROM events WHERE kind = 'transaction'").fetchone()
        aside = sink.execute("SELECT count(*) FROM events_quarantine").fetchone()
    with contextlib.closing(sqlite3.connect(folder / "ledger.db")) as ledger:
        finished = ledger.execute("SELECT count(*) FROM pushwire_ledger WHERE finished").fetchone()
        (commits,) = ledger.execute("SELECT commits FROM pushwire_schema").fetchone()
    assert (found, aside, finished) == ((count, count), (0,), (count,)), (found, aside, finished)
    return {**taken, "events_per_commit": count / commits}


def row(*, smoke: bool, messages: int = 300_000) -> dict[str, object]:
    """The row of the relay."""
    count, warm = (2_000, 500) if smoke else (messages, messages // 6)
    with tempfile.TemporaryDirectory(dir=os.environ.get("PUSHWIRE_BENCH_DISK")) as folder:
        return {"row": f"{SIZES['push']}-byte push, relay to SQLite", "messages": count, **measure(count, warm, Path(folder))}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.relay", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="few messages: shows that it runs, measures nothing")
    parser.add_argument("--messages", type=int, default=300_000)
    arguments = parser.parse_args()
    result = row(smoke=arguments.smoke, messages=arguments.messages)
    print(json.dumps(result, indent=2))
    if not arguments.smoke:
        keep("relay", {"conditions": conditions(), "figures": result})


if __name__ == "__main__":
    main()
