"""NATS, bytes to values and back: as much of its client protocol as a publisher who awaits answers needs.

What lives here: frames and their limits. What must not: I/O, and what JetStream means by its answers. Source: the client protocol
of NATS (docs.nats.io, "Client Protocol") and its headers (ADR-4).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

import msgspec

from .base import SinkError

__all__ = ["Command", "Info", "Message", "Received", "ServerError", "Signal", "WireReader", "connect", "publish", "subscribe"]

MAX_LINE: Final = 1 << 16
"""Bytes of a line; INFO names every server of a cluster."""
MAX_MESSAGE: Final = 64 << 20
"""Bytes of headers and body together: the most that a server can be set to."""
VERSION: Final = b"NATS/1.0"


class Info(msgspec.Struct, frozen=True):
    """What a server says of itself. `max_payload` is bytes, headers among them; `nonce` is to be signed by who has a key."""

    server_name: str = ""
    version: str = ""
    max_payload: int = 1 << 20
    headers: bool = False
    tls_required: bool = False
    tls_available: bool = False
    auth_required: bool = False
    nonce: str = ""


class Message(NamedTuple):
    """A message delivered to us. `headers` are raw, empty where there are none."""

    subject: str
    headers: bytes
    body: bytes

    @property
    def status(self) -> int:
        """The status that a server answers with in place of a message; 0: there is none."""
        words = self.headers.split(b"\r\n", 1)[0].split(b" ", 2)
        return int(words[1]) if len(words) > 1 and words[1].isdigit() and len(words[1]) < 4 else 0

    def header(self, name: str) -> str | None:
        """The first header of that name, as it is spelled."""
        wanted = name.encode() + b":"
        for line in self.headers.split(b"\r\n")[1:]:
            if line.startswith(wanted):
                return line[len(wanted) :].strip().decode(errors="replace")
        return None


class ServerError(NamedTuple):
    """What a server says before it hangs up, or in place of taking what it was sent."""

    text: str


class Signal(NamedTuple):
    """PING or PONG."""

    name: str


Received: TypeAlias = Message | Info | ServerError | Signal


class WireReader:
    """Bytes in, values out. It holds at most one message, and one line, that is not complete."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._info = msgspec.json.Decoder(Info)

    @property
    def pending(self) -> bool:
        """Whether bytes are left of which nothing was made yet."""
        return bool(self._buffer)

    def receive(self, data: bytes) -> list[Received]:
        """What is complete now. Raises `SinkError` for what is not NATS."""
        buffer = self._buffer
        buffer += data
        found: list[Received] = []
        at = 0
        while (end := buffer.find(b"\r\n", at, at + MAX_LINE)) >= 0:
            line = bytes(buffer[at:end])
            after = end + 2
            if line[:4] == b"MSG " or line[:5] == b"HMSG ":
                message, after = self._message(line, after)
                if message is None:
                    break
                found.append(message)
            else:
                item = self._control(line)
                if item is not None:
                    found.append(item)
            at = after
        else:
            if len(buffer) - at >= MAX_LINE:
                raise SinkError("NATS: the server sent a line that is too long")
        del buffer[:at]
        return found

    def _message(self, line: bytes, start: int) -> tuple[Message | None, int]:
        """The message that `line` announces and that begins at `start`, with where it ends; None: it is not complete."""
        words = line.split()
        has_headers = words[0] == b"HMSG"
        sizes = words[-2:] if has_headers else words[-1:]
        if len(words) not in ((5, 6) if has_headers else (4, 5)) or not all(size.isdigit() and len(size) < 10 for size in sizes):
            raise SinkError("NATS: the server sent a message without its size")
        head, total = (int(sizes[0]), int(sizes[1])) if has_headers else (0, int(sizes[0]))
        if head > total or total > MAX_MESSAGE:
            raise SinkError("NATS: the server sent a message that is too long")
        end = start + total
        if len(self._buffer) < end + 2:
            return None, start
        if bytes(self._buffer[end : end + 2]) != b"\r\n":
            raise SinkError("NATS: the server sent a message longer than it said")
        middle = start + head
        subject = words[1].decode(errors="replace")
        return Message(subject, bytes(self._buffer[start:middle]), bytes(self._buffer[middle:end])), end + 2

    def _control(self, line: bytes) -> Received | None:
        name, _, rest = line.partition(b" ")
        match name.upper():
            case b"PING" | b"PONG":
                return Signal(name.decode().upper())
            case b"+OK":
                return None
            case b"-ERR":
                return ServerError(rest.decode(errors="replace").strip().strip("'"))
            case b"INFO":
                try:
                    return self._info.decode(rest)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    raise SinkError("NATS: the server's INFO cannot be read") from None
            case _:
                raise SinkError("this is no NATS server")


class Command(NamedTuple):
    """A message to be sent, with its headers as they go on the wire."""

    subject: str
    headers: bytes
    body: bytes

    @property
    def size(self) -> int:
        """Bytes that count against the server's `max_payload`."""
        return len(self.headers) + len(self.body)

    @classmethod
    def of(cls, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Command:
        """Names and values must be of printable ASCII."""
        if not headers:
            return cls(subject, b"", body)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return cls(subject, VERSION + b"\r\n" + lines.encode("ascii") + b"\r\n", body)


def publish(command: Command, reply: str) -> bytes:
    """The frame of a message that is to be answered at `reply`."""
    subject, headers, body = command
    if headers:
        return b"HPUB %b %b %d %d\r\n%b%b\r\n" % (
            subject.encode(),
            reply.encode(),
            len(headers),
            len(headers) + len(body),
            headers,
            body,
        )
    return b"PUB %b %b %d\r\n%b\r\n" % (subject.encode(), reply.encode(), len(body), body)


def subscribe(subject: str) -> bytes:
    return b"SUB %b 1\r\n" % subject.encode()


def connect(fields: Mapping[str, object]) -> bytes:
    return b"CONNECT " + msgspec.json.encode(fields) + b"\r\n"
