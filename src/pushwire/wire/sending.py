"""Plain text frames as a client sends them, byte for byte what `websockets` would write. Everything else is left to it."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Final

try:
    from websockets.speedups import apply_mask
except ImportError:
    # Where it comes without its compiled parts.
    from websockets.utils import apply_mask

__all__ = ["LONGEST", "Masking"]

LONGEST: Final = 0xFFFF
"""Bytes of text that a frame from here may have."""

_FINAL_TEXT: Final = 0x81
_MASKED: Final = 0x80
_SHORT_LENGTH: Final = 125
_TWO_BYTES: Final = 126
_SHORT: Final = struct.Struct(">BB")
_LONG: Final = struct.Struct(">BBH")
_MASK: Final = struct.Struct("4s")

_DRAWN: Final = 64
"""How many masks are drawn at a time: to ask the system for one costs more than all the rest of a frame."""


def _drawn() -> Iterator[bytes]:
    """Masks without end."""
    while True:
        yield from [mask for (mask,) in _MASK.iter_unpack(os.urandom(_MASK.size * _DRAWN))]


@lru_cache(maxsize=1024)
def _head(length: int) -> bytes:
    """What the frame of a text of so many bytes begins with."""
    if length <= _SHORT_LENGTH:
        return _SHORT.pack(_FINAL_TEXT, _MASKED | length)
    return _LONG.pack(_FINAL_TEXT, _MASKED | _TWO_BYTES, length)


class Masking:
    """Makes frames, each with a mask that nobody can foresee."""

    __slots__ = ("_masks",)

    def __init__(self) -> None:
        self._masks: Iterator[bytes] | None = None

    def frames(self, payloads: Sequence[bytes]) -> list[bytes]:
        """The frames of texts of at most `LONGEST` bytes. ACKs leave by hundreds: no step of the interpreter for each."""
        if self._masks is None:
            self._masks = _drawn()
        masks = list(islice(self._masks, len(payloads)))
        return list(map(b"".join, zip(map(_head, map(len, payloads)), masks, map(apply_mask, payloads, masks), strict=True)))
