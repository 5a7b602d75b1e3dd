"""Compressed texts of one frame, which are what a compressed push feed consists of: cut out of the stream and inflated here.

The window is the one that `websockets` inflates with, so that any frame may go either way. What it would say of a frame that is
wrong is said here in the same words.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Final, Protocol

from websockets.exceptions import PayloadTooBig
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import CloseCode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from websockets.extensions import Extension

__all__ = ["Inflating", "Refused"]

_HEAD: Final = struct.Struct(">HH")
_SHORTEST: Final = 0xC100
"""The two bytes of a head: a text, final, compressed, unmasked. The short ones hold the length."""
_LONG: Final = _SHORTEST | 126
_MAX_LENGTH: Final = 127
_SHORT_HEAD: Final = 2
_LONG_HEAD: Final = 4
_LONGEST: Final = 2043
"""Bytes of a frame's payload. Longer ones are left to `websockets`, which inflates them in two steps."""
_TAIL: Final = b"\x00\x00\xff\xff"
"""What a sender leaves out (RFC 7692, 7.2.1)."""


class Refused(Exception):
    """A frame is wrong: the close code, and why."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Decompressor(Protocol):
    """What `zlib.decompressobj` makes."""

    @property
    def unconsumed_tail(self) -> bytes:
        """What was left when the result became too long."""
        ...

    def decompress(self, data: bytes | bytearray, max_length: int, /) -> bytes:
        """Raises `zlib.error`."""
        ...


class Inflating:
    """For one connection. A message may have `limit` bytes, and what is inflated of a frame `frame_limit`."""

    def __init__(self, decoder: Decompressor, limit: int, frame_limit: int) -> None:
        self._decoder = decoder
        self._limit = limit
        self._frame_limit = frame_limit
        self._longest = min(_LONGEST, frame_limit)

    @classmethod
    def of(cls, extensions: Sequence[Extension], limit: int, frame_limit: int) -> Inflating | None:
        """None where nothing is compressed, or each message by itself."""
        match extensions:
            case [PerMessageDeflate(remote_no_context_takeover=False) as deflate]:
                return cls(deflate.decoder, limit, frame_limit)
            case _:
                return None

    def scan(self, data: bytes | bytearray, at: int, append: Callable[[str], object]) -> int:
        """Take the compressed texts that stand in `data` from `at` on. Returns where the first frame begins that is none, or is
        not there as a whole. Raises `Refused`, and `UnicodeDecodeError`."""
        end, head_of, decoder, most = len(data), _HEAD.unpack_from, self._decoder, self._frame_limit
        while end - at >= _LONG_HEAD:
            head, length = head_of(data, at)
            if head == _LONG:
                start = at + _LONG_HEAD
            elif _SHORTEST <= head < _LONG:
                length, start = head & _MAX_LENGTH, at + _SHORT_HEAD
            else:
                break
            stop = start + length
            if stop > end or length > self._longest:
                break
            try:
                text = decoder.decompress(data[start:stop] + _TAIL, most)
            except zlib.error:
                raise Refused(CloseCode.PROTOCOL_ERROR, "decompression failed") from None
            if decoder.unconsumed_tail:
                raise Refused(CloseCode.MESSAGE_TOO_BIG, str(PayloadTooBig(None, most)))
            if len(text) > self._limit:
                raise Refused(CloseCode.MESSAGE_TOO_BIG, f"a message is over {self._limit} bytes")
            append(text.decode())
            at = stop
        return at
