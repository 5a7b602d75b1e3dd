"""That each input of a journal is given to the machine as it was, and that the machine is built as it was."""

from __future__ import annotations

import pytest

from pushwire.core.commands import Finish
from pushwire.core.effects import Close, Done, Handshake, Ticket, Token
from pushwire.core.journal import (
    Abandon,
    Closed,
    Fulfil,
    HandleTimer,
    Heard,
    Input,
    Opened,
    Pong,
    Reading,
    Receive,
    Start,
    Stop,
    Submit,
)
from tests.core.journals import WALL, header
from tests.core.scripted import Scripted

CLOSE, HANDSHAKE, FINISH = Close(code=1001), Handshake(), Finish(())


@pytest.mark.parametrize(
    "record, given",
    [
        (Start(1.0, 2.0), ("start", 1.0, 2.0)),
        (Opened(HANDSHAKE, 1.0, 2.0), ("opened", HANDSHAKE, 1.0, 2.0)),
        (Receive(("a", b"b"), 1.0), ("receive", ("a", b"b"), 1.0)),
        (Heard(1.0), ("heard", 1.0)),
        (Pong(b"p", 1.0), ("pong", b"p", 1.0)),
        (Closed(CLOSE, 1.0, 2.0), ("closed", CLOSE, 1.0, 2.0)),
        (Reading(False, 1.0), ("reading", False, 1.0)),
        (Submit(FINISH, 1.0), ("submit", FINISH, 1.0)),
        (Abandon(Ticket(3), 1.0), ("abandon", Ticket(3), 1.0)),
        (Fulfil(Token(1, 2), Done(None), 1.0), ("fulfil", Token(1, 2), Done(None), 1.0)),
        (Stop(1.0), ("stop", 1.0)),
        (HandleTimer(1.0, 2.0), ("handle_timer", 1.0, 2.0)),
    ],
)
def test_an_input_is_given_as_it_was(record: Input, given: tuple[object, ...]) -> None:
    machine = Scripted()
    record.apply(machine)
    assert machine.given == [given]


def redial(seed: int) -> float:
    """When a machine with this seed dials again after its first dial has failed."""
    machine = header(seed=seed).machine()
    machine.start(0.0, WALL)
    machine.closed(Close(reason="refused", by="transport"), 1.0, WALL + 1.0)
    return machine.next_deadline()


def test_a_machine_draws_its_delays_from_the_seed_of_its_header() -> None:
    assert redial(7) == redial(7)
    assert redial(7) != redial(8)
