"""A machine around another one: every input goes in as it is, and something is done after it. What, its subclass decides."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Generic, TypeVar

from .commands import AnyCommand
from .effects import Close, Handshake, Outcome, Ticket, Token
from .machine import Machine, Status

__all__ = ["Around"]

EventT = TypeVar("EventT")


class Around(abc.ABC, Generic[EventT]):
    """`machine`, by the contract of `core.machine`; what comes out of it is the subclass's to take."""

    def __init__(self, machine: Machine[EventT]) -> None:
        self._machine = machine
        self._wall_offset = 0.0

    @abc.abstractmethod
    def _after(self, now: float) -> None:
        """The machine was given an input."""

    def _wall(self, now: float) -> float:
        """POSIX seconds at `now`."""
        return now + self._wall_offset

    def start(self, now: float, wall: float) -> None:
        self._wall_offset = wall - now
        self._machine.start(now, wall)
        self._after(now)

    def opened(self, handshake: Handshake, now: float, wall: float) -> None:
        self._wall_offset = wall - now
        self._machine.opened(handshake, now, wall)
        self._after(now)

    def receive(self, messages: Sequence[str | bytes], now: float) -> None:
        self._machine.receive(messages, now)
        self._after(now)

    def heard(self, now: float) -> None:
        self._machine.heard(now)
        self._after(now)

    def pong(self, payload: bytes, now: float) -> None:
        self._machine.pong(payload, now)
        self._after(now)

    def closed(self, close: Close, now: float, wall: float) -> None:
        self._wall_offset = wall - now
        self._machine.closed(close, now, wall)
        self._after(now)

    def reading(self, on: bool, now: float) -> None:
        self._machine.reading(on, now)
        self._after(now)

    def submit(self, command: AnyCommand, now: float) -> Ticket:
        ticket = self._machine.submit(command, now)
        self._after(now)
        return ticket

    def abandon(self, ticket: Ticket, now: float) -> None:
        self._machine.abandon(ticket, now)
        self._after(now)

    def fulfil(self, token: Token, outcome: Outcome, now: float) -> None:
        self._machine.fulfil(token, outcome, now)
        self._after(now)

    def stop(self, now: float) -> None:
        self._machine.stop(now)
        self._after(now)

    def handle_timer(self, now: float, wall: float) -> None:
        self._wall_offset = wall - now
        self._machine.handle_timer(now, wall)
        self._after(now)

    @property
    def finished(self) -> bool:
        return self._machine.finished

    @property
    def failure(self) -> Exception | None:
        return self._machine.failure

    def next_deadline(self) -> float:
        return self._machine.next_deadline()

    def status(self) -> Status:
        return self._machine.status()
