"""What a message costs while so many keys are known. Runs in a process of its own, a few reads each time a line comes in.

A machine alone, without sockets. Who starts it has another beside it that knows fewer, and lets them take turns.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

from pushwire.core.effects import Identity
from pushwire.providers import quantcite
from pushwire.providers.quantcite.machine import QuantciteMachine
from pushwire.testing import quantcite as build

from .driven import Driven, gelabs_driven, gelabs_identity, quantcite_driven
from .payloads import message
from .workloads import READ

READS: Final = 50
"""Reads that are measured at a time."""

Texts = Callable[[Sequence[int]], list[str]]
"""The messages of one read, by the numbers of what is in them."""
Take = Callable[[Sequence[str]], None]


def pushes(known: int) -> tuple[Texts, Take]:
    identity = gelabs_identity(0)
    keys = [Identity((*identity.key[:2], _hash(number)), identity.version) for number in range(known)]
    assert keys[0] == identity, "the hashes of pushes are others by now"
    driven = gelabs_driven(remember=known, finished=keys)

    def take(texts: Sequence[str]) -> None:
        events = driven.receive(texts)
        if events:
            driven.acked(events)

    return lambda numbers: [message("push", number) for number in numbers], take


def transactions(known: int) -> tuple[Texts, Take]:
    driven = quantcite_driven(remember=known)
    text = build.transaction_response(build.wire(transaction_id="0"), exchange="bybit")
    (event,) = driven.receive([text])
    _remember(driven, event, known)
    row = json.dumps(json.loads(text)["transactions"][0], separators=(",", ":")).replace('"0"', '"%s"')
    whole = text.replace(json.dumps(json.loads(text)["transactions"][0], separators=(",", ":")), "%s")
    assert row != whole != text, "the builder writes it in another way by now"

    def take(texts: Sequence[str]) -> None:
        driven.receive(texts)

    return lambda numbers: [whole % ",".join(row % _hash(number) for number in numbers)], take


def _remember(driven: Driven, event: quantcite.Transaction, known: int) -> None:
    """As if so many had come: to let them come would take half a minute."""
    machine, identity = driven.machine, event.identity
    assert isinstance(machine, QuantciteMachine)
    for number in range(known):
        key = tuple(_hash(number) if part == event.transaction_id else part for part in identity.key)
        machine._known.add(key)  # pyright: ignore[reportPrivateUsage]
        machine._delivered.add(Identity(key, identity.version))  # pyright: ignore[reportPrivateUsage]


def _hash(number: int) -> str:
    return f"0x{hashlib.sha256(str(number).encode()).hexdigest()}"


WORKLOADS: Final = {"gelabs, ACKed": pushes, "quantcite": transactions}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("workload", choices=list(WORKLOADS))
    parser.add_argument("known", type=int)
    parser.add_argument("--again", action="store_true", help="send what is known, in the order it came, in place of new ones")
    arguments = parser.parse_args()
    texts, take = WORKLOADS[arguments.workload](arguments.known)
    following = 0 if arguments.again else arguments.known
    for _ in sys.stdin:
        reads: list[list[str]] = []
        for _ in range(READS):
            numbers = [number % arguments.known if arguments.again else number for number in range(following, following + READ)]
            following += READ
            reads.append(texts(numbers))
        begun = time.process_time()
        for read in reads:
            take(read)
        print((time.process_time() - begun) / READS / READ, flush=True)


if __name__ == "__main__":
    main()
