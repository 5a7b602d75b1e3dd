"""The default transport: `wire.ClientWire` on a trio stream.

What must not live here: protocol decisions (wire's and the machine's) and deadlines (the machine's), save one second of courtesy
for the last bytes of a connection that has ended.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import TYPE_CHECKING, Final

import trio

from ..core.effects import Close, Dial, Handshake
from ..core.secrets import Secret
from ..errors import LocalProtocolError
from ..wire.client import ClientWire
from .dialer import Dialer, explain, tcp_socket
from .receiver import Receiver
from .sender import send_all
from .transport import NOTHING_YET, DialFailed, Read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from websockets.uri import WebSocketURI

__all__ = ["WebSocketConnection", "WebSocketConnector"]

_READ_SIZE: Final = 3 * 2**16
"""Bytes."""

_FIRST_READ: Final = 2**12
"""Bytes of the first read, and of each that follows one of tiny frames."""

_TINY: Final = 32
"""Bytes that frames have at least on the average, heads included, where they are not tiny. Each costs as much as a big one."""

_PART: Final = 512
"""Messages that are handed over at a time: there may be 100,000 in a read, and to judge one that is malformed takes 40 us."""

_MAX_BACKLOG: Final = 16384
"""Frames. With more unsent, reading stops: a peer that sends pings and reads no pongs must not fill our memory."""

_LAST_WORDS: Final = 1.0
"""Seconds that a close frame, or the answer to one, has to leave a connection that has ended."""


class WebSocketConnector:
    """Opens WebSocket connections over TCP, with TLS for wss:// and through a proxy where one is set.

    `tls` is the context for wss:// (None: the system's certificates). `proxy` is an http://, https://, socks5:// (names are
    resolved here) or socks5h:// (the proxy resolves them) URL, a `Secret` where it holds a password; it needs the extra `proxy`.
    `proxy_tls` is the context for an https:// proxy. `scanner` off: every frame goes through websockets, see `ClientWire`. Raises
    `ConfigError` for a proxy that cannot be used.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        proxy: str | Secret | None = None,
        proxy_tls: ssl.SSLContext | None = None,
        scanner: bool = True,
    ) -> None:
        self._scanner = scanner
        self._dialer = Dialer(tls=tls, proxy=proxy, proxy_tls=proxy_tls)

    async def dial(self, dial: Dial, nursery: trio.Nursery) -> WebSocketConnection:
        """Open a connection, handshake included.

        Raises `DialFailed`: its reason begins with the step that failed (resolve, connect, proxy, tls, handshake), or its status
        says that the server refused. When it fails or is cancelled, no socket is left.
        """
        try:
            wire = ClientWire(dial, scanner=self._scanner)
        except LocalProtocolError as error:
            raise DialFailed(Close(reason=str(error), by="us")) from None
        stream = await self._open(wire.target.uri)
        try:
            handshake = await self._shake_hands(stream, wire)
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
        return WebSocketConnection(stream, wire, handshake, nursery)

    # The two steps of it, by themselves for whoever wants to watch them.

    async def _open(self, uri: WebSocketURI) -> trio.abc.Stream:
        return await self._dialer.open(uri)

    async def _shake_hands(self, stream: trio.abc.Stream, wire: ClientWire) -> Handshake:
        try:
            await stream.send_all(wire.request())
            while wire.handshake is None and wire.close is None:
                data = await stream.receive_some(_FIRST_READ)
                if data:
                    wire.feed(data)
                else:
                    wire.feed_eof()
        except trio.BrokenResourceError as error:
            wire.lost(explain(error))
        if wire.handshake is None:
            raise DialFailed(wire.close or Close(reason="handshake: failed", by="transport"))
        return wire.handshake


class WebSocketConnection:
    """An open connection; see `transport.Connection`. The pongs that a read calls for leave by themselves."""

    def __init__(self, stream: trio.abc.Stream, wire: ClientWire, handshake: Handshake, nursery: trio.Nursery) -> None:
        self.handshake: Final = handshake
        self._stream = stream
        self._receiver = Receiver(stream)
        self._wire = wire
        self._nursery = nursery
        self._writing = False
        self._written: trio.Event | None = None
        self._write_error: str | None = None
        self._size = _FIRST_READ
        self._held: Sequence[str | bytes] = ()
        """What has been read; `_given` of them have been handed over."""
        self._given = 0
        if wire.backlog:
            # A ping came in one piece with the handshake's response.
            nursery.start_soon(self.flush)

    async def read(self) -> Read:
        """Wait for the next bytes. Many small messages are handed over in parts, so that other tasks get their turn."""
        if self._held:
            await trio.lowlevel.checkpoint()
            return self._next_part()
        wire = self._wire
        if not wire.has_input:
            if wire.backlog > _MAX_BACKLOG:
                await self.flush()
            await self._receive()
        if wire.backlog:
            await self._answer()
        return self._first_part()

    @property
    def source(self) -> trio.socket.SocketType | None:
        """See `transport.Prompt`."""
        # What is too much to be sent is `read`'s.
        return None if self._wire.backlog > _MAX_BACKLOG else self._receiver.source

    @property
    def ready(self) -> bool:
        """See `transport.Prompt`."""
        return (self._receiver.full or bool(self._held)) and self.source is not None

    def read_now(self) -> Read | None:
        """See `transport.Prompt`."""
        if self._held:
            return self._next_part()
        if self.source is None:
            return None
        try:
            data = self._receiver.now(self._size)
        except trio.BrokenResourceError as error:
            self._broken(error)
            return None
        if not data:
            return None if data is None else NOTHING_YET
        wire = self._wire
        self._take_in(data)
        if wire.close is not None:
            return None
        if wire.backlog and not self._writing:
            self._nursery.start_soon(self.flush)
        return self._first_part()

    def send_text(self, *texts: str) -> None:
        """Buffer messages."""
        self._wire.send_text(*texts)

    def send_ping(self, payload: bytes) -> None:
        """Buffer a ping."""
        self._wire.send_ping(payload)

    def send_close(self, code: int, reason: str) -> None:
        """Buffer the start of the closing handshake."""
        self._wire.send_close(code, reason)

    async def flush(self) -> None:
        """Write what is buffered. Where another task is writing, wait for it: it takes what we had along."""
        if self._writing:
            if self._written is None:
                self._written = trio.Event()
            await self._written.wait()
            return
        self._writing = True
        try:
            while data := self._wire.data_to_send():
                if self._write_error is None:
                    await send_all(self._stream, data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._stop_writing(f"write: {explain(error)}")
        except BaseException:
            # Nobody knows where in a frame the write stopped.
            self._stop_writing("write: cut short")
            raise
        finally:
            self._writing = False
            if self._written is not None:
                self._written.set()
                self._written = None

    async def aclose(self) -> None:
        """Drop the connection at once."""
        await trio.aclose_forcefully(self._stream)

    def _first_part(self) -> Read:
        messages = self._wire.take_messages()
        if len(messages) <= _PART:
            return Read(messages, self._wire.take_pongs(), self._wire.close)
        self._held = messages
        return self._next_part()

    def _next_part(self) -> Read:
        part = self._held[self._given : self._given + _PART]
        self._given += _PART
        if self._given < len(self._held):
            return Read(part)
        self._held, self._given = (), 0
        # A pong says that what was sent before it has come, and the end that nothing follows.
        return Read(part, self._wire.take_pongs(), self._wire.close)

    async def _answer(self) -> None:
        """Let out what reading left to send. A peer that does not read must not keep us from reading, hence the task."""
        if self._wire.close is not None:
            with trio.move_on_after(_LAST_WORDS):
                await self.flush()
        elif not self._writing:
            self._nursery.start_soon(self.flush)

    async def _receive(self) -> None:
        try:
            data = await self._receiver.some(self._size)
        except trio.ClosedResourceError:
            self._wire.lost("closed here")
        except trio.BrokenResourceError as error:
            self._broken(error)
        else:
            self._take_in(data)

    def _broken(self, error: trio.BrokenResourceError) -> None:
        self._wire.lost(self._write_error or f"read: {explain(error)}")

    def _take_in(self, data: bytes | bytearray) -> None:
        """What was read; nothing at the end of the stream."""
        if data and self._size == _FIRST_READ and not self._receiver.full:
            # Whatever it holds, the next read is of that size again.
            self._wire.feed(data)
        elif data:
            before = self._wire.waiting
            self._wire.feed(data)
            self._pace(len(data), self._wire.waiting - before)
        elif self._write_error is not None:
            self._wire.lost(self._write_error)
        else:
            self._wire.feed_eof()

    def _pace(self, size: int, frames: int) -> None:
        """How much to read next, after so many bytes in so many frames: no other task gets its turn while it is gone through, and
        more messages than are handed over at a time only leave the processor's caches before they are looked at."""
        if frames * _TINY > size:
            self._size = _FIRST_READ
        elif self._receiver.full and frames < _PART:
            self._size = min(4 * self._size, _READ_SIZE)

    def _stop_writing(self, reason: str) -> None:
        self._write_error = reason
        sock = tcp_socket(self._stream)
        if sock is not None:
            # The reader must learn of it, but may first read what has arrived: often a close frame that says why.
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RD)
