"""Callers who wait for the answer to a ticket."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import trio

from ..core.effects import Settled, Ticket
from ..errors import InboxFull

__all__ = ["Waiter", "Waiters"]


def _nothing() -> None:
    """Whoever cannot give up."""


@attrs.define(eq=False)
class Waiter:
    """One who waits. `needs_reading`: the answer comes from the peer. `give_up` tells the machine that nobody waits any more."""

    needs_reading: bool
    give_up: Callable[[], None]
    done: trio.Event = attrs.Factory(trio.Event)
    reply: object = None
    error: BaseException | None = None

    def settle(self, reply: object, error: BaseException | None) -> None:
        """The answer is there."""
        self.reply = reply
        self.error = error
        self.done.set()

    def result(self) -> object:
        """The reply. Raises the error, where it is one."""
        if self.error is not None:
            raise self.error
        return self.reply


class Waiters:
    """All who wait. While there are some whose answer comes from the peer, up to `unread_bytes` may come in that nobody takes."""

    __slots__ = ("_unread", "_unread_bytes", "_waiting", "reading")

    def __init__(self, unread_bytes: int) -> None:
        self._waiting: dict[Ticket, Waiter] = {}
        self._unread_bytes = unread_bytes
        self._unread = 0
        self.reading: int = 0
        """How many wait for what must be read first."""

    def add(self, ticket: Ticket, *, needs_reading: bool, give_up: Callable[[], None] = _nothing) -> Waiter:
        """One more."""
        waiter = self._waiting[ticket] = Waiter(needs_reading, give_up)
        return waiter

    def forget(self, ticket: Ticket) -> None:
        """This one waits no longer."""
        self._waiting.pop(ticket, None)

    def settle(self, settled: Settled) -> None:
        """The machine's answer to a ticket."""
        waiter = self._waiting.pop(settled.ticket, None)
        if waiter is not None:
            waiter.settle(settled.reply, settled.error)

    def read(self) -> None:
        """One of those who wait for the peer has gone."""
        self.reading -= 1
        if not self.reading:
            self._unread = 0

    def count_unread(self, size: int) -> bool:
        """So many bytes more came than nobody takes. True where that was too much, and all who wait for the peer are told so."""
        self._unread += size
        if self._unread <= self._unread_bytes:
            return False
        error = InboxFull(f"{self._unread} bytes of events arrived before the reply")
        readers = [ticket for ticket, waiter in self._waiting.items() if waiter.needs_reading]
        for ticket in readers:
            waiter = self._waiting.pop(ticket)
            waiter.settle(None, error)
            waiter.give_up()
        return True

    def end(self, error: Exception) -> None:
        """`error` is the answer to all."""
        for waiter in self._waiting.values():
            waiter.settle(None, error)
        self._waiting.clear()
