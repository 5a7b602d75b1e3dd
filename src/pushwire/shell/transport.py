"""What the shell needs of a WebSocket connection, whichever library carries it.

A `Connector` opens connections; a `Connection` is one. Neither decides anything: limits, deadlines and reconnects are the
machine's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, runtime_checkable

import attrs
import trio

from ..core.effects import Close, Dial, Handshake

__all__ = ["NOTHING_YET", "Connection", "Connector", "DialFailed", "Prompt", "Read"]


class DialFailed(Exception):
    """A connection could not be opened; `close` says how it ended. Never leaves the shell."""

    def __init__(self, close: Close) -> None:
        super().__init__(str(close))
        self.close = close


@attrs.define
class Read:
    """What one read brought, or a part of it: whole messages in order; with the last of them pong payloads, and the end of the
    connection where it came."""

    messages: Sequence[str | bytes] = ()
    pongs: Sequence[bytes] = ()
    close: Close | None = None


NOTHING_YET: Final = Read()
"""What `Prompt.read_now` gives where nothing has come."""


class Connection(Protocol):
    """An open WebSocket connection.

    `read` is called by one task, `flush` by another; the `send_*` methods are synchronous, only fill the output buffer, and do
    nothing once the connection is closing.
    """

    @property
    def handshake(self) -> Handshake: ...

    async def read(self) -> Read:
        """Wait for the next bytes. After a `Read` with `close` set there is nothing more. Raises only `trio.Cancelled`."""
        ...

    def send_text(self, *texts: str) -> None:
        """So many messages, in order."""
        ...

    def send_ping(self, payload: bytes) -> None: ...

    def send_close(self, code: int, reason: str) -> None:
        """Start the closing handshake; `read` then brings the `Close`, or the caller gives up and calls `aclose`."""
        ...

    async def flush(self) -> None:
        """Write what is buffered. A broken transport is not reported here: `read` reports it, once."""
        ...

    async def aclose(self) -> None:
        """Drop the connection at once, without a closing handshake. Safe to call twice."""
        ...


@runtime_checkable
class Prompt(Protocol):
    """What a connection may be besides: one that can be read without being awaited."""

    @property
    def source(self) -> trio.socket.SocketType | None:
        """What is readable as soon as `read_now` has something to read. None: `read` must be called."""
        ...

    @property
    def ready(self) -> bool:
        """Whether there is more already, as far as can be told: the `source` need not be waited for."""
        ...

    def read_now(self) -> Read | None:
        """What has come, or `NOTHING_YET`. None: `read` must be called, and gives all there is. Never raises."""
        ...


class Connector(Protocol):
    """Opens connections."""

    async def dial(self, dial: Dial, nursery: trio.Nursery) -> Connection:
        """Open one, handshake included. Raises `DialFailed`.

        Tasks that the transport needs live in `nursery`; none of them raises, and all have ended, or are cancelled, by `aclose`.
        """
        ...
