"""What a machine must not have of its own: randomness, ids, and the time of day. The one place they come from."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable
from typing import Final

import attrs

from ..core.ids import id_source

__all__ = ["SYSTEM", "Entropy", "id_source"]

SYSTEM: Final = random.SystemRandom()
"""For whom nobody has given a seed and no journal writes it down: it has no state, so that all may share it, across a fork too. A
`random.Random` of its own takes 2.5 KB."""


@attrs.frozen
class Entropy:
    """A seed for the machine's `random.Random`, a prefix for its ids, and a wall clock (POSIX seconds)."""

    seed: int = attrs.field(factory=lambda: secrets.randbits(64))
    prefix: str = attrs.field(factory=lambda: secrets.token_hex(4))
    wall: Callable[[], float] = time.time

    def rng(self) -> random.Random:
        """Not for secrets: it spreads reconnects."""
        return random.Random(self.seed)
