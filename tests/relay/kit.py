"""Entries by number, and a loop driven by hand."""

from __future__ import annotations

import random

from pushwire.relay.effects import Settle, Write
from pushwire.relay.entries import Entry, Outcome
from pushwire.relay.loop import Limits, Loop, Timing

STREAM = "wallets"


def entry(number: int, *, stream: str = STREAM, partition: str = "p", key: str | None = "", payload: str = "{}") -> Entry:
    """Entry `number`; its key is made of it, unless one is given."""
    own = f"{stream}:{number}" if key == "" else key
    return Entry(stream, "gelabs", "transaction", partition, own, f"d{payload!a}", payload, 1000.0 + number)


def number_of(entry: Entry) -> int:
    return round(entry.at - 1000.0)


def made(*, acks: bool = True, timing: Timing | None = None, seed: int = 0, **limits: float) -> Loop:
    """A loop with one stream, whose sink is open."""
    loop = Loop(Limits(**limits), timing or Timing(), random.Random(seed))  # type: ignore[arg-type] # of the right kind, by name
    loop.attach(STREAM, acks=acks)
    loop.start(0.0)
    loop.take_effects()
    loop.opened(0.0)
    return loop


def write_of(loop: Loop) -> Write:
    (effect,) = loop.take_effects()
    assert isinstance(effect, Write)
    return effect


def settle_of(loop: Loop) -> Settle:
    (effect,) = loop.take_effects()
    assert isinstance(effect, Settle)
    return effect


def all_stored(write: Write) -> list[Outcome]:
    return [Outcome.STORED] * len(write.entries)
