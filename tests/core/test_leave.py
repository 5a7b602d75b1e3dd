"""Giving back what a command subscribed to: the last one to leave unsubscribes, also one who leaves before the answer."""

from __future__ import annotations

import pytest

from pushwire.core.commands import Leave
from pushwire.core.config import ConnectionConfig
from pushwire.core.effects import Done, Ticket
from pushwire.core.events import Stale, SubscriptionRefused
from pushwire.core.http import Response
from pushwire.errors import CommandRefused, LocalProtocolError
from tests.core.choir import Drop, Join, Private, Stage, joined
from tests.core.rig import Rig, paced_toy, ready_toy, subscribed, words
from tests.core.toy import Foreign, Sub, Toy


def wanted(rig: Rig) -> list[str]:
    """What the next connection asks for."""
    rig.drop()
    rig.get_ready()
    return words(rig)


def test_the_last_one_to_leave_gives_the_topic_up() -> None:
    rig = ready_toy()
    subscribed(rig, "a", "a")
    rig.submit(Leave(Sub("a")))
    assert wanted(rig) == ["sub a"]
    rig.submit(Leave(Sub("a")))
    rig.frames()
    assert wanted(rig) == []


def test_one_who_leaves_in_flight_is_alone_in_leaving() -> None:
    rig = ready_toy()
    subscribed(rig, "a")
    ticket = rig.submit(Sub("a"))
    rig.submit(Leave(Sub("a"), ticket))
    rig.say("no 2 17 already subscribed")
    assert ticket not in rig.answers(), "nobody waits"
    rig.frames()
    assert wanted(rig) == ["sub a"], "the other one has it"


def test_one_who_leaves_in_flight_and_is_the_last_is_not_subscribed() -> None:
    rig = ready_toy()
    rig.submit(Leave(Sub("a"), rig.submit(Sub("a"))))
    rig.say("ok 1")
    rig.frames()
    assert wanted(rig) == []


def test_what_has_not_left_is_withdrawn_when_its_caller_leaves() -> None:
    rig = Rig(Toy())
    rig.start()
    rig.submit(Sub("a"))
    rig.submit(Leave(Sub("a"), rig.submit(Sub("a"))))
    rig.get_ready()
    assert words(rig) == ["sub a"], "once, for the other one"
    rig.say("ok 1")
    rig.submit(Leave(Sub("a")))
    rig.frames()
    assert wanted(rig) == []


def test_one_who_leaves_after_the_answer_leaves_all_the_same() -> None:
    rig = ready_toy()
    ticket = rig.submit(Sub("a"))
    rig.say("ok 1")
    rig.submit(Leave(Sub("a"), ticket))
    rig.frames()
    assert wanted(rig) == []


def test_leaving_is_settled_at_once_also_while_commands_are_held_back() -> None:
    rig = paced_toy(burst=1)
    subscribed(rig, "a")
    leaving = rig.submit(Leave(Sub("a"), Ticket(999)))
    assert rig.answers()[leaving].error is None


def test_another_providers_subscription_cannot_be_left() -> None:
    rig = ready_toy()
    with pytest.raises(LocalProtocolError, match="Foreign is not"):
        rig.submit(Leave(Foreign()))


def test_one_who_leaves_twice_takes_nothing_from_who_waits_for_an_authorisation() -> None:
    stage = Stage()
    stage.ask(Private("A"))
    stage.exchange.submit(Ticket(98), Leave(Private("B"), Ticket(97)))
    stage.grant(Done(Response(200, body=b"sig")))
    assert stage.frames() == ["join A sig"]


def test_one_who_leaves_before_an_answer_leaves_nothing_behind_when_the_other_is_refused() -> None:
    rig = ready_toy(Toy(ConnectionConfig(stale_after=40.0)))
    left, other = rig.submit(Sub("a")), rig.submit(Sub("a"))
    rig.submit(Leave(Sub("a"), left))
    rig.frames()
    rig.say("no 2 7 no")
    assert isinstance(rig.answers()[other].error, CommandRefused)
    assert words(rig) == ["unsub a"], "the first one may have been heard"
    rig.say("ok 1", "ok 3")
    rig.advance(100.0, each=rig.answer_pings)
    assert not any(isinstance(event, Stale | SubscriptionRefused) for event in rig.news())
    assert "sub a" not in wanted(rig)


def test_the_last_to_be_refused_what_another_made_unsubscribes() -> None:
    rig = ready_toy(Toy(ConnectionConfig(stale_after=40.0)))
    subscribed(rig, "a")
    rig.submit(Sub("a"))
    rig.submit(Leave(Sub("a")))
    rig.frames()
    rig.say("no 2 7 again?")
    assert words(rig) == ["unsub a"]
    rig.say("ok 3")
    rig.advance(100.0, each=rig.answer_pings)
    assert not any(isinstance(event, Stale) for event in rig.news())


def test_leaving_a_part_of_what_a_command_subscribed_to_leaves_the_rest() -> None:
    stage = joined("abc")
    stage.ask(Leave(Join("b")))
    assert stage.frames() == ["drop"]
    stage.answer()
    assert stage.frames() == ["join ac"]


def test_what_is_still_to_be_restored_is_rewritten_where_it_stands() -> None:
    stage = joined("ab")
    stage.exchange.lost()
    # Another takes the lane, so that the restoration waits between two.
    stage.exchange.submit(Ticket(90), Join("c"))
    stage.exchange.advance(0.0)
    stage.exchange.ready(0.0)
    stage.exchange.submit(Ticket(91), Join("d"))
    stage.exchange.submit(Ticket(92), Leave(Join("a")))
    stage.frames()
    stage.answer()
    assert stage.frames() == ["join bcd"], "the restoration of b, before d"
    stage.answer_all()
    assert list(stage.exchange.subscriptions) == ["b", "c", "d"]
    assert all(map(stage.exchange.subscriptions.is_confirmed, "bcd"))


def test_what_is_still_to_be_restored_goes_when_all_of_it_is_given_up() -> None:
    stage = joined("a")
    stage.exchange.lost()
    stage.exchange.submit(Ticket(90), Join("c"))
    stage.exchange.advance(0.0)
    stage.exchange.ready(0.0)
    stage.exchange.submit(Ticket(91), Leave(Join("a")))
    stage.frames()
    stage.answer()
    assert stage.frames() == ["drop"], "c may have been asked for together with a"
    stage.answer()
    assert stage.frames() == ["join c"]


def test_one_who_leaves_while_an_authorisation_is_under_way_is_not_joined() -> None:
    stage = Stage()
    ticket = stage.ask(Private("A"))
    stage.ask(Leave(Private("A"), ticket))
    stage.grant(Done(Response(200, body=b"sig")))
    assert stage.frames() == []
    assert len(stage.exchange.subscriptions) == 0


# An unsubscribe whose caller leaves


def test_an_unsubscribe_that_has_not_left_is_carried_out_though_nobody_waits_for_it() -> None:
    stage = joined("ab")
    stage.ask(Join("c"))
    ticket = stage.ask(Drop("a"))
    stage.exchange.abandon(ticket)
    stage.frames()
    stage.answer()
    assert "drop" in stage.frames(), "what it gave up is gone here already"
    stage.answer_all()
    assert ticket not in {settled.ticket for settled in stage.settled()}


def test_an_unsubscribe_from_what_this_connection_never_made_is_withdrawn_with_its_caller() -> None:
    stage = joined("ab")
    stage.exchange.lost()
    stage.exchange.submit(Ticket(90), Drop("a"))
    stage.exchange.abandon(Ticket(90))
    stage.exchange.ready(1.0)
    assert stage.frames() == ["join b"]


def test_an_unsubscribe_from_what_went_with_its_connection_is_withdrawn_with_its_caller() -> None:
    stage = joined("ab")
    stage.ask(Join("c"))
    ticket = stage.ask(Drop("a"))
    stage.exchange.lost()
    stage.exchange.abandon(ticket)
    stage.frames()
    stage.exchange.ready(1.0)
    stage.answer_all()
    assert "drop" not in stage.frames()


def test_one_who_leaves_in_flight_takes_nothing_that_was_given_up_and_wanted_anew() -> None:
    stage = Stage()
    ticket = stage.ask(Join("ab"))
    stage.ask(Drop("a"))
    stage.ask(Join("a"))
    stage.ask(Leave(Join("ab"), ticket))
    assert list(stage.exchange.subscriptions) == ["a"]


def test_who_is_the_last_to_want_what_is_on_its_way_takes_it_from_that() -> None:
    """The answer that comes to it after the unsubscribe was asked for confirms nothing."""
    stage = Stage()
    gone = stage.ask(Join("a"))
    last = stage.ask(Join("a"))
    stage.ask(Leave(Join("a"), gone))
    stage.exchange.abandon(last)
    stage.exchange.submit(Ticket(90), Join("a"))
    stage.answer()
    assert not stage.exchange.subscriptions.is_confirmed("a")
    assert stage.frames() == ["join a", "drop"]
    stage.answer_all()
    assert stage.exchange.subscriptions.is_confirmed("a")
