"""One WebSocket connection from the client's side, without I/O: bytes in, messages out, and the other way round.

`websockets` speaks the protocol: handshake, control frames, fragments, compression, closing. What most bytes of a push feed are,
whole text frames, is cut out of the stream here and never reaches it; it gets everything else, byte for byte.
The same is true of plain texts that we send (`sending`), and of compressed ones that come (`inflating`).
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
from ..core.speedups import Messages, take_texts
from ..errors import LocalProtocolError
from .inflating import Inflating, Refused
from .refusal import ResponseHead, printable
from .sending import LONGEST, Masking
from .target import resolve_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..core.effects import Dial

__all__ = ["ClientWire", "most_fragments"]

Bytes: TypeAlias = bytes | bytearray

_FINAL_TEXT: Final = 0x81
_COMPRESSED: Final = 0x40
_CONTROL: Final = 0x08
_OPCODE_OF_KIND: Final = 0x07
"""Of data frames and of control frames there are three each, counted from 0."""
_MAX_CONTROL: Final = 125
# Bytes of a frame's head, and the 7-bit lengths that say that the length stands in the bytes behind them.
_SHORT_HEAD: Final = 2
_LONG_HEAD: Final = 4
_LONGEST_HEAD: Final = 10
_TWO_BYTES: Final = 126
_EIGHT_BYTES: Final = 127

_SMALL_FRAGMENT: Final = 64
"""Bytes."""
_FEW_FRAGMENTS: Final = 1024

# websockets logs headers and frames at DEBUG, and both hold secrets. This logger is in no hierarchy, so that no configuration of
# logging reaches it.
_SILENT: Final = logging.Logger("pushwire.wire")
_SILENT.disabled = True


def most_fragments(max_message: int) -> int:
    """In how many fragments a message of at most `max_message` bytes may come: a few of any size, and one for each 64 bytes. Each
    costs as much time as a message, and an empty one brings its end no nearer."""
    return _FEW_FRAGMENTS + max_message // _SMALL_FRAGMENT


class ClientWire:
    """A connection's protocol state, built from the `Dial` that asked for it.

    Send `request()`, hand what arrives to `feed`, then take `take_messages()` and `take_pongs()` and look at `handshake` and
    `close`; `data_to_send()` is what must go out, our pongs included. Without `scanner` each frame goes through websockets:
    slower, with the same outcome. Raises `LocalProtocolError` for a `Dial` that cannot be sent.
    """

    def __init__(self, dial: Dial, *, scanner: bool = True) -> None:
        if dial.max_message < 1:
            raise LocalProtocolError("max_message must be at least 1 byte")
        self.target: Final = resolve_target(dial)
        self.handshake: Handshake | None = None
        """The accepted handshake, once there is one."""
        self.close: Close | None = None
        """How the connection ended, or why it never stood. Final once set."""
        self._scanner = scanner
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
        self._masking = Masking()
        self._inflating: Inflating | None = None
        self._messages = Messages()
        self._pongs: list[bytes] = []
        self._head = ResponseHead()
        self._left = 0
        """How much is to come of the frame that websockets is reading."""
        self._pending = bytearray()
        """The start of a frame that websockets has nothing of."""
        self._need = 0
        """How long `_pending` must be before it is worth another look."""
        # In one piece: a list of small fragments would take many times their size, and one of empty ones would have no bound.
        self._partial = bytearray()
        self._fragments = 0
        self._most_fragments = most_fragments(dial.max_message)
        self._midway = False
        """Whether a message has begun and not ended, `_partial` being what has come of it."""
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
    def waiting(self) -> int:
        """How many messages and pongs wait to be taken, and frames to be sent."""
        return len(self._messages) + len(self._pongs) + len(self._protocol.writes)

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
        at = 0
        while self._pending:
            # Made whole by itself: to join all of the read to it would copy that.
            rest = data[at : at + self._need - len(self._pending)]
            at += len(rest)
            self._pending += rest
            if len(self._pending) < self._need:
                return
            start, self._pending = bytes(self._pending), bytearray()
            self._cut(start, 0)
        self._cut(data, at)

    def feed_eof(self) -> None:
        """The peer ended the stream."""
        self.lost("the peer ended the stream" if self.handshake is None else "the peer ended the stream without a close frame")

    def lost(self, reason: str) -> None:
        """The transport broke, for `reason`. After `send_close` this is the end that was asked for."""
        if self.close is not None:
            return
        step = "handshake: " if self.handshake is None else ""
        self.close = self._hangup or Close(reason=step + reason, by="transport")

    def take_messages(self) -> Sequence[str | bytes]:
        """The whole messages since the last call, in order."""
        messages, self._messages = self._messages, Messages()
        return messages

    def take_pongs(self) -> list[bytes]:
        """The pong payloads since the last call."""
        pongs, self._pongs = self._pongs, []
        return pongs

    def data_to_send(self) -> bytes:
        """Everything that must go out, in one piece."""
        return b"".join(self._protocol.data_to_send())

    def send_text(self, *texts: str) -> None:
        """Send messages, in order; nothing happens unless the connection is open."""
        protocol = self._protocol
        if protocol.state is not OPEN:
            return
        payloads = list(map(str.encode, texts))
        if self._scanner and not protocol.extensions and max(map(len, payloads), default=0) <= LONGEST:
            protocol.writes += self._masking.frames(payloads)
        else:
            for payload in payloads:
                protocol.send_text(payload)

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
        rest, self._head.rest = self._head.rest, b""
        return b"" if self.handshake is None else rest

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
            # websockets holds it to the end.
            response.headers.clear()
        self.handshake = Handshake(101, headers, self._protocol.subprotocol)
        self._inflating = Inflating.of(self._protocol.extensions, self._limit, self._frame_limit)

    def _cut(self, data: Bytes, at: int) -> None:
        """Take what stands in `data` from `at` on: plain texts here, all else by way of websockets. The start of a frame of which
        that cannot be told yet is kept, and so is that of an unfinished plain text."""
        while self.close is None and at < len(data):
            if self._left:
                part = data[at : at + self._left]
                at += len(part)
                self._left -= len(part)
                self._forward(part)
                continue
            need = 0
            if self._scanner and not self._midway:
                at, need = self._scan(data, at)
                if self._inflating is not None and not need:
                    at = self._inflate(self._inflating, data, at)
                if at == len(data):
                    return
            need = need or self._begin(data, at)
            if need:
                self._pending, self._need = bytearray(data[at:]), need
                return

    def _scan(self, data: Bytes, at: int) -> tuple[int, int]:
        """Take the plain texts that stand in `data` from `at` on; see `take_texts`."""
        try:
            return take_texts(data, at, self._limit, self._messages)
        except UnicodeDecodeError:
            self._not_utf8()
        return at, 0

    def _inflate(self, inflating: Inflating, data: Bytes, at: int) -> int:
        """Take the compressed texts. Returns where the first frame begins that is none."""
        try:
            return inflating.scan(data, at, self._messages.append)
        except UnicodeDecodeError:
            self._not_utf8()
        except Refused as refused:
            self._fail(refused.code, refused.reason)
        return at

    def _begin(self, data: Bytes, at: int) -> int:
        """A frame begins at `at`. Returns how much of it must be there before more can be done, 0: it is for websockets, which is
        given its bytes as they come."""
        if at + _SHORT_HEAD > len(data):
            return _SHORT_HEAD
        head, length, start = data[at], data[at + 1], _SHORT_HEAD
        if length > _EIGHT_BYTES or head & _OPCODE_OF_KIND > Opcode.BINARY:
            # Masked, or of an unknown kind: websockets refuses it without waiting for more.
            self._left = _SHORT_HEAD
            return 0
        if length > _MAX_CONTROL:
            start = _LONG_HEAD if length == _TWO_BYTES else _LONGEST_HEAD
            if at + start > len(data):
                return start
            length = int.from_bytes(data[at + _SHORT_HEAD : at + start])
        limit = self._frame_limit if head & _COMPRESSED or self._midway else self._limit
        if length > limit and not head & _CONTROL:
            self._too_big()
            return 0
        size = start + length
        plain = head == _FINAL_TEXT and start <= _LONG_HEAD and self._scanner and not self._midway
        if plain and at + size > len(data):
            return size
        self._left = size
        return 0

    def _forward(self, data: Bytes) -> None:
        """Give websockets a frame, or a part of one."""
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
                self._fragments = 0
            self._fragments += 1
            self._midway = not frame.fin
            self._partial += frame.data
            if len(self._partial) > self._limit:
                self._too_big()
            elif self._fragments > self._most_fragments:
                self._fail(CloseCode.MESSAGE_TOO_BIG, f"a message in over {self._most_fragments} fragments")
            elif frame.fin:
                whole, self._partial = self._partial, bytearray()
                self._deliver(whole)

    def _deliver(self, payload: bytearray) -> None:
        try:
            self._messages.append(payload.decode() if self._text else bytes(payload))
        except UnicodeDecodeError:
            self._not_utf8()

    def _not_utf8(self) -> None:
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
