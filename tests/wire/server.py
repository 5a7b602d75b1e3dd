"""The other end of a wire under test: the server protocol of `websockets`, and frames by hand where it refuses to send them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from pushwire.core.effects import Dial
from pushwire.core.secrets import Secret
from pushwire.wire.client import ClientWire

__all__ = [
    "BINARY",
    "CLOSE",
    "CONT",
    "PING",
    "PONG",
    "TEXT",
    "accept",
    "compressing",
    "deflated",
    "dial",
    "frame",
    "opened",
    "read_frames",
    "response",
]

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def dial(
    url: str | Secret = "ws://example.test/feed",
    headers: Mapping[str, str | Secret] | None = None,
    *,
    max_message: int = 1000,
    compression: bool = False,
    subprotocols: tuple[str, ...] = (),
) -> Dial:
    return Dial(1, url, headers or {}, max_message, compression, subprotocols)


def accept(wire: ClientWire, server: ServerProtocol | None = None) -> bytes:
    """The bytes of a response that accepts the handshake."""
    server = server or ServerProtocol()
    server.receive_data(wire.request())
    (request,) = server.events_received()
    assert isinstance(request, Request)
    server.send_response(server.accept(request))
    return b"".join(server.data_to_send())


def opened(wanted: Dial | None = None, server: ServerProtocol | None = None) -> ClientWire:
    """A wire whose handshake is done."""
    wire = ClientWire(wanted or dial())
    wire.feed(accept(wire, server))
    assert wire.handshake is not None
    return wire


def response(status_line: str, *headers: str) -> bytes:
    """An HTTP response's head."""
    return "\r\n".join([status_line, *headers, "", ""]).encode("latin-1")


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = False) -> bytes:
    """A frame as a server sends it, right or wrong."""
    head = (0x80 if fin else 0) | rsv | opcode
    length = len(payload)
    if length < 126:
        start = struct.pack("!BB", head, length | (0x80 if masked else 0))
    elif length < 65536:
        start = struct.pack("!BBH", head, 126, length)
    else:
        start = struct.pack("!BBQ", head, 127, length)
    return start + (b"\0\0\0\0" if masked else b"") + payload


def read_frames(data: bytes) -> list[tuple[Opcode, bytes]]:
    """The frames a client sent."""
    server = ServerProtocol(state=State.OPEN)
    server.receive_data(data)
    return [(event.opcode, bytes(event.data)) for event in server.events_received() if isinstance(event, Frame)]


def deflated(payload: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def compressing(max_message: int = 1000) -> ClientWire:
    server = ServerProtocol(extensions=[ServerPerMessageDeflateFactory()])
    return opened(dial(max_message=max_message, compression=True), server)
