"""One WebSocket connection from the client's side, without I/O: bytes in, messages out, and the other way round.

`websockets` speaks the protocol: handshake, control frames, fragments, compression, closing. What most bytes of a push feed are,
whole text frames, is cut out of the stream here and never reaches it; it gets everything else, one whole frame at a time.
Whatever bytes arrive, nothing here raises: a broken peer ends in a `Close`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import OPEN
from websockets.typing import Subprotocol

from ..core.effects import Close, Handshake
from ..errors import LocalProtocolError
from .refusal import ResponseHead, printable
from .target import resolve_target

if TYPE_CHECKING:
    from ..core.effects import Dial

__all__ = ["ClientWire"]

Bytes: TypeAlias = bytes | bytearray

_FINAL_TEXT: Final = 0x81
_COMPRESSED: Final = 0x40
_CONTROL: Final = 0x08
_MAX_CONTROL: Final = 125

# websockets logs headers and frames at DEBUG, and both hold secrets. This logger is in no hierarchy, so that no configuration of
# logging reaches it.
_SILENT: Final = logging.Logger("pushwire.wire")
_SILENT.disabled = True


class ClientWire:
    """A connection's protocol state, built from the `Dial` that asked for it.

    Send `request()`, hand what arrives to `feed`, then take `take_messages()` and `take_pongs()` and look at `handshake` and
    `close`; `data_to_send()` is what must go out, our pongs included. Raises `LocalProtocolError` for a `Dial` that cannot be
    sent.
    """

    def __init__(self, dial: Dial) -> None:
        if dial.max_message < 1:
            raise LocalProtocolError("max_message must be at least 1 byte")
        self.target: Final = resolve_target(dial)
        self.handshake: Handshake | None = None
        """The accepted handshake, once there is one."""
        self.close: Close | None = None
        """How the connection ended, or why it never stood. Final once set."""
        self._limit = dial.max_message
        # What may come in one frame. Above `max_message` by the worst growth that deflate has, and by a control frame between two
        # fragments, which websockets counts as part of the message. The bound on the message itself is checked in `_data`.
        self._frame_limit = dial.max_message + dial.max_message // 1024 + _MAX_CONTROL
        self._protocol = ClientProtocol(
            self.target.uri,
            extensions=[ClientPerMessageDeflateFactory(compress_settings={"memLevel": 5})] if dial.compression else None,
            subprotocols=[Subprotocol(name) for name in dial.subprotocols] or None,
            max_size=self._frame_limit,
            logger=_SILENT,
        )
        self._messages: list[str | bytes] = []
        self._pongs: list[bytes] = []
        self._head = ResponseHead()
        self._pending = bytearray()
        """The start of an unfinished frame."""
        self._need = 0
        """How long `_pending` must be before it is worth another look."""
        self._parts: list[Bytes] = []
        self._size = 0
        self._text = False
        self._hangup: Close | None = None
        """What `send_close` asked for."""

    def __repr__(self) -> str:
        return f"<ClientWire {self._protocol.state.name}>"

    @property
    def backlog(self) -> int:
        """How many frames `data_to_send` has."""
        return len(self._protocol.writes)

    @property
    def has_input(self) -> bool:
        """Whether a message, a pong or the end waits to be taken."""
        return bool(self._messages or self._pongs) or self.close is not None

    @property
    def head(self) -> bytes:
        """The head of the answer to the handshake as it came, whatever it says; empty until it is whole. Peers may repeat secrets
        in it."""
        return self._head.whole

    def request(self) -> bytes:
        """The opening handshake's request."""
        request = self._protocol.connect()
        request.headers["User-Agent"] = "pushwire"
        for name, value in self.target.headers:
            if name in request.headers:
                del request.headers[name]
            request.headers[name] = value
        self._protocol.send_request(request)
        return self.data_to_send()

    def feed(self, data: Bytes) -> None:
        """Bytes came. Total: never raises. What comes after the end is ignored."""
        if self.close is not None:
            return
        if self.handshake is None:
            data = self._open(data)
        elif self._pending:
            self._pending += data
            if len(self._pending) < self._need:
                return
            data, self._pending = self._pending, bytearray()
        self._scan(data)

    def feed_eof(self) -> None:
        """The peer ended the stream."""
        self.lost("the peer ended the stream" if self.handshake is None else "the peer ended the stream without a close frame")

    def lost(self, reason: str) -> None:
        """The transport broke, for `reason`. After `send_close` this is the end that was asked for."""
        if self.close is not None:
            return
        step = "handshake: " if self.handshake is None else ""
        self.close = self._hangup or Close(reason=step + reason, by="transport")

    def take_messages(self) -> list[str | bytes]:
        """The whole messages since the last call, in order."""
        messages, self._messages = self._messages, []
        return messages

    def take_pongs(self) -> list[bytes]:
        """The pong payloads since the last call."""
        pongs, self._pongs = self._pongs, []
        return pongs

    def data_to_send(self) -> bytes:
        """Everything that must go out, in one piece."""
        return b"".join(self._protocol.data_to_send())

    def send_text(self, text: str) -> None:
        """Send a message; nothing happens unless the connection is open."""
        if self._protocol.state is OPEN:
            self._protocol.send_text(text.encode())

    def send_ping(self, payload: bytes) -> None:
        """Send a ping frame (at most 125 bytes); nothing happens unless the connection is open."""
        if self._protocol.state is OPEN:
            self._protocol.send_ping(payload)

    def send_close(self, code: int, reason: str) -> None:
        """Start the closing handshake; nothing happens unless the connection is open. A `reason` is cut to what a frame holds."""
        if self._protocol.state is OPEN:
            self._hangup = Close(code=code, reason=reason.encode()[: _MAX_CONTROL - 2].decode(errors="ignore"), by="us")
            self._protocol.send_close(code, self._hangup.reason)

    def _open(self, data: Bytes) -> Bytes:
        """Look at the response so far; returns what came behind an accepted handshake."""
        refusal = self._head.feed(data)
        if refusal is not None:
            self.close = self._redacted(refusal)
        elif self._head.whole:
            self._judge(self._head.whole)
        return b"" if self.handshake is None else self._head.rest

    def _judge(self, head: bytes) -> None:
        """A 101 came: is it the answer to our request?"""
        error: Exception | None
        try:
            self._protocol.receive_data(head)
            error = self._protocol.handshake_exc
        except Exception as unforeseen:  # noqa: BLE001 - none is expected, but our own promise does not rest on that
            error = unforeseen
        if error is not None:
            self.close = self._redacted(Close(reason=printable(f"handshake: {error}"), by="transport"))
            return
        headers: dict[str, str] = {}
        for response in [event for event in self._protocol.events_received() if isinstance(event, Response)]:
            for name, value in response.headers.raw_items():
                name = name.lower()
                headers[name] = f"{headers[name]}, {value}" if name in headers else value
        self.handshake = Handshake(101, headers, self._protocol.subprotocol)

    def _scan(self, data: Bytes) -> None:
        """Cut `data` into frames. Kept in one loop: this is the hot path, and a call a frame would double its cost."""
        messages, limit = self._messages, self._limit
        at, end, need = 0, len(data), 2
        while end - at >= 2:
            head, length, start, marker = data[at], data[at + 1], at + 2, 0
            if length > _MAX_CONTROL:
                marker = length
                start += 2 if marker == 126 else 8 if marker == 127 else 0
                if start > end:
                    need = start - at
                    break
                length = int.from_bytes(data[at + 2 : start])
            if (length > limit or marker > 127 or (marker and head & _CONTROL)) and not self._allowed(head, marker, length):
                return
            stop = start + length
            if stop > end:
                need = stop - at
                break
            if head == _FINAL_TEXT and length <= limit and not self._parts:
                try:
                    messages.append(data[start:stop].decode())
                except UnicodeDecodeError:
                    self._fail(CloseCode.INVALID_DATA, "a text message is not UTF-8")
                    return
            else:
                self._frame(data[at:stop])
                if self.close is not None:
                    return
            at = stop
        if at < end:
            self._pending, self._need = bytearray(data[at:]), need

    def _allowed(self, head: int, marker: int, length: int) -> bool:
        """Whether a long frame may come, judged before its payload is there. `marker` is its 7-bit length, an escape or 0."""
        if marker > 127:
            self._fail(CloseCode.PROTOCOL_ERROR, "a server must not mask its frames")
        elif head & _CONTROL:
            if marker:
                self._fail(CloseCode.PROTOCOL_ERROR, "control frame too long")
        elif length > (self._frame_limit if head & _COMPRESSED or self._parts else self._limit):
            self._too_big()
        return self.close is None

    def _frame(self, data: Bytes) -> None:
        """Give websockets one whole frame."""
        try:
            self._protocol.receive_data(data)
            for frame in [event for event in self._protocol.events_received() if isinstance(event, Frame)]:
                self._data(frame)
        except Exception as error:  # noqa: BLE001 - none is expected, but our own promise does not rest on that
            self.close = Close(reason=f"WebSocket protocol failed: {type(error).__name__}", by="transport")
            return
        if self._protocol.state is not OPEN and self.close is None:
            self._ending()

    def _data(self, frame: Frame) -> None:
        opcode = frame.opcode
        if opcode is Opcode.PONG:
            self._pongs.append(bytes(frame.data))
        elif opcode is Opcode.TEXT or opcode is Opcode.BINARY or opcode is Opcode.CONT:
            if opcode is not Opcode.CONT:
                self._text = opcode is Opcode.TEXT
            self._parts.append(bytes(frame.data))
            self._size += len(frame.data)
            if self._size > self._limit:
                self._too_big()
            elif frame.fin:
                self._deliver(b"".join(self._parts))
                self._parts, self._size = [], 0

    def _deliver(self, payload: bytes) -> None:
        try:
            self._messages.append(payload.decode() if self._text else payload)
        except UnicodeDecodeError:
            self._fail(CloseCode.INVALID_DATA, "a text message is not UTF-8")

    def _too_big(self) -> None:
        self._fail(CloseCode.MESSAGE_TOO_BIG, f"a message is over {self._limit} bytes")

    def _fail(self, code: CloseCode, reason: str) -> None:
        self._protocol.fail(code, reason)
        self.close = self._hangup or Close(code=int(code), reason=reason, by="us")

    def _ending(self) -> None:
        """A close frame went one way or the other: is that the end?"""
        received, sent = self._protocol.close_rcvd, self._protocol.close_sent
        if received is not None:
            self.close = self._hangup or self._redacted(Close(code=int(received.code), reason=printable(received.reason)))
        elif self._protocol.parser_exc is not None and sent is not None:
            self.close = Close(code=int(sent.code), reason=sent.reason, by="us")

    def _redacted(self, close: Close) -> Close:
        """A peer may echo our credentials, and reasons are shown."""
        return attrs.evolve(close, reason=self.target.redact(close.reason))
