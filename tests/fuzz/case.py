"""What one fuzz target is, what it is given, and what comes of it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeAlias

import attrs

__all__ = ["Case", "Raw", "Tally", "Target", "decoded", "encoded"]

Raw: TypeAlias = str | bytes

_BETWEEN: Final = b"\x1e\x1e"
"""Stands between the inputs of a case that is written as bytes, for an engine that knows nothing else."""
_SETUP: Final = 4


@attrs.frozen
class Case:
    """`setup` decides, as a seed, all that is not an input: the state in which they find what is tested, how they are cut."""

    setup: int
    inputs: tuple[Raw, ...]


@attrs.define
class Tally:
    """How many inputs were given, and what came of them. `tell` is told of each, where somebody wants the story."""

    inputs: int = 0
    outcomes: Counter[str] = attrs.Factory(Counter[str])
    tell: Callable[[str], None] | None = None

    def count(self, given: object, outcome: str) -> None:
        self.inputs += 1
        self.outcomes[outcome] += 1
        if self.tell is not None:
            shown = repr(given)
            self.tell(f"{outcome:>12}  {shown if len(shown) < 2000 else f'{shown[:1000]} ... {shown[-500:]}'}")


class Target(Protocol):
    """Something that reads what strangers wrote."""

    @property
    def name(self) -> str: ...

    @property
    def share(self) -> int:
        """Of all inputs, in proportion to the other targets."""
        ...

    def draw(self, rng: random.Random) -> Case:
        """A case; the same from the same `rng`."""
        ...

    def change(self, rng: random.Random, case: Case) -> Case:
        """A case much like this one."""
        ...

    def check(self, case: Case, tally: Tally) -> None:
        """Give the inputs to what is tested. Raises for whatever ought not to have come of them."""
        ...


def encoded(case: Case) -> bytes:
    """The case as bytes."""
    raws = (raw if isinstance(raw, bytes) else raw.encode(errors="surrogatepass") for raw in case.inputs)
    return case.setup.to_bytes(_SETUP) + _BETWEEN.join(raws)


def decoded(data: bytes) -> Case:
    """The case that bytes stand for; any bytes stand for one. What is text comes as text."""
    return Case(int.from_bytes(data[:_SETUP]), tuple(map(_text_or_bytes, data[_SETUP:].split(_BETWEEN))))


def _text_or_bytes(raw: bytes) -> Raw:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def shrunk(case: Case, fails: Callable[[Case], bool]) -> Case:
    """The case without the inputs that are not needed to make it fail."""
    inputs: Sequence[Raw] = case.inputs
    for place in reversed(range(len(inputs))):
        fewer = Case(case.setup, (*inputs[:place], *inputs[place + 1 :]))
        if fails(fewer):
            inputs = fewer.inputs
    return Case(case.setup, tuple(inputs))
