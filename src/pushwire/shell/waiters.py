"""Callers who wait for the answer to a ticket."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import trio

from ..core.effects import Settled, Ticket

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
    """All who wait."""

    def __init__(self) -> None:
        self._waiting: dict[Ticket, Waiter] = {}

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

    def fail_readers(self, error: Exception) -> None:
        """`error` is the answer to all who wait for the peer."""
        readers = [ticket for ticket, waiter in self._waiting.items() if waiter.needs_reading]
        for ticket in readers:
            waiter = self._waiting.pop(ticket)
            waiter.settle(None, error)
            waiter.give_up()

    def end(self, error: Exception) -> None:
        """`error` is the answer to all."""
        for waiter in self._waiting.values():
            waiter.settle(None, error)
        self._waiting.clear()
