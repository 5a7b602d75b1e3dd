"""Group 6 of the Autobahn suite: text messages, good UTF-8 and bad."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.wire.server import TEXT, frame

from .cases import GREEK, Case, chopped, fragments

__all__ = ["texts"]

SURROGATE: Final = GREEK + b"\xed\xa0\x80edited"
BEYOND: Final = b"\xf4\x90\x80\x80"
"""Past the last code point."""

LATE: Final = (
    "1007 when the message is whole; the suite likes it at the first bad byte. Nothing of it is delivered either way, "
    "and a message that does not end has its own bound, max_message"
)

GOOD: Final = {
    "5": [b"hello\x24world", b"hello\xc2\xa2world", b"hello\xe2\x82\xacworld", b"hello\xf0\xa4\xad\xa2world", GREEK],
    "7": [b"\0", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"],
    "9": [b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"],
    "11": [b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf"],
    "22": [chr(plane << 16 | low).encode() for plane in range(17) for low in (0xFFFE, 0xFFFF)],
    "23": [chr(point).encode() for point in range(0xFFF9, 0x10000)],
}

SURROGATES: Final = ("eda080", "edadbf", "edae80", "edafbf", "edb080", "edbe80", "edbfbf")
PAIRS: Final = ("eda080edb080", "eda080edbfbf", "edadbfedb080", "edadbfedbfbf", "edae80edb080", "edae80edbfbf", "edafbfedb080")
CUT_SHORT: Final = ("c0", "e080", "f08080", "f8808080", "fc80808080", "df", "efbf", "f7bfbf", "fbbfbfbf", "fdbfbfbfbf")

BAD: Final = {
    "8": ["f888808080", "fc8480808080"],
    "10": ["f7bfbfbf", "fbbfbfbfbf", "fdbfbfbfbfbf"],
    "12": ["80", "bf", "80bf", "80bf80", "80bf80bf", "80bf80bf80", "80bf80bf80bf", bytes(range(0x80, 0xC0)).hex()],
    "13": [
        b"".join(bytes((lead, 0x20)) for lead in leads).hex()
        for leads in (range(0xC0, 0xE0), range(0xE0, 0xF0), range(0xF0, 0xF8), range(0xF8, 0xFC), range(0xFC, 0xFE))
    ],
    "14": list(CUT_SHORT),
    "15": ["".join(CUT_SHORT)],
    "16": ["fe", "ff", "fefeffff"],
    "17": ["c0af", "e080af", "f08080af", "f8808080af", "fc80808080af"],
    "18": ["c1bf", "e09fbf", "f08fbfbf", "f887bfbfbf", "fc83bfbfbfbf"],
    "19": ["c080", "e08080", "f0808080", "f880808080", "fc8080808080"],
    "20": list(SURROGATES),
    "21": [*PAIRS, "edafbfedbfbf"],
}


def texts() -> Iterator[Case]:
    """The group."""
    yield Case("6.1.1", (frame(TEXT),), ("",))
    yield Case("6.1.2", fragments(TEXT, (b"", b"", b"")), ("",))
    yield Case("6.1.3", fragments(TEXT, (b"", b"middle frame payload", b"")), ("middle frame payload",))
    hello = "Hello-µ@ßöäüàá-UTF-8!!"
    yield Case("6.2.1", (frame(TEXT, hello.encode()),), (hello,))
    yield Case("6.2.2", fragments(TEXT, (hello[:12].encode(), hello[12:].encode())), (hello,))
    yield Case("6.2.3", fragments(TEXT, chopped(hello.encode(), 1)), (hello,))
    yield Case("6.2.4", fragments(TEXT, chopped(GREEK, 1)), (GREEK.decode(),))
    yield Case("6.3.1", (frame(TEXT, SURROGATE),), ends=1007)
    yield Case("6.3.2", fragments(TEXT, chopped(SURROGATE, 1)), ends=1007, differs=LATE)
    yield from _fail_fast()
    for number in range(1, len(GREEK) + 1):
        yield _one(f"6.6.{number}", GREEK[:number], good=number in {2, 5, 7, 9, 11})
    for kind, sequences in GOOD.items():
        for number, sequence in enumerate(sequences, 1):
            yield _one(f"6.{kind}.{number}", sequence, good=True)
    yield _one("6.11.5", BEYOND, good=False)
    for kind, written in BAD.items():
        for number, digits in enumerate(written, 1):
            yield _one(f"6.{kind}.{number}", bytes.fromhex(digits), good=False)


def _one(name: str, payload: bytes, *, good: bool) -> Case:
    return Case(name, (frame(TEXT, payload),), (payload.decode(),) if good else (), ends=1000 if good else 1007)


def _fail_fast() -> Iterator[Case]:
    """The same bad message in fragments (1, 2) and in writes (3, 4), cut behind the bad sequence, and within it."""
    for number, within in ((1, 4), (2, 1)):
        parts = (GREEK + BEYOND[: within % 4], BEYOND[within % 4 :], b"edited")
        yield Case(f"6.4.{number}", fragments(TEXT, parts), ends=1007, differs=LATE)
    sent = frame(TEXT, GREEK + BEYOND + b"edited")
    head = len(sent) - len(GREEK + BEYOND + b"edited") + len(GREEK)
    for number, within in ((3, 4), (4, 2)):
        at = head + within
        yield Case(f"6.4.{number}", (sent[:head], sent[head:at], sent[at:]), ends=1007, differs=LATE)
