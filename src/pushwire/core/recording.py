"""A machine that writes its journal: every input is written down before it takes effect, outputs pass through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from .commands import AnyCommand
from .effects import Close, Effect, Handshake, Outcome, Settled, Ticket, Token
from .journal import (
    Abandon,
    Closed,
    Fulfil,
    HandleTimer,
    Header,
    Heard,
    Input,
    Opened,
    Pong,
    Reading,
    Start,
    Stop,
    Submit,
)
from .journal_writer import Encoder
from .machine import Machine, Status

__all__ = ["Recording", "Sink"]

EventT = TypeVar("EventT")


class Sink(Protocol):
    """Where lines go; an open text file is one. Neither method may raise."""

    def write(self, text: str, /) -> object:
        """Take one line, its end included."""
        ...

    def flush(self) -> object:
        """Let nothing that was written be lost with the process."""
        ...


class Recording(Generic[EventT]):
    """Another machine, recorded. `header` must say what it was built from.

    What comes with every read (`receive`, `heard`) is written without a flush: it goes with the next input of another kind.
    """

    def __init__(self, machine: Machine[EventT], header: Header, sink: Sink) -> None:
        self._machine = machine
        self._encoder = Encoder(header.provider)
        self._sink = sink
        sink.write(self._encoder.header(header) + "\n")
        sink.flush()

    def _record(self, record: Input) -> None:
        self._sink.write(self._encoder.input(record) + "\n")
        self._sink.flush()

    # Inputs

    def start(self, now: float, wall: float) -> None:
        self._record(Start(now, wall))
        self._machine.start(now, wall)

    def opened(self, handshake: Handshake, now: float, wall: float) -> None:
        self._record(Opened(handshake, now, wall))
        self._machine.opened(handshake, now, wall)

    def receive(self, messages: Sequence[str | bytes], now: float) -> None:
        self._sink.write(self._encoder.receive(messages, now) + "\n")
        self._machine.receive(messages, now)

    def heard(self, now: float) -> None:
        self._sink.write(self._encoder.input(Heard(now)) + "\n")
        self._machine.heard(now)

    def pong(self, payload: bytes, now: float) -> None:
        self._record(Pong(payload, now))
        self._machine.pong(payload, now)

    def closed(self, close: Close, now: float, wall: float) -> None:
        self._record(Closed(close, now, wall))
        self._machine.closed(close, now, wall)

    def reading(self, on: bool, now: float) -> None:
        self._record(Reading(on, now))
        self._machine.reading(on, now)

    def submit(self, command: AnyCommand, now: float) -> Ticket:
        self._record(Submit(command, now))
        return self._machine.submit(command, now)

    def abandon(self, ticket: Ticket, now: float) -> None:
        self._record(Abandon(ticket, now))
        self._machine.abandon(ticket, now)

    def fulfil(self, token: Token, outcome: Outcome, now: float) -> None:
        self._record(Fulfil(token, outcome, now))
        self._machine.fulfil(token, outcome, now)

    def stop(self, now: float) -> None:
        self._record(Stop(now))
        self._machine.stop(now)

    def handle_timer(self, now: float, wall: float) -> None:
        self._record(HandleTimer(now, wall))
        self._machine.handle_timer(now, wall)

    # Outputs

    @property
    def finished(self) -> bool:
        return self._machine.finished

    @property
    def failure(self) -> Exception | None:
        return self._machine.failure

    def next_deadline(self) -> float:
        return self._machine.next_deadline()

    def take_effects(self) -> Sequence[Effect]:
        return self._machine.take_effects()

    def take_events(self) -> Sequence[EventT]:
        return self._machine.take_events()

    def take_settled(self) -> Sequence[Settled]:
        return self._machine.take_settled()

    def status(self) -> Status:
        return self._machine.status()
