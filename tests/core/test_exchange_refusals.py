"""What was refused, or never answered: told, held back, or asked for again."""

from __future__ import annotations

import pytest

from pushwire.core.commands import Leave
from pushwire.core.effects import Ticket
from pushwire.core.events import SubscriptionRefused
from pushwire.errors import CommandRefused, ConnectionLost, ReplyTimeout
from tests.core.choir import BlamingChoir, Join, Shout, Stage, joined


def test_a_refusal_with_a_time_holds_everything_until_then() -> None:
    stage = Stage()
    stage.ask(Join("a"))
    stage.answer(error=CommandRefused("Join", 4005, "slower", retry_after=7.0))
    stage.ask(Shout("hey"))
    assert stage.frames() == ["join a"]
    assert stage.exchange.due(reading=False) == 7.0
    stage.check(7.0)
    assert stage.frames() == ["hey"]


def test_a_restoration_refused_with_a_time_is_asked_for_again_then() -> None:
    stage = joined("a")
    stage.exchange.lost()
    stage.exchange.ready(0.0)
    stage.answer(error=CommandRefused("Join", 4005, "slower", retry_after=7.0))
    assert stage.events() == []
    stage.frames()
    stage.check(7.0)
    assert stage.frames() == ["join a"]


def test_what_was_given_up_meanwhile_is_not_asked_for_again() -> None:
    stage = joined("a")
    stage.exchange.lost()
    stage.exchange.ready(0.0)
    stage.answer(error=CommandRefused("Join", 4005, "slower", retry_after=7.0))
    stage.frames()
    stage.exchange.submit(Ticket(90), Leave(Join("a")))
    stage.check(7.0)
    assert "join a" not in stage.frames()


def test_an_unanswered_call_still_ends_the_connection_where_silence_is_no_refusal() -> None:
    stage = Stage()
    stage.ask(Join("a"))
    assert stage.check(10.0) == "no reply to Join within 10 s"
    (settled,) = stage.settled()
    assert isinstance(settled.error, ReplyTimeout)


def test_the_end_answers_what_waits() -> None:
    stage = Stage()
    stage.exchange.submit(Ticket(1), Join("a"))
    stage.exchange.lost()
    stage.exchange.end(None)
    (settled,) = stage.settled()
    assert isinstance(settled.error, ConnectionLost)


# What a refusal is blamed on


def test_what_a_restoration_was_not_refused_for_is_asked_for_again_at_once() -> None:
    stage = joined("abc", BlamingChoir())
    stage.exchange.lost()
    stage.exchange.ready(0.0)
    stage.frames()
    stage.answer(error=CommandRefused("Join", 404, "b"))
    assert stage.events() == [SubscriptionRefused(0.0, "b", 404, "b")]
    before = stage.exchange.restored
    (call,) = stage.exchange._pending
    assert call.topics == ("a", "c")
    stage.answer()
    assert (before, stage.exchange.restored) == (False, True)
    assert [topic for topic in "abc" if stage.exchange.subscriptions.is_confirmed(topic)] == ["a", "c"]


@pytest.mark.parametrize("text", ["", "abc"])
def test_a_restoration_refused_for_nothing_in_particular_is_refused_for_all(text: str) -> None:
    stage = joined("abc", BlamingChoir())
    stage.exchange.lost()
    stage.exchange.ready(0.0)
    stage.frames()
    stage.answer(error=CommandRefused("Join", 404, text))
    assert stage.events() == [SubscriptionRefused(0.0, topic, 404, text) for topic in "abc"]
    assert stage.frames() == []


def test_what_only_the_refused_caller_wanted_is_not_asked_for_again() -> None:
    stage = Stage(BlamingChoir())
    ticket = stage.ask(Join("ab"))
    stage.answer(error=CommandRefused("Join", 404, "b"))
    assert [settled.ticket for settled in stage.settled()] == [ticket]
    assert stage.events() == []
    assert stage.frames() == ["join ab"]
    assert len(stage.exchange.subscriptions) == 0


def test_a_refusal_blamed_on_what_was_given_up_meanwhile_costs_the_others_nothing() -> None:
    stage = joined("ab", BlamingChoir())
    stage.exchange.lost()
    stage.exchange.ready(0.0)
    stage.exchange.submit(Ticket(90), Leave(Join("b")))
    stage.frames()
    stage.answer(error=CommandRefused("Join", 404, "b"))
    assert stage.events() == []
    assert list(stage.exchange.subscriptions) == ["a"]
    stage.answer_all()
    assert stage.exchange.subscriptions.is_confirmed("a")
