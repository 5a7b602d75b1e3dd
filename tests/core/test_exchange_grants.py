"""Commands that need an authorisation before they can be written."""

from __future__ import annotations

import pytest

from pushwire.core.effects import Done, Failed, Settled
from pushwire.core.events import SubscriptionRefused
from pushwire.core.http import Response
from tests.core.choir import Join, Private, Shout, Stage, refused


def test_a_command_waits_for_its_authorisation_and_others_do_not_wait_for_it() -> None:
    stage = Stage()
    ticket = stage.ask(Private("A"))
    stage.ask(Shout("hey"))
    assert stage.frames() == ["hey"]
    stage.grant(Done(Response(200, body=b"sig")))
    assert stage.frames() == ["join A sig"]
    stage.settled()
    stage.answer()
    assert stage.settled() == [Settled(ticket, "fine")]


def test_its_lane_waits_with_it() -> None:
    stage = Stage()
    stage.ask(Private("A"))
    stage.ask(Join("b"))
    assert stage.frames() == []
    stage.grant(Done(Response(200, body=b"sig")))
    stage.answer()
    assert stage.frames() == ["join A sig", "join Ab"]


def test_a_refused_authorisation_refuses_the_command() -> None:
    stage = Stage()
    stage.ask(Private("A"))
    stage.grant(Done(Response(403)))
    (settled,) = stage.settled()
    assert refused(settled.error).code == 403
    assert len(stage.exchange.subscriptions) == 0


@pytest.mark.parametrize(
    "outcome, text",
    [
        (Done(Response(503)), "not authorised: not now"),
        (Failed(OSError("no route")), "not authorised: no route"),
        (Done("nonsense"), "not authorised: no response"),
    ],
)
def test_a_restoration_that_cannot_be_authorised_now_is_told_and_tried_again(outcome: Done | Failed, text: str) -> None:
    stage = Stage()
    stage.ask(Private("A"))
    stage.grant(Done(Response(200, body=b"sig")))
    stage.answer()
    stage.exchange.lost()
    stage.exchange.ready(0.0)
    stage.frames()
    stage.grant(outcome)
    assert stage.events() == [SubscriptionRefused(0.0, "A", None, text)]
    assert stage.exchange.due(reading=False) == 1.0
    assert stage.check(1.0) is None
    stage.grant(Done(Response(200, body=b"sig2")))
    assert stage.frames() == ["join A sig2"]


def test_a_callers_command_that_cannot_be_authorised_is_its_callers_alone() -> None:
    stage = Stage()
    stage.ask(Private("A"))
    stage.grant(Failed(OSError("no route")))
    (settled,) = stage.settled()
    assert refused(settled.error).text == "not authorised: no route"
    assert stage.events() == []


def test_an_authorisation_without_an_answer_is_given_up_in_time() -> None:
    stage = Stage()
    stage.ask(Private("A"))
    assert stage.exchange.due(reading=False) == 10.0
    assert stage.check(10.0) is None
    (settled,) = stage.settled()
    assert refused(settled.error).text == "not authorised: no answer within 10 s"
    stage.grant(Done(Response(200, body=b"late")))
    assert stage.frames() == []


def test_an_authorisation_of_the_last_connection_is_not_used_on_the_next() -> None:
    stage = Stage()
    stage.ask(Private("A"))
    old = stage.requests[-1]
    stage.exchange.lost()
    stage.exchange.ready(1.0)
    stage.exchange.fulfil(old, Done(Response(200, body=b"old")), 1.0)
    assert stage.frames() == []
    stage.grant(Done(Response(200, body=b"new")))
    assert stage.frames() == ["join A new"]


def test_one_that_was_authorised_and_had_to_wait_asks_anew_on_the_next_connection() -> None:
    stage = Stage()
    stage.ask(Private("A"))
    stage.exchange.fulfil(stage.requests[-1], Done(Response(200, body=b"old")), 0.0)
    stage.exchange.lost()
    stage.exchange.ready(1.0)
    assert stage.frames() == []
    assert len(stage.requests) == 2


def test_a_caller_who_leaves_withdraws_what_waits_for_its_authorisation() -> None:
    stage = Stage()
    ticket = stage.ask(Private("A"))
    stage.ask(Join("A"))
    stage.exchange.abandon(ticket)
    stage.exchange.advance(0.0)
    stage.grant(Done(Response(200, body=b"sig")))
    assert stage.frames() == ["join A"]


def test_a_restoration_that_the_authorisation_refuses_is_told_with_its_time() -> None:
    stage = Stage()
    stage.ask(Private("A"))
    stage.grant(Done(Response(200, body=b"sig")))
    stage.answer()
    stage.exchange.lost()
    stage.exchange.ready(0.0)
    stage.now = 6.0
    stage.grant(Done(Response(403)))
    assert stage.events() == [SubscriptionRefused(6.0, "A", 403, "not you")]


def test_a_restoration_that_waits_for_its_authorisation_is_still_on_its_way() -> None:
    stage = Stage()
    stage.ask(Private("A"))
    stage.grant(Done(Response(200, body=b"sig")))
    stage.answer()
    stage.exchange.lost()
    stage.exchange.ready(0.0)
    assert not stage.exchange.restored
    stage.grant(Done(Response(200, body=b"sig")))
    assert not stage.exchange.restored
    stage.answer()
    assert stage.exchange.restored


def test_a_callers_own_commands_are_no_restoration() -> None:
    stage = Stage()
    stage.ask(Private("A"))
    assert stage.exchange.restored
    stage.grant(Done(Response(200, body=b"sig")))
    assert stage.exchange.restored
