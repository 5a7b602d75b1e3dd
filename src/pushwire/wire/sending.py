"""Plain text frames as a client sends them, byte for byte what `websockets` would write. Everything else is left to it."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
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


def _drawn() -> Iterator[tuple[bytes]]:
    """Masks without end."""
    while True:
        yield from _MASK.iter_unpack(os.urandom(_MASK.size * _DRAWN))


class Masking:
    """Makes frames, each with a mask that nobody can foresee."""

    __slots__ = ("_masks",)

    def __init__(self) -> None:
        self._masks: Iterator[tuple[bytes]] | None = None

    def frame(self, payload: bytes) -> bytes:
        """The frame of a text of at most `LONGEST` bytes."""
        if self._masks is None:
            self._masks = _drawn()
        (mask,) = next(self._masks)
        length = len(payload)
        if length <= _SHORT_LENGTH:
            head = _SHORT.pack(_FINAL_TEXT, _MASKED | length)
        else:
            head = _LONG.pack(_FINAL_TEXT, _MASKED | _TWO_BYTES, length)
        return b"".join((head, mask, apply_mask(payload, mask)))
