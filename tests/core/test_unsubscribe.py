"""Unsubscribes that are cancelled, overtaken, or sent once more: what is given up is gone, and what is wanted is had."""

from __future__ import annotations

from pushwire.core.effects import Ticket
from pushwire.errors import CommandRefused
from tests.core.band import Band, Join, Quit
from tests.core.choir import Join as JoinIn
from tests.core.choir import Stage, joined
from tests.core.rig import paced_toy, ready_toy, subscribed, words
from tests.core.toy import Look, Sub, Unsub


def test_one_that_its_caller_no_longer_waits_for_is_carried_out_since_the_topic_is_gone_already() -> None:
    rig = paced_toy(burst=1)
    subscribed(rig, "a")
    rig.abandon(rig.submit(Unsub("a")))
    rig.advance(1.0)
    assert words(rig) == ["unsub a"]
    rig.say("ok 2")
    assert rig.settled == []


def test_one_of_what_this_connection_was_never_asked_for_is_withdrawn() -> None:
    rig = paced_toy(burst=1)
    rig.submit(Look())
    rig.abandon(rig.submit(Unsub("a")))
    rig.advance(1.0)
    assert words(rig) == ["look x"]


def test_what_was_wanted_anew_is_asked_for_behind_an_unsubscribe_that_is_sent_once_more() -> None:
    rig = ready_toy()
    subscribed(rig, "a")
    unanswered = rig.submit(Unsub("a"))
    rig.submit(Sub("a"))
    rig.say("ok 3")
    rig.drop()
    rig.get_ready()
    assert words(rig)[-3:] == ["sub a", "unsub a", "sub a"], "restored, taken away, and restored"
    rig.say("ok 4", "ok 5", "ok 6")
    assert unanswered in rig.answers()
    assert rig.machine._exchange.subscriptions.is_confirmed("a")


def test_one_that_comes_before_what_wants_the_topic_anew_costs_no_further_request() -> None:
    rig = paced_toy(burst=1)
    subscribed(rig, "a")
    rig.submit(Unsub("a"))
    rig.submit(Sub("a"))
    rig.advance(5.0)
    assert words(rig) == ["unsub a", "sub a"]


def test_a_subscription_in_part_given_up_does_not_ask_for_that_again_on_behalf_of_others() -> None:
    stage = Stage(Band("one lane"))
    exchange = stage.exchange
    exchange.submit(Ticket(90), Join("ab", 90))
    exchange.submit(Ticket(91), Quit("b", 91))
    exchange.submit(Ticket(92), Join("bc", 92))
    exchange.ready(0.0)
    assert stage.frames() == ["all Join a 90 -"]


def test_what_waits_behind_a_busy_lane_counts_as_on_its_way() -> None:
    """A refusal is not told, nor asked for again, where another caller's request is still to be sent."""
    stage = joined("z")
    stage.ask(JoinIn("a"))
    stage.ask(JoinIn("a"))
    stage.answer(error=CommandRefused("Join", 7, "no"))
    assert stage.events() == []
    assert stage.frames() == ["join za", "join za"]
    stage.answer()
    assert not stage.exchange.waiting


def test_nothing_is_waited_for_after_the_connection_has_gone() -> None:
    stage = joined("a")
    stage.exchange.lost()
    stage.exchange.ready(1.0)
    stage.answer(error=CommandRefused("Join", 7, "slower", retry_after=7.0))
    stage.exchange.lost()
    assert stage.exchange.due(reading=True) == float("inf")
