"""Callers who wait for the answer to a ticket."""

from __future__ import annotations

import attrs
import trio

from ..core.effects import Settled, Ticket

__all__ = ["Waiter", "Waiters"]


@attrs.define(eq=False)
class Waiter:
    """One who waits. `needs_reading`: the answer comes from the peer."""

    needs_reading: bool
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
    """All who wait."""

    def __init__(self) -> None:
        self._waiting: dict[Ticket, Waiter] = {}

    def add(self, ticket: Ticket, *, needs_reading: bool) -> Waiter:
        """One more."""
        waiter = self._waiting[ticket] = Waiter(needs_reading)
        return waiter

    def forget(self, ticket: Ticket) -> None:
        """This one waits no longer."""
        self._waiting.pop(ticket, None)

    def settle(self, settled: Settled) -> None:
        """The machine's answer to a ticket."""
        waiter = self._waiting.pop(settled.ticket, None)
        if waiter is not None:
            waiter.settle(settled.reply, settled.error)

    def fail_readers(self, error: Exception) -> list[Ticket]:
        """`error` is the answer to all who wait for the peer. Returns their tickets."""
        readers = [ticket for ticket, waiter in self._waiting.items() if waiter.needs_reading]
        for ticket in readers:
            self._waiting.pop(ticket).settle(None, error)
        return readers

    def end(self, error: Exception) -> None:
        """`error` is the answer to all."""
        for waiter in self._waiting.values():
            waiter.settle(None, error)
        self._waiting.clear()
