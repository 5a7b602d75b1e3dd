"""Which keys are owed an ACK, by what leaves, what is answered, and what is late."""

from __future__ import annotations

import pytest

from pushwire.core.owed import Ack, Owed

A, B = ("a",), ("b",)
MESSAGES: list[Ack] = [(A, "1"), (A, "2"), (A, "3")]


@pytest.mark.parametrize("together", [True, False])
def test_a_key_is_owed_until_all_its_acks_under_way_are_answered(together: bool) -> None:
    owed = Owed(10.0)
    if together:
        owed.sent([*MESSAGES, (B, "1")], ["x", "y", "z", "b"], 1, 0.0)
    else:
        for name, ack in zip("xyz", MESSAGES, strict=True):
            owed.sent([ack], [name], 1, 0.0)
        owed.sent([(B, "1")], ["b"], 1, 0.0)
    assert len(owed) == 2
    for name, left in (("x", 2), ("z", 2), ("b", 1), ("y", 0)):
        assert owed.answered([name]) != [None]
        assert len(owed) == left
    assert owed.answered(["x"]) == [None]
    assert len(owed) == 0
    assert not owed.under_way


def test_answers_that_come_together_count_each() -> None:
    owed = Owed(10.0)
    owed.sent(MESSAGES, ["x", "y", "z"], 1, 0.0)
    assert owed.answered(["x", "nobody's", "y"]) == [(A, "1"), None, (A, "2")]
    assert len(owed) == 1
    owed.answered(["z"])
    assert len(owed) == 0


def test_what_is_late_for_the_last_time_stays_owed_and_else_it_is_over() -> None:
    owed = Owed(10.0)
    owed.sent(MESSAGES[:2], ["x", "y"], 1, 0.0)
    assert list(owed.overdue(9.0, 2)) == []
    assert list(owed.overdue(10.0, 2)) == [(MESSAGES[:2], 1)]
    assert len(owed) == 0
    owed.sent(MESSAGES[:2], ["x2", "y2"], 2, 10.0)
    assert list(owed.overdue(20.0, 2)) == [(MESSAGES[:2], 2)]
    assert len(owed) == 1
    owed.lost()
    assert owed.take() == [A]
