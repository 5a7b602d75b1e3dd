from __future__ import annotations

import math

from pushwire.core.effects import Ticket, Token
from pushwire.core.grants import Grants
from pushwire.core.pending import Call
from tests.core.toy import Look


def call(serial: int, lane: str | None = None) -> Call[str]:
    return Call[str](Ticket(serial), Look(), lane=lane)


def waiting(*calls: Call[str]) -> Grants[str]:
    """Token 1 for the first call, which is due at 10 s, and so on by tens."""
    grants: Grants[str] = Grants()
    for serial, one in enumerate(calls, 1):
        grants.add(Token(1, serial), one, 10.0 * serial)
    return grants


def test_an_answer_goes_to_its_call_once() -> None:
    first, second = call(1), call(2)
    grants = waiting(first, second)
    assert grants.answered(Token(1, 2)) is second
    assert grants.answered(Token(1, 2)) is None
    assert list(grants) == [first]


def test_a_lane_is_busy_while_a_call_of_it_waits() -> None:
    grants = waiting(call(1), call(2, "a"))
    assert grants.busy("a")
    assert not grants.busy("b")
    grants.answered(Token(1, 2))
    assert not grants.busy("a")


def test_what_a_caller_takes_back_is_answered_no_more() -> None:
    first, second = call(1), call(2)
    grants = waiting(first, second)
    assert grants.withdraw(Ticket(2)) is second
    assert grants.withdraw(Ticket(2)) is None
    assert grants.answered(Token(1, 2)) is None


def test_what_is_overdue_is_taken() -> None:
    first, second = call(1), call(2)
    grants = waiting(first, second)
    assert grants.due() == 10.0
    assert grants.overdue(9.9) == []
    assert grants.overdue(10.0) == [first]
    assert grants.due() == 20.0
    assert grants.overdue(99.0) == [second]
    assert grants.due() == math.inf


def test_after_an_answer_in_time_it_is_asked_once_in_vain() -> None:
    first, second = call(1), call(2)
    grants = waiting(first, second)
    grants.answered(Token(1, 1))
    assert grants.due() == 10.0
    assert grants.overdue(10.0) == []
    assert grants.due() == 20.0
    grants.answered(Token(1, 2))
    assert grants.due() == math.inf


def test_a_lost_connection_ends_them_all_in_order() -> None:
    first, second = call(1), call(2)
    grants = waiting(first, second)
    assert grants.lost() == [first, second]
    assert list(grants) == []
