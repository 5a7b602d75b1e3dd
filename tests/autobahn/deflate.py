"""Groups 12 and 13 of the Autobahn suite: compression (RFC 7692), in sizes that a test may take.

The suite compresses files of its own: here the text is made up, and what it shows is the same, that each size, each number of
fragments and each set of parameters that a server may choose is read.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from typing import Final

from tests.wire.server import TEXT, frame

from .cases import Case, chopped, fragments

__all__ = ["compressed"]

WORDS: Final = ("habe", "nun", "ach", "philosophie", "juristerei", "und", "medizin", "durchaus", "studiert", "mit", "bemuehn")

PARAMETERS: Final = (
    ("permessage-deflate", 15, True),
    ("permessage-deflate; server_no_context_takeover", 15, False),
    ("permessage-deflate; server_max_window_bits=9", 9, True),
    ("permessage-deflate; server_max_window_bits=15", 15, True),
    ("permessage-deflate; server_no_context_takeover; server_max_window_bits=9", 9, False),
    ("permessage-deflate; server_no_context_takeover; server_max_window_bits=15", 15, False),
    ("permessage-deflate; client_max_window_bits=9; client_no_context_takeover", 15, True),
)
"""What a server may answer, the window of its compressor in bits, and whether that remembers the message before."""


def compressed() -> Iterator[Case]:
    """Both groups."""
    sizes = (16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072)
    for number, size in enumerate(sizes, 1):
        yield _case(f"12.1.{number}", "permessage-deflate", 15, size)
    for number, size in enumerate((8192, 16384, 32768, 65536, 131072), 11):
        yield _case(f"12.1.{number}", "permessage-deflate", 15, size, cut=256)
    for kind, (parameters, bits, remembers) in enumerate(PARAMETERS, 1):
        for number, size in enumerate(sizes[:7], 1):
            yield _case(f"13.{kind}.{number}", parameters, bits, size, remembers=remembers)


def _case(name: str, extensions: str, bits: int, size: int, *, remembers: bool = True, cut: int = 0) -> Case:
    """Three messages of `size` bytes, in fragments of `cut` bytes where that is given."""
    rng = random.Random(name)
    messages = tuple(" ".join(rng.choices(WORDS, k=size // 2 + 1))[:size] for _ in range(3))
    compressor = zlib.compressobj(wbits=-bits)
    sends: list[bytes] = []
    for message in messages:
        if not remembers:
            compressor = zlib.compressobj(wbits=-bits)
        packed = (compressor.compress(message.encode()) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
        whole = (frame(TEXT, packed, rsv=0x40),)
        sends += fragments(TEXT, chopped(packed, cut), rsv=0x40) if cut else whole
    return Case(name, tuple(sends), messages, extensions=extensions)
