"""What stands around a machine gives it each input as it came: a machine of ours that wraps another, and the one that records."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import pytest

from pushwire.core.around import Around
from pushwire.core.commands import Finish
from pushwire.core.effects import Close, Committed, Done, Effect, Handshake, Settled, Ticket, Token
from pushwire.core.journal import Input
from pushwire.core.journal_lines import read_journal
from pushwire.core.machine import Machine
from pushwire.core.recording import Recording
from pushwire.providers import load
from tests.core.journals import header
from tests.core.scripted import Scripted
from tests.core.toy import Event

CLOSE, HANDSHAKE, FINISH, DONE = Close(code=1001), Handshake(), Finish(()), Done(Committed({}))
Given = tuple[object, ...]
GIVE: list[tuple[Callable[[Machine[Event]], object], Given]] = [
    (lambda machine: machine.start(1.0, 2.0), ("start", 1.0, 2.0)),
    (lambda machine: machine.opened(HANDSHAKE, 1.0, 2.0), ("opened", HANDSHAKE, 1.0, 2.0)),
    (lambda machine: machine.receive(("a", "b"), 1.0), ("receive", ("a", "b"), 1.0)),
    (lambda machine: machine.heard(1.0), ("heard", 1.0)),
    (lambda machine: machine.pong(b"p", 1.0), ("pong", b"p", 1.0)),
    (lambda machine: machine.closed(CLOSE, 1.0, 2.0), ("closed", CLOSE, 1.0, 2.0)),
    (lambda machine: machine.reading(False, 1.0), ("reading", False, 1.0)),
    (lambda machine: machine.submit(FINISH, 1.0), ("submit", FINISH, 1.0)),
    (lambda machine: machine.abandon(Ticket(3), 1.0), ("abandon", Ticket(3), 1.0)),
    (lambda machine: machine.fulfil(Token(1, 2), DONE, 1.0), ("fulfil", Token(1, 2), DONE, 1.0)),
    (lambda machine: machine.stop(1.0), ("stop", 1.0)),
    (lambda machine: machine.handle_timer(1.0, 2.0), ("handle_timer", 1.0, 2.0)),
]


class Plain(Around[Event]):
    """Adds nothing, but remembers when it was called after an input."""

    def __init__(self, machine: Scripted) -> None:
        super().__init__(machine)
        self.after: list[float] = []

    def _after(self, now: float) -> None:
        self.after.append(now)

    def take_effects(self) -> Sequence[Effect]:
        return self._machine.take_effects()

    def take_events(self) -> Sequence[Event]:
        return self._machine.take_events()

    def take_settled(self) -> Sequence[Settled]:
        return self._machine.take_settled()


@pytest.mark.parametrize("give, given", GIVE)
def test_an_input_reaches_the_machine_as_it_came_and_is_looked_at_then(
    give: Callable[[Machine[Event]], object], given: Given
) -> None:
    inner = Scripted()
    around = Plain(inner)
    give(around)
    assert inner.given == [given]
    assert around.after == [1.0]


@pytest.mark.parametrize("name", ["start", "opened", "closed", "handle_timer"])
def test_the_clock_on_the_wall_is_that_of_the_last_input_that_had_it(name: str) -> None:
    around = Plain(Scripted())
    argument = {"opened": (HANDSHAKE,), "closed": (CLOSE,)}.get(name, ())
    getattr(around, name)(*argument, 10.0, 1000.0)
    assert around._wall(12.0) == 1002.0


@pytest.mark.parametrize("give, given", GIVE)
def test_an_input_is_recorded_and_reaches_the_machine_as_it_came(give: Callable[[Machine[Event]], object], given: Given) -> None:
    inner, sink = Scripted(), io.StringIO(newline="\n")
    give(Recording(inner, header(), sink))
    assert inner.given == [given]
    _, record = read_journal(sink.getvalue().encode().splitlines(keepends=True), load)
    replayed = Scripted()
    assert isinstance(record, Input)
    record.apply(replayed)
    assert replayed.given == [given]


def test_what_records_says_how_its_machine_stands() -> None:
    inner = Scripted()
    recording = Recording(inner, header(), io.StringIO(newline="\n"))
    assert recording.finished is False
    inner.finished = True
    assert recording.finished is True
