"""A journal: every input that a machine got, in order, and a replay of them.

A machine has no clock, randomness or I/O of its own, so its inputs are all there is to a run. Secrets are not among them: a
placeholder stands for each. Where a peer echoed one, what it sent is replayed with the placeholder in it.

How a journal is written as lines is `journal_lines`' part; writing one during a run is `recording`'s.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import attrs

from ..errors import LocalProtocolError
from .assembled import assembled
from .commands import AnyCommand, Command
from .effects import Close, Effect, Handshake, Outcome, Restored, Settled, Ticket, Token
from .holds import HoldLimits
from .ids import id_source
from .machine import Machine, Status
from .provider import Provider, ProviderConfig

__all__ = [
    "Abandon",
    "Closed",
    "Foreign",
    "Fulfil",
    "HandleTimer",
    "Header",
    "Heard",
    "Input",
    "Opened",
    "Pong",
    "Reading",
    "Receive",
    "Record",
    "RecordedError",
    "Start",
    "Step",
    "Stop",
    "Submit",
    "Truncated",
    "replay",
]


@attrs.frozen
class Header:
    """What the machine was built from. `library` is the version of pushwire that wrote the journal; `hold` how many events its
    hydration gate may hold, None where it has no gate; `receipts` the limits of what it holds itself, None where it has none."""

    provider: Provider
    config: ProviderConfig
    seed: int
    prefix: str
    restored: Restored
    library: str
    hold: int | None = None
    receipts: HoldLimits | None = None

    def machine(self) -> Machine[object]:
        """A machine built in the same way, not started."""
        rng = random.Random(self.seed)
        ids = id_source(self.prefix)
        return assembled(self.config, rng=rng, ids=ids, restored=self.restored, receipts=self.receipts, hold=self.hold)


@attrs.frozen
class Truncated:
    """The journal ends within a line: its writer was killed, or its disk was full. Always the last record."""


# The inputs, one class a method of `Machine`, with its parameters.


@attrs.frozen
class Start:
    """`Machine.start`."""

    now: float
    wall: float

    def apply(self, machine: Machine[object]) -> None:
        machine.start(self.now, self.wall)


@attrs.frozen
class Opened:
    """`Machine.opened`."""

    handshake: Handshake
    now: float
    wall: float

    def apply(self, machine: Machine[object]) -> None:
        machine.opened(self.handshake, self.now, self.wall)


@attrs.frozen
class Receive:
    """`Machine.receive`."""

    messages: tuple[str | bytes, ...]
    now: float

    def apply(self, machine: Machine[object]) -> None:
        machine.receive(self.messages, self.now)


@attrs.frozen
class Heard:
    """`Machine.heard`."""

    now: float

    def apply(self, machine: Machine[object]) -> None:
        machine.heard(self.now)


@attrs.frozen
class Pong:
    """`Machine.pong`."""

    payload: bytes
    now: float

    def apply(self, machine: Machine[object]) -> None:
        machine.pong(self.payload, self.now)


@attrs.frozen
class Closed:
    """`Machine.closed`."""

    close: Close
    now: float
    wall: float

    def apply(self, machine: Machine[object]) -> None:
        machine.closed(self.close, self.now, self.wall)


@attrs.frozen
class Reading:
    """`Machine.reading`."""

    on: bool
    now: float

    def apply(self, machine: Machine[object]) -> None:
        machine.reading(self.on, self.now)


@attrs.frozen
class Submit:
    """`Machine.submit`."""

    command: AnyCommand
    now: float

    def apply(self, machine: Machine[object]) -> None:
        machine.submit(self.command, self.now)


@attrs.frozen
class Abandon:
    """`Machine.abandon`."""

    ticket: Ticket
    now: float

    def apply(self, machine: Machine[object]) -> None:
        machine.abandon(self.ticket, self.now)


@attrs.frozen
class Fulfil:
    """`Machine.fulfil`."""

    token: Token
    outcome: Outcome
    now: float

    def apply(self, machine: Machine[object]) -> None:
        machine.fulfil(self.token, self.outcome, self.now)


@attrs.frozen
class Stop:
    """`Machine.stop`."""

    now: float

    def apply(self, machine: Machine[object]) -> None:
        machine.stop(self.now)


@attrs.frozen
class HandleTimer:
    """`Machine.handle_timer`."""

    now: float
    wall: float

    def apply(self, machine: Machine[object]) -> None:
        machine.handle_timer(self.now, self.wall)


Input: TypeAlias = Start | Opened | Receive | Heard | Pong | Closed | Reading | Submit | Abandon | Fulfil | Stop | HandleTimer
Record: TypeAlias = Header | Input | Truncated


@attrs.frozen
class Foreign(Command[object, None]):
    """Stands for a command that the provider does not have, and that its machine refuses now as it did then."""

    name: str


class RecordedError(Exception):
    """Stands for an exception of the first run that is not ours. `type` is the name of its type; its text is the same."""

    def __init__(self, type: str, text: str) -> None:
        super().__init__(text)
        self.type = type


@attrs.frozen
class Step:
    """One record of a journal, and what the machine had to say to it. `error` is what the input raised, `status` where the
    machine stands after it; None where the journal was cut short."""

    record: Record
    effects: Sequence[Effect] = ()
    events: Sequence[object] = ()
    settled: Sequence[Settled] = ()
    error: Exception | None = None
    status: Status | None = None


def replay(records: Iterable[Record]) -> Iterator[Step]:
    """Feed a new machine the inputs of an earlier one: a step for each record, the header included.

    The outputs are those of the first run, but for its secrets, and as far as its driver took them after every input
    (`core.machine`). What an input raises ends nothing, as it ended nothing when its caller was at fault.
    """
    machine: Machine[object] | None = None
    for record in records:
        error = None
        if isinstance(record, Header):
            machine = record.machine()
        elif machine is None:
            raise LocalProtocolError("a journal begins with its header")
        elif not isinstance(record, Truncated):
            try:
                record.apply(machine)
            except Exception as raised:  # noqa: BLE001 - a crash of the machine is what a replay is to show
                error = raised
        if isinstance(record, Truncated):
            yield Step(record)
        else:
            yield Step(record, machine.take_effects(), machine.take_events(), machine.take_settled(), error, machine.status())
