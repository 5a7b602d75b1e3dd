"""Memory over very many messages, of a machine and its inbox alone. Runs in a process of its own.

What a machine remembers is bounded by its settings; once that many have come, nothing may grow any more.
"""

from __future__ import annotations

import argparse
import gc
import json
from collections.abc import Callable
from typing import Any, Final

from pushwire.shell.inbox import Inbox

from .crowd import memory
from .driven import gelabs_driven, prices_driven
from .payloads import SIZES, message
from .workloads import READ

SAMPLES: Final = 20
REMEMBERED: Final = 10_000
"""Settings: what the machine remembers, of keys."""
MARK: Final = "f" * 16
"""In place of the number, in the text that all are made of."""

Texts = Callable[[int], list[str]]
"""The messages of one read, from this number on."""


def pushes() -> Texts:
    """Their hashes are as long as true ones, and cheaper."""
    fields = json.loads(message("push", 0))
    fields["data"]["txhash"] = "0x" + "0" * 48 + MARK
    fields["id"] = MARK
    head, middle, tail = json.dumps(fields, separators=(",", ":")).split(MARK)
    return lambda number: [f"{head}{at:016x}{middle}{at:016x}{tail}" for at in range(number, number + READ)]


def prices() -> Texts:
    reads = [[message("price", at) for at in range(number, number + READ)] for number in range(0, 5_000, READ)]
    return lambda number: reads[number // READ % len(reads)]


def run(kind: str, count: int) -> list[int]:
    """The memory at so many moments, each after as many messages as the last, the first after the first of them."""
    driven, texts = (gelabs_driven(remember=REMEMBERED), pushes()) if kind == "push" else (prices_driven(), prices())
    inbox: Inbox[Any] = Inbox(1024)  # of either provider's events
    taken: list[int] = []
    reads = count // READ
    for read in range(reads):
        assert not inbox.full
        inbox.put(driven.receive(texts(read * READ)), READ * SIZES[kind])
        got = inbox.take_many_nowait(READ)
        assert got is not None
        assert len(got) == READ, "one is missing"
        if kind == "push":
            driven.acked(got)
        if (read + 1) * SAMPLES // reads > read * SAMPLES // reads:
            gc.collect()
            taken.append(memory())
    return taken


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["push", "price"])
    parser.add_argument("count", type=int)
    arguments = parser.parse_args()
    print(json.dumps({"samples": run(arguments.kind, arguments.count)}))


if __name__ == "__main__":
    main()
