"""What will go wrong in one story, drawn from its seed: values only."""

from __future__ import annotations

import random
from typing import Final, Literal, TypeAlias

import attrs

from ..core.holds import HoldLimits

__all__ = ["Plan", "Trouble", "TroubleKind", "draw"]

TroubleKind: TypeAlias = Literal[
    "cut", "half-open", "unreachable", "stall up", "stall down", "corrupt", "restart", "goodbye", "slow caller", "crash",
    "store fails", "store slow", "expire",
]  # fmt: skip

CHAOS: Final = 180.0
"""Seconds in which things go wrong."""
HEALED: Final = 100.0
"""Seconds after that within which all must be well again."""
QUIET: Final = 60.0
"""Seconds after that in which the feed goes on, and nothing may be missing any more."""

_EVERYWHERE: Final[tuple[TroubleKind, ...]] = (
    "cut", "cut", "cut", "half-open", "unreachable", "stall up", "stall down", "corrupt", "restart", "goodbye", "slow caller",
)  # fmt: skip
_WITH_A_LEDGER: Final[tuple[TroubleKind, ...]] = (*_EVERYWHERE, "crash", "crash", "store fails", "store slow")
_LIMITS: Final = (HoldLimits(), HoldLimits(rows=100, out=8), HoldLimits(rows=6, out=2))
_MUTE: Final = "mute:{seconds:.1f},every=60"
_HOLDING: Final = (_MUTE, "slow:{seconds:.1f}", "reorder:0.2")
"""They hold back what has been made, while pings are answered."""
_FAULTS: Final = (
    *_HOLDING,
    "accept-then-close:1011,share=0.3",
    "accept-then-close:1012,share=0.5",
    "accept-then-close:1013,share=0.95",
    "refuse:503,share=0.3,after=5",
    "refuse:429,share=0.2,after=20",
    "drop:{long:.0f}",
    "garbage:0.1",
)
_TWICE: Final = "duplicate:0.2"


@attrs.frozen
class Trouble:
    """At `at` seconds this happens, for `seconds` where it lasts."""

    at: float
    kind: TroubleKind
    seconds: float


@attrs.frozen
class Plan:
    """One story. `delay` is the mean one-way delay in seconds, `split` the share of reads that are cut in pieces."""

    delay: float
    split: float
    troubles: tuple[Trouble, ...]
    faults: tuple[str, ...]
    hold: float
    """Seconds for which the server may hold back what it has made. It answers pings meanwhile, so that a gap is told as so much
    shorter than it is: no client can know better."""
    patience: float
    """Seconds after which a caller who gets no answer cancels, and asks again."""
    lag: float
    """The mean time in seconds that the caller takes for an event."""
    negligent: float
    """The share of events that the caller does nothing about while things go wrong."""
    parking: float
    """The share of events that it sets aside."""
    receipts: HoldLimits | None
    """Where the provider gets its ACK as soon as an event is durable: how much may be held."""


def draw(rng: random.Random, *, ledger: bool, distinct: bool, answers: bool) -> Plan:
    """The plan of a story. `ledger`: there is a store, and a crash is survived; `distinct`: a message sent twice can be told from
    two; `answers`: a command that a server has lost is noticed, since its answer is missed."""
    kinds = _WITH_A_LEDGER if ledger else _EVERYWHERE
    troubles = [
        Trouble(rng.uniform(0.0, CHAOS), rng.choice(kinds), rng.choice((0.05, 1.0, 10.0, 45.0)) * rng.uniform(0.5, 1.5))
        for _ in range(rng.randrange(12))
    ]
    if not ledger and rng.random() < 0.4:
        # Once: a new token that is refused as well soon after means that there will be none.
        troubles.append(Trouble(rng.uniform(0.0, CHAOS), "expire", rng.uniform(1.0, 20.0)))
    possible = [fault for fault in (*_FAULTS, _TWICE) if (answers or fault != _MUTE) and (distinct or fault != _TWICE)]
    faults = rng.sample(possible, rng.choice((0, 1, 1, 2, 3)))
    seconds = rng.uniform(0.5, 15.0)
    return Plan(
        delay=rng.choice((0.001, 0.02, 0.3)),
        split=rng.choice((0.0, 0.1, 0.5)),
        troubles=tuple(sorted(troubles, key=lambda trouble: trouble.at)),
        faults=tuple(fault.format(seconds=seconds, long=rng.uniform(10, 60)) for fault in faults),
        hold=sum(seconds for fault in faults if fault in _HOLDING),
        patience=rng.choice((5.0, 60.0, 1000.0)),
        lag=rng.choice((0.0, 0.1, 20.0)),
        negligent=rng.choice((0.0, 0.0, 0.3)),
        parking=rng.choice((0.0, 0.1)),
        receipts=rng.choice(_LIMITS) if ledger and rng.random() < 0.4 else None,
    )
