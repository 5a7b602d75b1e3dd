"""When a line is written, and what the recorded machine notices of it: nothing."""

from __future__ import annotations

import io
import math
import random

import pytest

from pushwire.core.effects import Close, Committed, Done, Handshake, Persist, Ticket
from pushwire.core.ids import id_source
from pushwire.core.machine import Phase
from pushwire.core.recording import Recording
from pushwire.errors import LocalProtocolError
from pushwire.providers import gelabs
from tests.core.journals import WALL, Recorded, header


def test_every_input_is_a_line_in_order() -> None:
    recorded = Recorded()
    machine = recorded.machine
    machine.start(0.0, WALL)
    machine.opened(Handshake(), 1.0, WALL)
    machine.receive(["{}"], 2.0)
    machine.heard(3.0)
    machine.pong(b"", 4.0)
    machine.reading(False, 5.0)
    machine.abandon(machine.submit(gelabs.Unsubscribe("0xa"), 6.0), 7.0)
    (persist,) = (effect for effect in machine.take_effects() if isinstance(effect, Persist))
    machine.fulfil(persist.token, Done(Committed()), 8.0)
    machine.handle_timer(9.0, WALL)
    machine.stop(10.0)
    machine.closed(Close(), 11.0, WALL)
    assert [value["input"] for value in recorded.values[1:]] == [
        *("start", "opened", "receive", "heard", "pong", "reading"),
        *("submit", "abandon", "fulfil", "handle_timer", "stop", "closed"),
    ]
    assert [value["now"] for value in recorded.values[1:]] == [float(number) for number in range(12)]


def test_outputs_pass_through() -> None:
    recorded = Recorded()
    machine = recorded.machine
    assert machine.next_deadline() == math.inf
    machine.start(0.0, WALL)
    assert machine.next_deadline() == 30.0
    assert machine.status().phase is Phase.DIALLING
    assert len(machine.take_effects()) == 2
    ticket = machine.submit(gelabs.Unsubscribe("0xa"), 0.0)
    machine.closed(Close(status=401), 1.0, WALL)
    assert len(machine.take_events()) == 0
    assert [settled.ticket for settled in machine.take_settled()] == [ticket]
    assert machine.failure is not None
    assert not machine.finished


def test_an_input_is_written_before_it_takes_effect() -> None:
    recorded = Recorded()
    recorded.machine.start(0.0, WALL)
    with pytest.raises(LocalProtocolError):
        recorded.machine.start(1.0, WALL)
    assert [value.get("now") for value in recorded.values] == [None, 0.0, 1.0]


class Counted(io.StringIO):
    """A file that counts what was written when it was last flushed."""

    flushed = 0

    def flush(self) -> None:
        self.flushed = len(self.getvalue().splitlines())


def test_only_what_comes_with_every_read_may_stay_in_the_process() -> None:
    file = Counted()
    start = header()
    machine = Recording(start.config.machine(rng=random.Random(1), ids=id_source("a")), start, file)
    assert file.flushed == 1
    machine.start(0.0, WALL)
    machine.receive([], 1.0)
    machine.heard(1.0)
    assert file.flushed == 2
    machine.abandon(Ticket(9), 2.0)
    assert file.flushed == 5
