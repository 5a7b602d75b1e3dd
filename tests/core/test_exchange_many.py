"""Commands for many topics at once, references given back, and commands that nothing answers."""

from __future__ import annotations

import pytest

from pushwire.core.commands import Leave
from pushwire.core.effects import Settled, Ticket
from pushwire.core.events import SubscriptionRefused
from pushwire.errors import CommandRefused, LocalProtocolError
from tests.core.choir import Drop, Join, KnowingChoir, PatientChoir, Shout, Stage, joined

# Many topics


def test_one_command_subscribes_to_all_its_topics() -> None:
    stage = joined("abc")
    assert list(stage.exchange.subscriptions) == ["a", "b", "c"]
    assert all(map(stage.exchange.subscriptions.is_confirmed, "abc"))


def test_the_topics_of_a_lost_connection_are_restored_together() -> None:
    stage = joined("abc")
    stage.exchange.lost()
    stages = [stage.exchange.restored]
    stage.exchange.ready(1.0)
    assert stage.frames() == ["join abc"]
    stages.append(stage.exchange.restored)
    stage.answer()
    assert [*stages, stage.exchange.restored] == [True, False, True]


def test_a_refusal_takes_back_every_topic_nobody_else_wants() -> None:
    stage = joined("ab")
    ticket = stage.ask(Join("bc"))
    stage.answer(error=CommandRefused("Join", None, "no c here"))
    assert list(stage.exchange.subscriptions) == ["a", "b"]
    assert [settled.ticket for settled in stage.settled()] == [ticket]
    assert stage.events() == []


def test_a_topic_without_regular_data_is_never_reported_as_stale() -> None:
    stage = joined("q")
    assert stage.exchange.staleness.due() == float("inf")


# What an unsubscribe takes along


def test_what_a_command_takes_away_with_it_is_asked_for_right_behind_it() -> None:
    stage = joined("abc")
    stage.ask(Drop("b"))
    stage.ask(Shout("hey"))
    assert stage.frames() == ["drop", "hey"]
    stage.answer()
    assert stage.frames() == ["join ac"]
    stage.answer()
    assert all(map(stage.exchange.subscriptions.is_confirmed, "ac"))


def test_an_unsubscribe_that_waited_for_the_connection_is_followed_by_what_it_takes_away() -> None:
    stage = joined("abc")
    stage.exchange.lost()
    stage.exchange.submit(Ticket(90), Drop("b"))
    stage.exchange.ready(1.0)
    assert stage.frames() == ["join ac"]
    stage.answer()
    assert stage.frames() == ["drop"]
    stage.answer()
    assert stage.frames() == ["join ac"]


def test_topics_given_up_leave_what_is_still_to_be_restored() -> None:
    stage = joined("abc")
    stage.exchange.lost()
    stage.exchange.submit(Ticket(90), Join("z"))
    stage.exchange.ready(1.0)
    stage.ask(Drop("z"))
    stage.exchange.lost()
    stage.frames()
    stage.exchange.ready(2.0)
    assert stage.frames() == ["join abc"]


def test_a_restoration_on_its_way_is_rewritten_without_what_is_given_up() -> None:
    stage = joined("abc")
    stage.exchange.lost()
    # Something else holds the lane.
    stage.exchange.submit(Ticket(90), Drop("x"))
    stage.exchange.advance(1.0)
    stage.exchange.ready(1.0)
    stage.exchange.submit(Ticket(91), Drop("b"))
    stage.frames()
    stage.answer()
    assert stage.frames() == ["join ac"]


# References


def test_the_last_to_leave_unsubscribes() -> None:
    stage = joined("ab")
    stage.ask(Join("ab"))
    stage.answer()
    stage.frames()
    stage.settled()
    ticket = stage.ask(Leave(Join("ab")))
    assert stage.frames() == []
    assert [settled.ticket for settled in stage.settled()] == [ticket]
    stage.ask(Leave(Join("a")))
    assert stage.frames() == ["drop"]
    assert list(stage.exchange.subscriptions) == ["b"]


def test_leaving_what_was_never_made_sends_nothing() -> None:
    stage = joined("a")
    stage.exchange.lost()
    stage.exchange.submit(Ticket(90), Leave(Join("a")))
    stage.exchange.ready(1.0)
    assert stage.frames() == []


def test_leaving_a_foreign_command_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="Leave is not a choir command"):
        Stage().ask(Leave(Leave(Join("a"))))


# Without an answer


def test_what_nothing_will_answer_is_settled_when_it_leaves() -> None:
    stage = Stage()
    ticket = stage.ask(Shout("hey"))
    assert stage.frames() == ["hey"]
    assert stage.settled() == [Settled(ticket)]


def test_a_silent_refusal_is_told_and_ends_nothing_where_providers_refuse_in_silence() -> None:
    stage = joined("a", PatientChoir())
    stage.exchange.lost()
    stage.exchange.ready(0.0)
    assert stage.check(10.0) is None
    assert stage.events() == [SubscriptionRefused(10.0, "a", None, "no reply to Join within 10 s")]


def test_a_subscription_to_what_is_confirmed_is_answered_without_asking_where_asking_twice_is_an_error() -> None:
    stage = joined("a", KnowingChoir())
    ticket = stage.ask(Join("a"))
    assert stage.frames() == []
    assert stage.settled() == [Settled(ticket, "already")]
