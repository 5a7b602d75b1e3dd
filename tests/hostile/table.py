"""Every hostile peer, and what must come of it. The tests play each row; `docs/proofs.md` shows them.

A row's `ends` is how the end is reported, by both transports unless `other` says otherwise of trio-websocket; of its `reason` the
beginning counts, since the system and OpenSSL word the rest. What happens next is the close tables', the same for all providers.
"""

from __future__ import annotations

import itertools
import ssl
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import attrs
import trustme

from pushwire.core.closes import Action
from pushwire.core.effects import Close
from tests.autobahn.cases import chopped, fragments
from tests.shell.sockets import AUTHORITY, Handler, server_tls
from tests.wire.server import BINARY, CLOSE, CONT, PING, TEXT, frame

from .peers import ACCEPTED, Again, answer, bomb, drip, drop, forever, head, pour, say, shut, silent

__all__ = ["AT_THE_DIAL", "FLOODS", "LATE", "LIMIT", "ONCE_OPEN", "Late", "Row"]

LIMIT: Final = 2**20
"""The limit of messages by default, in bytes."""


@attrs.frozen
class Row:
    """A peer, and how its connection ends."""

    name: str
    peer: Handler
    ends: Close
    other: Close | None = None
    then: Action = Action.BACK_OFF
    tls: Callable[[], ssl.SSLContext] | None = None
    """The server's side of it; the client dials wss://."""
    secure: bool = False
    """The client dials wss://, whatever the server speaks."""

    def expected(self, transport: str) -> Close:
        return self.other if self.other is not None and transport != "own" else self.ends


@attrs.frozen
class Late:
    """A peer that only a deadline of ours ends: which one, and what is said of it."""

    name: str
    peer: Handler
    reason: str
    seconds: float
    """From the dial on, where a connection may take 30, a ping is due after 30 and its answer after 10 more."""
    secure: bool = False

    @property
    def accepts(self) -> bool:
        """Whether the connection stands before that."""
        return self.seconds > CONNECT


def transport(reason: str) -> Close:
    return Close(reason=reason, by="transport")


def ours(code: int, reason: str) -> Close:
    return Close(code=code, reason=reason, by="us")


def expired() -> ssl.SSLContext:
    """A certificate of the right name and authority, years past its end."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    begin, end = (datetime(year, 1, 1, tzinfo=UTC) for year in (2019, 2020))
    AUTHORITY.issue_cert("127.0.0.1", not_before=begin, not_after=end).configure_cert(context)  # pyright: ignore[reportUnknownMemberType] - as in sockets
    return context


def stranger() -> ssl.SSLContext:
    """A certificate of the right name, by an authority that nobody trusts."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)  # pyright: ignore[reportUnknownMemberType] - as in sockets
    return context


def redirect(status: int) -> bytes:
    return f"HTTP/1.1 {status} Moved\r\nLocation: ws://elsewhere.test/\r\n\r\n".encode()


def at_the_dial() -> tuple[Row, ...]:
    certificate = transport("tls: certificate verify failed: ")
    too_long = transport("handshake: the response's head is too long")
    invalid = transport("handshake: not a valid WebSocket response")
    year = b"HTTP/1.1 503 Busy\r\nRetry-After: 31536000\r\n\r\n"
    slow = b"HTTP/1.1 503 Slow\r\nRetry-After: 7\r\n\r\n"
    key = ACCEPTED + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: bm8=\r\n\r\n"
    return (
        Row("a certificate past its end", silent, transport(certificate.reason + "certificate has expired"), tls=expired),
        Row("a certificate of another name", silent, certificate, tls=lambda: server_tls("other.test")),
        Row("a certificate of an unknown authority", silent, certificate, tls=stranger),
        Row("no TLS where it is wanted", answer(b"HTTP/1.1 400 Bad Request\r\n\r\n"), transport("tls: "), secure=True),
        *(Row(f"a redirect, {status}", answer(redirect(status)), Close(status=status, reason="Moved")) for status in REDIRECTS),
        Row("an answer that is no HTTP", answer(b"SSH-2.0-OpenSSH_9.6\r\n"), transport("handshake: not an HTTP/1.1 response")),
        Row("headers without end", head(b"X-More: and more\r\n"), too_long, invalid),
        Row("one header without end", head(b"x"), too_long, invalid),
        Row("a wrong key", answer(key), transport("handshake: ")),
        Row(
            "a body without end behind a 500",
            drip(Again(lambda: forever(ERROR, b"x"))),
            Close(status=500, reason="Oh"),
            then=HONOUR,
        ),
        Row(
            "a reason that paints the terminal",
            answer(b"HTTP/1.1 404 \x1b[31mred\x07\r\n\r\n"),
            Close(status=404, reason="?[31mred?"),
        ),
        Row("a year's wait", answer(year), Close(status=503, reason="Busy", retry_after=31536000.0), then=HONOUR),
        Row("an answer a byte at a time", drip(chopped(slow, 1)), Close(status=503, reason="Slow", retry_after=7.0), then=HONOUR),
        Row("an end in place of an answer", answers_nothing, transport("handshake: the peer ended the stream")),
        Row("a reset in place of an answer", drop, transport("handshake: Connection reset by peer")),
    )


async def answers_nothing(stream: object) -> None:
    """The end of the handler is the end of the connection."""
    del stream


def once_open() -> tuple[Row, ...]:
    big = bomb(2**28)
    not_offered = ours(1002, "Reserved bit set unexpectedly")
    inflated = ours(1009, "frame ")
    size = ours(1009, f"a message is over {LIMIT} bytes")
    their_size = ours(1009, "Exceeded maximum message size")
    number = ours(1009, f"a message in over {1024 + LIMIT // 64} fragments")
    cut_short = transport("the peer ended the stream without a close frame")
    start = frame(TEXT, b"", fin=False)
    return (
        Row("a bomb", say(big), inflated, not_offered),
        Row("a bomb in fragments", pour(lambda: fragments(BINARY, chopped(big[HEAD:], 100), rsv=0x40)), inflated, not_offered),
        Row("a frame of 4 EiB", pour(lambda: forever(struct.pack("!BBQ", 0x82, 127, 2**62), b"x" * 65536)), size, their_size),
        Row("fragments without end", pour(lambda: forever(start, frame(CONT, b"x" * 1000, fin=False))), size, their_size),
        Row("fragments of two bytes", pour(lambda: forever(start, frame(CONT, b"xy", fin=False))), number, their_size),
        Row("empty fragments", pour(lambda: forever(start, frame(CONT, b"", fin=False))), number, their_size),
        Row("bad UTF-8", say(frame(TEXT, b"\xc0\xaf")), ours(1007, "")),
        Row("bad UTF-8 in fragments", say(start + frame(CONT, b"\xed\xa0", fin=False) + frame(CONT, b"\x80")), ours(1007, "")),
        Row("a masked frame", say(frame(TEXT, b"x", masked=True)), ours(1002, "")),
        Row("a reserved bit", say(frame(TEXT, b"x", rsv=0x20)), ours(1002, "")),
        Row("an unknown opcode", say(frame(11, b"x")), ours(1002, "")),
        Row("a ping of 126 bytes", say(frame(PING, bytes(126))), ours(1002, "")),
        Row("a message within a message", say(start + frame(TEXT, b"x")), ours(1002, "")),
        Row("a code that is never sent", say(frame(CLOSE, struct.pack("!H", 1005))), ours(1002, "")),
        Row(
            "a close that goes on",
            pour(lambda: forever(frame(CLOSE, b"\x03\xe9bye"), frame(TEXT, b"x"))),
            Close(code=1001, reason="bye"),
        ),
        Row("half-closed", shut(), cut_short),
        Row("half-closed within a frame", shut(frame(TEXT, b"unfinished")[:5]), cut_short),
        Row("half-closed within a message", shut(frame(TEXT, b"unfinished", fin=False)), cut_short),
    )


HEAD: Final = 10
"""Bytes of a bomb's frame that are not the bomb."""
ERROR: Final = b"HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n"
HONOUR: Final = Action.HONOUR
REDIRECTS: Final = (301, 302, 303, 307, 308)
AT_THE_DIAL: Final = at_the_dial()
ONCE_OPEN: Final = once_open()

CONNECT: Final = 30.0
ANSWER: Final = 40.0
NO_ANSWER: Final = "no answer to a ping within 10 s"
NO_CONNECTION: Final = "no connection within 30 s"
LATE: Final = (
    Late("says nothing", silent, NO_CONNECTION, CONNECT),
    Late("says nothing to TLS", silent, NO_CONNECTION, CONNECT, secure=True),
    Late(
        "a header a second",
        drip(Again(lambda: itertools.chain([ACCEPTED], itertools.repeat(b"X-Slow: 1\r\n"))), 1.0),
        NO_CONNECTION,
        CONNECT,
    ),
    Late("accepts, and says nothing", say(), NO_ANSWER, ANSWER),
    Late("half a frame", say(frame(TEXT, b"unfinished")[:5]), NO_ANSWER, ANSWER),
    Late("half a message", say(frame(TEXT, b"unfinished", fin=False)), NO_ANSWER, ANSWER),
    Late("pings without end, pongs unread", pour(lambda: forever(b"", frame(PING, bytes(125))), reads=False), NO_ANSWER, ANSWER),
    Late("empty pings without end", pour(lambda: forever(b"", frame(PING)), reads=False), NO_ANSWER, ANSWER),
)

FLOODS: Final = {
    **{late.name: late.peer for late in LATE if "without end" in late.name},
    "empty pings without end, pongs read": pour(lambda: forever(b"", frame(PING))),
    "empty messages without end": pour(lambda: forever(b"", frame(TEXT))),
    "empty binary messages without end": pour(lambda: forever(b"", frame(BINARY))),
}
"""Nothing here is against the rules: they may cost time, but no memory, and the good ones beside them get their turn."""
