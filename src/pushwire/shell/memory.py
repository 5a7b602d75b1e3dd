"""A transport without sockets, for tests: `MemoryNetwork` is the connector, and a `Peer` is the server's side of each connection.

Nothing here takes time or chance: what one side does, the other sees at its next step, so that it runs well on a `MockClock`.
"""

from __future__ import annotations

from collections import deque
from typing import Final, TypeAlias

import attrs
import trio

from ..core.effects import Close, Dial, Handshake
from .transport import DialFailed, Read

__all__ = ["MemoryConnection", "MemoryNetwork", "Peer"]

Sent: TypeAlias = str | bytes | Close
"""What a client sends: a message, a ping's payload, or its close frame."""


@attrs.define(eq=False)
class _Link:
    """What the two sides of a connection share."""

    decided: trio.Event = attrs.Factory(trio.Event)
    handshake: Handshake | None = None
    refusal: Close | None = None
    reads: deque[Read] = attrs.Factory(deque[Read])
    """On their way to the client."""
    close: Close | None = None
    """How it ended for the client. Nothing reaches it after that."""
    sent: deque[str] = attrs.Factory(deque[str])
    """Messages on their way to the peer."""
    pings: list[bytes] = attrs.Factory(list[bytes])
    hangup: Close | None = None
    client_gone: bool = False
    answers: bool = True
    changed: trio.lowlevel.ParkingLot = attrs.Factory(trio.lowlevel.ParkingLot)

    def bring(self, read: Read) -> None:
        """To the client."""
        if self.close is None:
            self.reads.append(read)
            self.close = read.close
            self.changed.unpark_all()

    def end(self, close: Close) -> None:
        """The connection is over, for both."""
        self.bring(Read(close=close))
        self.leave()

    def leave(self) -> None:
        """The client can send no more."""
        self.client_gone = True
        self.changed.unpark_all()

    def take(self, items: list[Sent]) -> None:
        """From the client."""
        for item in items:
            if isinstance(item, str):
                self.sent.append(item)
            elif isinstance(item, bytes):
                self.pings.append(item)
                if self.answers:
                    self.bring(Read((), (item,)))
            else:
                self.hangup = item
                if self.answers:
                    self.end(item)
        self.changed.unpark_all()


class MemoryNetwork:
    """A `Connector` whose every dial waits for the test's decision.

    `await accept()` opens the next dial; `await dialled()` hands it over undecided, for its `open`, `refuse` or `drop`.
    """

    def __init__(self) -> None:
        self.dials: Final[list[Dial]] = []
        """Every dial so far."""
        self._waiting: Final[deque[Peer]] = deque()
        self._changed = trio.lowlevel.ParkingLot()

    async def dial(self, dial: Dial, nursery: trio.Nursery) -> MemoryConnection:
        """Open a connection once the other side agrees. Raises `DialFailed`; needs no task."""
        link = _Link()
        peer = Peer(dial, link)
        self.dials.append(dial)
        self._waiting.append(peer)
        self._changed.unpark()
        try:
            await link.decided.wait()
        except trio.Cancelled:
            link.leave()
            if peer in self._waiting:
                self._waiting.remove(peer)
            raise
        if link.handshake is None:
            raise DialFailed(link.refusal or Close(reason="refused", by="transport"))
        return MemoryConnection(link, link.handshake)

    async def dialled(self) -> Peer:
        """The next dial, undecided; waits for one."""
        while not self._waiting:
            await self._changed.park()
        return self._waiting.popleft()

    async def accept(self, headers: dict[str, str] | None = None, subprotocol: str | None = None) -> Peer:
        """The next dial, opened."""
        peer = await self.dialled()
        peer.open(headers, subprotocol)
        return peer


class Peer:
    """The server's side of one connection, in the hands of a test. What it does is seen by the client's next `read`."""

    def __init__(self, dial: Dial, link: _Link) -> None:
        self.dial: Final = dial
        """What was asked for: URL, headers (secrets as `Secret`), subprotocols."""
        self._link = link

    @property
    def pings(self) -> list[bytes]:
        """The payloads of the pings that came."""
        return self._link.pings

    @property
    def hangup(self) -> Close | None:
        """The client's close frame, if it sent one."""
        return self._link.hangup

    @property
    def unread(self) -> int:
        """How many of the reads sent the client has not taken."""
        return len(self._link.reads)

    def mute(self, on: bool = True) -> None:
        """Stop (or resume) answering pings and the closing handshake."""
        self._link.answers = not on

    def open(self, headers: dict[str, str] | None = None, subprotocol: str | None = None) -> None:
        """Accept the handshake."""
        self._link.handshake = Handshake(101, headers or {}, subprotocol)
        self._link.decided.set()

    def refuse(self, status: int, reason: str = "", retry_after: float | None = None) -> None:
        """Refuse the handshake with an HTTP status; `retry_after` is in seconds."""
        self._link.refusal = Close(status=status, reason=reason, retry_after=retry_after)
        self._link.decided.set()

    def send(self, *messages: str | bytes) -> None:
        """Send messages that arrive in one read; none at all: bytes arrive, but no whole message."""
        self._link.bring(Read(messages))

    def send_pong(self, payload: bytes) -> None:
        """Send a pong, asked for or not."""
        self._link.bring(Read((), (payload,)))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a close frame."""
        self._link.end(Close(code=code, reason=reason))

    def drop(self, reason: str = "connection reset") -> None:
        """Cut the connection, or the attempt at it, without a close frame."""
        close = Close(reason=reason, by="transport")
        if self._link.handshake is None:
            self._link.refusal = close
            self._link.decided.set()
        else:
            self._link.end(close)

    async def receive(self) -> str:
        """The client's next message. Raises `trio.EndOfChannel` when there will be none: it is gone, or was told to go."""
        link = self._link
        while not link.sent:
            if link.client_gone:
                raise trio.EndOfChannel
            await link.changed.park()
        return link.sent.popleft()

    async def gone(self) -> None:
        """Wait until the client can send no more: it hung up, gave up, or was told to go."""
        while not self._link.client_gone:
            await self._link.changed.park()


class MemoryConnection:
    """The client's side; see `transport.Connection`."""

    def __init__(self, link: _Link, handshake: Handshake) -> None:
        self.handshake: Final = handshake
        self._link = link
        self._outbox: list[Sent] = []
        self._closing = False

    async def read(self) -> Read:
        """The next thing the peer did."""
        link = self._link
        while not link.reads:
            if link.close is not None:
                return Read(close=link.close)
            await link.changed.park()
        # A read of a socket yields to other tasks, too.
        await trio.lowlevel.checkpoint()
        return link.reads.popleft()

    def send_text(self, *texts: str) -> None:
        """Buffer messages."""
        for text in texts:
            self._buffer(text)

    def send_ping(self, payload: bytes) -> None:
        """Buffer a ping."""
        self._buffer(payload)

    def send_close(self, code: int, reason: str) -> None:
        """Buffer a close frame."""
        self._buffer(Close(code=code, reason=reason, by="us"))
        self._closing = True

    async def flush(self) -> None:
        """Hand the peer what is buffered."""
        await trio.lowlevel.checkpoint()
        outbox, self._outbox = self._outbox, []
        if not self._link.client_gone:
            self._link.take(outbox)

    async def aclose(self) -> None:
        """Drop the connection."""
        self._link.reads.clear()
        self._link.end(Close(reason="closed here", by="transport"))
        await trio.lowlevel.checkpoint()

    def _buffer(self, item: Sent) -> None:
        if not self._closing and self._link.close is None:
            self._outbox.append(item)
