"""The cases of the Autobahn test suite that concern a client, as bytes and outcome; groups 6, 12 and 13 have their own modules.

The suite's server wants each message echoed, and closes with 1000 when it has seen what it waited for. Here "echoed" reads
"delivered", and whoever runs a case sends that close. What needs no wire (waiting, timing, reports) is left out; the big sizes of
groups 9 and 12 are scaled down to what a test may take.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from tests.wire.server import BINARY, CLOSE, CONT, PING, PONG, TEXT, frame

__all__ = ["CLOSE_1000", "GREEK", "NO_CODE", "Case", "chopped", "close_payloads", "fragments", "framing", "octets"]

CLOSE_1000: Final = frame(CLOSE, b"\x03\xe8")
GREEK: Final = bytes.fromhex("cebae1bdb9cf83cebcceb5")
"""The suite's favourite text: letters of two bytes, and one of three."""
NO_CODE: Final = 1005
"""How an end is reported whose close frame had no code; the answer to it has none either."""

MIDWAY: Final = (
    "the peer's own code is reported; the close frame that answers it says 1002 (websockets: a message was left unfinished) or "
    "repeats the code (wsproto)"
)


@attrs.frozen
class Case:
    """A row: what a server sends after the handshake, and what must come of it."""

    id: str
    """The suite's number."""
    sends: tuple[bytes, ...] = attrs.field(repr=False)
    """The pieces as they are written, one write each."""
    delivers: tuple[str | bytes, ...] = attrs.field(default=(), repr=False)
    answers: tuple[bytes, ...] = attrs.field(default=(), repr=False)
    """What our pongs hold, in order."""
    ends: int = 1000
    """The code of the close frame that we send, and report. 1000: the server's own, to which this is the answer."""
    may_say: int | None = None
    """Another code that our close frame may have, while `ends` is what we report."""
    extensions: str | None = None
    """What the server answers to our offer of compression; None: it is not offered."""
    differs: str = ""
    """Where we do not do what the suite likes best: what we do, and why."""

    @property
    def by(self) -> str:
        """Who ended it: we did where the peer broke the protocol. 7.7 is the peer's own use of such codes."""
        return "us" if self.ends in {1002, 1007} and not self.id.startswith("7.7.") else "peer"

    @property
    def group(self) -> str:
        """The first number of the id."""
        return self.id.partition(".")[0]


def close_payloads(case: Case) -> set[bytes]:
    """The codes that our close frame may have, as bytes."""
    codes = {case.ends} if case.may_say is None else {case.ends, case.may_say}
    return {b"" if code == NO_CODE else code.to_bytes(2) for code in codes}


def chopped(data: bytes, size: int) -> tuple[bytes, ...]:
    """`data` in pieces of `size` bytes."""
    return tuple(data[at : at + size] for at in range(0, len(data), size))


def octets(*frames: bytes) -> tuple[bytes, ...]:
    """The frames, each byte by itself."""
    return chopped(b"".join(frames), 1)


def fragments(opcode: int, parts: Iterable[bytes], *, rsv: int = 0) -> tuple[bytes, ...]:
    """A message in fragments, each a frame; `rsv` stands on the first."""
    whole = tuple(parts)
    last = len(whole) - 1
    return tuple(frame(CONT if at else opcode, part, fin=at == last, rsv=0 if at else rsv) for at, part in enumerate(whole))


def framing() -> Iterator[Case]:
    """Groups 1 to 5, 7, 9 and 10."""
    yield from _frames()
    yield from _pings()
    yield from _reserved_bits()
    yield from _opcodes()
    yield from _fragmented_control()
    yield from _fragments()
    yield from _stray_continuations()
    yield from _closing()
    yield from _close_frames()
    yield from _close_codes()
    yield from _sizes()
    yield from _many()


def _frames() -> Iterator[Case]:
    for kind, opcode, unit in ((1, TEXT, b"*"), (2, BINARY, b"\xfe")):
        for number, size in enumerate((0, 125, 126, 127, 128, 65535, 65536, 65536), 1):
            payload = unit * size
            sends = frame(opcode, payload)
            delivered = payload.decode() if opcode == TEXT else payload
            yield Case(f"1.{kind}.{number}", chopped(sends, 997) if number == 8 else (sends,), (delivered,))


def _pings() -> Iterator[Case]:
    payloads = (b"", b"Hello, world!", bytes.fromhex("00fffefdfcfb00ff"), b"\xfe" * 125)
    for number, payload in enumerate(payloads, 1):
        yield Case(f"2.{number}", (frame(PING, payload),), answers=(payload,))
    yield Case("2.5", (frame(PING, b"\xfe" * 126),), ends=1002)
    yield Case("2.6", octets(frame(PING, b"\xfe" * 125)), answers=(b"\xfe" * 125,))
    pong = frame(PONG, b"unsolicited pong payload")
    yield Case("2.7", (frame(PONG),))
    yield Case("2.8", (pong,))
    yield Case("2.9", (pong, frame(PING, b"ping payload")), answers=(b"ping payload",))
    ten = tuple(b"payload-%d" % number for number in range(10))
    pings = tuple(frame(PING, payload) for payload in ten)
    yield Case("2.10", pings, answers=ten)
    yield Case("2.11", octets(*pings), answers=ten)


def _reserved_bits() -> Iterator[Case]:
    hello, ping = frame(TEXT, b"Hello, world!"), frame(PING)
    yield Case("3.1", (frame(TEXT, b"Hello, world!", rsv=0x40),), ends=1002)
    bad = [frame(TEXT, b"Hello, world!", rsv=bits << 4) for bits in range(8)]
    yield Case("3.2", (hello + bad[2] + ping,), ("Hello, world!",), ends=1002)
    yield Case("3.3", (hello, bad[3], ping), ("Hello, world!",), ends=1002)
    yield Case("3.4", octets(hello, bad[4], ping), ("Hello, world!",), ends=1002)
    yield Case("3.5", (frame(BINARY, b"\0\xff\xfe\xfd\xfc\xfb\0\xff", rsv=0x50),), ends=1002)
    yield Case("3.6", (frame(PING, b"Hello, world!", rsv=0x60),), ends=1002)
    yield Case("3.7", (frame(CLOSE, b"\x03\xe8", rsv=0x70),), ends=1002)


def _opcodes() -> Iterator[Case]:
    hello, ping = frame(TEXT, b"Hello, world!"), frame(PING)
    for kind, first in ((1, 3), (2, 11)):
        bad = [frame(first + at, b"reserved opcode payload" if at in {1, 3, 4} else b"") for at in range(5)]
        yield Case(f"4.{kind}.1", (bad[0],), ends=1002)
        yield Case(f"4.{kind}.2", (bad[1],), ends=1002)
        yield Case(f"4.{kind}.3", (hello, bad[2], ping), ("Hello, world!",), ends=1002)
        yield Case(f"4.{kind}.4", (hello, bad[3], ping), ("Hello, world!",), ends=1002)
        yield Case(f"4.{kind}.5", octets(hello, bad[4], ping), ("Hello, world!",), ends=1002)


def _fragmented_control() -> Iterator[Case]:
    for number, opcode in ((1, PING), (2, PONG)):
        yield Case(f"5.{number}", fragments(opcode, (b"fragment1", b"fragment2")), ends=1002)


def _fragments() -> Iterator[Case]:
    parts, message = (b"fragment1", b"fragment2"), ("fragment1fragment2",)
    two = fragments(TEXT, parts)
    ping = frame(PING, b"ping payload")
    with_ping = (two[0], ping, two[1])
    yield Case("5.3", (b"".join(two),), message)
    yield Case("5.4", two, message)
    yield Case("5.5", octets(*two), message)
    yield Case("5.6", (b"".join(with_ping),), message, (b"ping payload",))
    yield Case("5.7", with_ping, message, (b"ping payload",))
    yield Case("5.8", octets(*with_ping), message, (b"ping payload",))
    yield Case("5.18", (frame(TEXT, parts[0], fin=False), frame(TEXT, parts[1])), ends=1002)
    five = fragments(TEXT, (b"fragment%d" % number for number in range(1, 6)))
    pinged = (*five[:2], frame(PING, b"pongme 1!"), *five[2:4], frame(PING, b"pongme 2!"), five[4])
    whole, pongs = ("fragment1fragment2fragment3fragment4fragment5",), (b"pongme 1!", b"pongme 2!")
    yield Case("5.19", pinged, whole, pongs)
    yield Case("5.20", octets(*pinged), whole, pongs)


def _stray_continuations() -> Iterator[Case]:
    hello = frame(TEXT, b"Hello, world!")
    for first, fin in ((9, True), (12, False)):
        stray = frame(CONT, b"non-continuation payload", fin=fin)
        for number, sends in enumerate(((stray + hello,), (stray, hello), octets(stray, hello)), first):
            yield Case(f"5.{number}", sends, ends=1002)
    two = fragments(TEXT, (b"fragment1", b"fragment2"))
    stray = frame(CONT, b"fragment3", fin=False)
    yield Case("5.15", (*two, stray, frame(TEXT, b"fragment4")), ("fragment1fragment2",), ends=1002)
    for number, fin in ((16, False), (17, True)):
        yield Case(f"5.{number}", (frame(CONT, b"fragment1", fin=fin), *two) * 2, ends=1002)


def _closing() -> Iterator[Case]:
    hello, ping = frame(TEXT, b"Hello World!"), frame(PING)
    start = frame(TEXT, b"fragment1", fin=False)
    big = b"BAsd7&jh23" * 26214
    yield Case("7.1.1", (hello, CLOSE_1000), ("Hello World!",))
    yield Case("7.1.2", (CLOSE_1000, CLOSE_1000))
    yield Case("7.1.3", (CLOSE_1000, ping))
    yield Case("7.1.4", (CLOSE_1000, hello))
    yield Case("7.1.5", (start, CLOSE_1000, frame(CONT, b"fragment2")), may_say=1002, differs=MIDWAY)
    yield Case("7.1.6", (frame(TEXT, big), hello, CLOSE_1000, ping), (big.decode(), "Hello World!"))


def _close_frames() -> Iterator[Case]:
    yield Case("7.3.1", (frame(CLOSE),), ends=NO_CODE)
    yield Case("7.3.2", (frame(CLOSE, b"a"),), ends=1002)
    for number, reason in ((3, b""), (4, b"Hello World!"), (5, b"*" * 123)):
        yield Case(f"7.3.{number}", (frame(CLOSE, b"\x03\xe8" + reason),))
    yield Case("7.3.6", (frame(CLOSE, b"\x03\xe8" + b"*" * 124),), ends=1002)
    yield Case("7.5.1", (frame(CLOSE, b"\x03\xe8" + GREEK + b"\xed\xa0\x80edited"),), ends=1007)


def _close_codes() -> Iterator[Case]:
    fine = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
    for number, code in enumerate(fine, 1):
        yield Case(f"7.7.{number}", (frame(CLOSE, code.to_bytes(2)),), ends=code)
    for number, code in enumerate((0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999), 1):
        yield Case(f"7.9.{number}", (frame(CLOSE, code.to_bytes(2)),), ends=1002)
    for number, code in ((1, 5000), (2, 65535)):
        yield Case(f"7.13.{number}", (frame(CLOSE, code.to_bytes(2)),), ends=1002)


def _sizes() -> Iterator[Case]:
    """The suite goes to 16 MiB; and to 4 MiB, for what comes in fragments (9.3, 9.4) and in small writes (9.5, 9.6)."""
    for text, kinds in ((True, (1, 3, 5)), (False, (2, 4, 6))):
        opcode, unit = (TEXT, b"*") if text else (BINARY, b"\xfe")
        whole, cut, chops = kinds
        for number, size in enumerate((65536, 262144), 1):
            payload = unit * size
            yield Case(f"9.{whole}.{number}", (frame(opcode, payload),), (payload.decode() if text else payload,))
        payload = unit * 65536
        delivered = (payload.decode() if text else payload,)
        for number, size in enumerate((64, 256, 1024, 4096, 16384, 32768, 65536), 1):
            yield Case(f"9.{cut}.{number}", (b"".join(fragments(opcode, chopped(payload, size))),), delivered)
        for number, size in enumerate((64, 128, 256, 512, 1024, 2048), 1):
            yield Case(f"9.{chops}.{number}", chopped(frame(opcode, payload), size), delivered)


def _many() -> Iterator[Case]:
    """The suite sends a thousand of each, and waits for each echo."""
    for kind, opcode, unit in ((7, TEXT, b"*"), (8, BINARY, b"\xfe")):
        for number, size in enumerate((0, 16, 64, 256, 1024, 4096), 1):
            payload = unit * size
            delivered = payload.decode() if opcode == TEXT else payload
            yield Case(f"9.{kind}.{number}", (frame(opcode, payload) * 50,), (delivered,) * 50)
    yield Case("10.1.1", fragments(TEXT, chopped(b"*" * 65536, 1300)), ("*" * 65536,))
