"""Giving back what a command subscribed to: the last one to leave unsubscribes, also one who leaves before the answer."""

from __future__ import annotations

import pytest

from pushwire.core.commands import Leave
from pushwire.core.effects import Done, Ticket
from pushwire.core.http import Response
from pushwire.errors import LocalProtocolError
from tests.core.choir import Private, Stage
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
