"""One connection of a stream, from its dialling to its end: what comes is handed in, what is to go is written.

What must not live here: the machine and the inboxes, which are the driver's, and all that outlives a connection.
"""

from __future__ import annotations

from typing import Protocol

import trio

from ..core.effects import Close, Dial, Handshake, Hangup
from .lead import Lead
from .transport import Connection, Connector, DialFailed, Prompt, Read

__all__ = ["Link", "LinkOwner"]


class LinkOwner(Protocol):
    """Who has a connection, and hears what becomes of it."""

    @property
    def blocked(self) -> bool:
        """Whether nothing may be read for now."""
        ...

    def link_opened(self, handshake: Handshake) -> None: ...

    def link_brought(self, read: Read) -> Lead | None:
        """Returns where the next reading may be lent, None: nowhere."""
        ...

    async def link_unblocked(self) -> None:
        """Return when something may be read again."""
        ...

    def link_closed(self, close: Close) -> None:
        """Nothing comes after it."""
        ...


class Link:
    """Its task is `run`; the other methods are synchronous."""

    __slots__ = ("_nursery", "_owner", "_to_write", "_writing", "connection", "ending")

    def __init__(self, owner: LinkOwner) -> None:
        self._owner = owner
        self._nursery: trio.Nursery | None = None
        self._to_write = False
        self._writing = False
        self.connection: Connection | None = None
        """While it is open."""
        self.ending: bool = False
        """It was told to hang up."""

    @trio.lowlevel.enable_ki_protection
    async def run(self, connector: Connector, dial: Dial) -> None:
        close = Close(reason="given up", by="us")
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            if self.ending:
                nursery.cancel_scope.cancel()
            try:
                connection = await connector.dial(dial, nursery)
            except DialFailed as failed:
                close = failed.close
            else:
                try:
                    self.connection = connection
                    self._owner.link_opened(connection.handshake)
                    close = await self._read(connection)
                finally:
                    self.connection = None
                    with trio.CancelScope(shield=True):
                        await connection.aclose()
            nursery.cancel_scope.cancel()
        self._owner.link_closed(close)

    def write(self) -> None:
        """Something was buffered: it must leave. No task waits for that while there is nothing to write."""
        self._to_write = True
        if not self._writing and self._nursery is not None and self.connection is not None:
            self._writing = True
            self._nursery.start_soon(self._write, self.connection)

    def hang_up(self, effect: Hangup) -> bool:
        """End it in good order, or give the dialling up. True where that left something to write."""
        self.ending = True
        if self._nursery is None:
            return False
        if self.connection is None:
            self._nursery.cancel_scope.cancel()
            return False
        self._nursery.cancel_scope.deadline = trio.current_time() + effect.within
        self.connection.send_close(effect.code, effect.reason)
        return True

    async def _read(self, connection: Connection) -> Close:
        """Hand in what arrives until the connection ends."""
        owner, prompt = self._owner, connection if isinstance(connection, Prompt) else None
        while True:
            if owner.blocked:
                await owner.link_unblocked()
            read = await connection.read()
            lead = owner.link_brought(read)
            if read.close is not None:
                return read.close
            if lead is not None and prompt is not None and prompt.source is not None:
                await lead.lend(prompt)

    @trio.lowlevel.enable_ki_protection
    async def _write(self, connection: Connection) -> None:
        # What came while it was flushing may not have gone along.
        while self._to_write:
            self._to_write = False
            await connection.flush()
        self._writing = False
