"""The commands of a session, through all its connections."""

from __future__ import annotations

import pytest

from pushwire.core.effects import Settled, Ticket
from pushwire.core.events import Unrecognized
from pushwire.core.machine import Phase
from pushwire.errors import (
    CommandRefused,
    ConnectionLost,
    LocalProtocolError,
    NotReady,
    OutcomeUnknown,
    ReplyTimeout,
)
from tests.core.rig import Rig, ready_toy, words
from tests.core.toy import Buy, Foreign, Look, Named, Order, Retry, Sell, Spend, Sub, Toy, Unsub

# Replies


def test_a_reply_settles_its_command_whatever_the_order() -> None:
    rig = ready_toy()
    first, second = rig.submit(Look("a")), rig.submit(Look("b"))
    assert rig.frames() == ["look 1 a", "look 2 b"]
    rig.say("ok 2 B", "ok 1 A")
    assert rig.settled == [Settled(second, "B"), Settled(first, "A")]


def test_a_refusal_settles_its_command_with_the_providers_words() -> None:
    rig = ready_toy()
    ticket = rig.submit(Look("a"))
    rig.say("no 1 404 not found")
    error = rig.error(ticket)
    assert isinstance(error, CommandRefused)
    assert (error.command, error.code, error.text) == ("Look", 404, "not found")


def test_a_second_reply_reaches_nobody() -> None:
    rig = ready_toy()
    rig.submit(Look("a"))
    rig.say("ok 1 A", "ok 1 A")
    assert len(rig.settled) == 1
    assert [type(event) for event in rig.news()] == [Unrecognized]


def test_a_command_without_a_reply_ends_by_itself_and_the_connection_stays() -> None:
    rig = ready_toy()
    ticket = rig.submit(Look("a"))
    rig.advance(9.9)
    assert rig.settled == []
    rig.advance(0.1)
    error = rig.error(ticket)
    assert isinstance(error, ReplyTimeout)
    assert str(error) == "no reply to Look within 10 s"
    assert rig.phase() is Phase.READY
    rig.say("ok 1 late")
    assert rig.settled == []


# Lanes


def test_a_lane_has_one_command_in_flight() -> None:
    rig = ready_toy()
    tickets = [rig.submit(Order("a")), rig.submit(Sell("b")), rig.submit(Order("c"))]
    other = rig.submit(Look("d"))
    assert rig.frames() == ["order a", "look 1 d"]
    rig.say("done A")
    assert rig.frames() == ["sell b"]
    rig.say("failed 7 no luck")
    assert rig.frames() == ["order c"]
    rig.say("done C", "ok 1 D")
    answers = rig.answers()
    assert answers[tickets[0]].reply == "A"
    assert isinstance(answers[tickets[1]].error, CommandRefused)
    assert answers[tickets[2]].reply == "C"
    assert answers[other].reply == "D"


def test_an_error_that_names_nothing_fails_the_one_in_flight() -> None:
    rig = ready_toy()
    first, second = rig.submit(Order("a")), rig.submit(Order("b"))
    rig.say("failed 1 bad")
    assert isinstance(rig.error(first), CommandRefused)
    assert rig.frames() == ["order a", "order b"]
    rig.say("done B")
    assert rig.answers()[second].reply == "B"


def test_a_reply_on_an_empty_lane_is_unrecognized() -> None:
    rig = ready_toy()
    rig.say("done A")
    assert [type(event) for event in rig.news()] == [Unrecognized]


def test_a_lane_that_times_out_hangs_up_so_that_a_late_reply_settles_nobody() -> None:
    rig = ready_toy()
    first, second = rig.submit(Order("a")), rig.submit(Order("b"))
    rig.advance(10.0)
    assert isinstance(rig.error(first), ReplyTimeout)
    assert rig.phase() is Phase.HANGING_UP
    assert rig.hangups[-1].code == 1011
    assert rig.hangups[-1].reason == "no reply to Order within 10 s"
    assert "order b" not in rig.frames()
    rig.say("done A")
    rig.drop()
    rig.get_ready()
    assert words(rig) == ["order b"]
    rig.say("done B")
    assert rig.answers()[second].reply == "B"


# Abandoning


def test_a_cancelled_caller_leaves_the_slot_so_that_its_reply_reaches_nobody_else() -> None:
    rig = ready_toy()
    first, second = rig.submit(Order("a")), rig.submit(Order("b"))
    rig.abandon(first)
    assert rig.frames() == ["order a"]
    rig.say("done A")
    assert rig.frames() == ["order b"]
    rig.say("done B")
    assert rig.answers() == {second: Settled(second, "B")}


def test_a_lane_whose_caller_was_cancelled_still_hangs_up_when_it_times_out() -> None:
    rig = ready_toy()
    rig.abandon(rig.submit(Order("a")))
    rig.advance(10.0)
    assert rig.phase() is Phase.HANGING_UP
    assert rig.settled == []


def test_abandoning_before_sending_withdraws_the_command() -> None:
    rig = ready_toy()
    rig.submit(Order("a"))
    second, third = rig.submit(Order("b")), rig.submit(Order("c"))
    rig.abandon(second)
    rig.say("done A")
    assert rig.frames() == ["order a", "order c"]
    rig.say("done C")
    assert rig.answers()[third].reply == "C"


def test_abandoning_while_down_withdraws_the_command() -> None:
    rig = Rig(Toy())
    rig.start()
    ticket = rig.submit(Look("a"))
    rig.abandon(ticket)
    rig.get_ready()
    assert words(rig) == []
    assert rig.settled == []


def test_abandoning_what_is_answered_or_unknown_changes_nothing() -> None:
    rig = ready_toy()
    ticket = rig.submit(Look("a"))
    rig.say("ok 1 A")
    rig.abandon(ticket)
    rig.abandon(Ticket(999))
    assert rig.answers()[ticket].reply == "A"


def test_a_drop_does_not_send_again_what_nobody_waits_for() -> None:
    rig = ready_toy()
    rig.abandon(rig.submit(Look("a")))
    rig.frames()
    rig.drop()
    rig.get_ready()
    assert words(rig) == []


# While down, and on a drop


@pytest.mark.parametrize("command", [Look(), Buy(), Order(), Sub(), Unsub()])
def test_a_command_that_may_wait_is_sent_when_the_connection_is_ready(command: Named) -> None:
    rig = Rig(Toy())
    rig.submit(command)
    rig.start()
    rig.give_tokens()
    rig.open()
    assert words(rig) == []
    rig.say("hello")
    assert words(rig) == [f"{command.word} x"]


@pytest.mark.parametrize("command", [Spend(), Retry(), Sell()])
def test_a_command_that_must_not_wait_fails_while_down(command: Named) -> None:
    rig = Rig(Toy())
    rig.start()
    error = rig.error(rig.submit(command))
    assert isinstance(error, NotReady)
    assert str(error) == f"{type(command).__name__} was asked for while preparing"
    rig.get_ready()
    assert words(rig) == []


@pytest.mark.parametrize("command", [Look(), Retry(), Order()])
def test_what_is_safe_to_repeat_is_sent_again_after_a_drop(command: Named) -> None:
    rig = ready_toy()
    ticket = rig.submit(command)
    rig.frames()
    rig.drop()
    assert rig.settled == []
    rig.get_ready()
    assert words(rig) == [f"{command.word} x"]
    rig.say("done A", "ok 2 A")
    assert rig.answers()[ticket].reply == "A"


@pytest.mark.parametrize("command", [Buy(), Spend(), Sell()])
def test_what_is_not_safe_to_repeat_ends_in_doubt_when_it_had_left(command: Named) -> None:
    rig = ready_toy()
    ticket = rig.submit(command)
    rig.frames()
    rig.drop()
    error = rig.error(ticket)
    assert isinstance(error, OutcomeUnknown)
    assert error.command == command
    rig.get_ready()
    assert words(rig) == []


@pytest.mark.parametrize("command", [Buy(), Spend(), Sell()])
def test_what_never_left_says_so(command: Named) -> None:
    rig = ready_toy()
    rig.machine.submit(command, rig.now)
    rig.drop()
    (answer,) = rig.settled
    assert isinstance(answer.error, ConnectionLost)
    assert answer.error.sent == "no"
    assert rig.frames() == []


def test_a_command_that_waits_for_its_lane_never_left() -> None:
    rig = ready_toy()
    rig.submit(Order("a"))
    impatient, patient = rig.submit(Sell("b")), rig.submit(Order("c"))
    rig.frames()
    rig.drop()
    error = rig.error(impatient)
    assert isinstance(error, ConnectionLost)
    assert error.sent == "no"
    rig.get_ready()
    assert words(rig) == ["order a"]
    rig.say("done A")
    rig.say("done C")
    assert rig.answers()[patient].reply == "C"


def test_a_command_sent_again_is_never_said_not_to_have_left() -> None:
    # It left on the first connection; that the second dial fails does not take it back.
    rig = ready_toy()
    ticket = rig.submit(Retry())
    rig.frames()
    rig.drop()
    rig.advance(1.0)
    rig.refuse(503)
    assert rig.settled == []
    rig.get_ready()
    assert words(rig) == ["retry x"]
    rig.machine.take_effects()
    rig.drop()
    rig.stop()
    error = rig.error(ticket)
    assert isinstance(error, ConnectionLost)
    assert error.sent == "maybe"


def test_commands_are_sent_again_in_the_order_in_which_they_were_asked_for() -> None:
    rig = ready_toy()
    for command in (Look("a"), Order("b"), Look("c"), Order("d"), Look("e")):
        rig.submit(command)
    assert words(rig) == ["look a", "order b", "look c", "look e"]
    rig.drop()
    rig.get_ready()
    assert words(rig) == ["look a", "order b", "look c", "look e"]
    rig.say("done B")
    assert words(rig) == ["order d"]


def test_another_providers_command_is_refused_before_any_change() -> None:
    rig = ready_toy()
    rig.submit(Order("a"))
    waiting = rig.submit(Order("b"))
    with pytest.raises(LocalProtocolError, match="Foreign is not a toy's command"):
        rig.submit(Foreign())
    rig.say("done A")
    assert rig.frames() == ["order a", "order b"]
    rig.say("done B")
    assert rig.answers()[waiting].reply == "B"


# The end


def test_what_waits_when_the_caller_stops_never_left() -> None:
    rig = Rig(Toy())
    rig.start()
    ticket = rig.submit(Look())
    rig.stop()
    error = rig.error(ticket)
    assert isinstance(error, ConnectionLost)
    assert (error.sent, str(error)) == ("no", "the stream was stopped")


def test_what_is_in_flight_when_the_caller_stops_ends_with_the_connection() -> None:
    rig = ready_toy()
    safe, unsafe, waiting = rig.submit(Order("a")), rig.submit(Buy("b")), rig.submit(Order("c"))
    rig.frames()
    rig.stop()
    assert list(rig.answers()) == [waiting]
    rig.drop()
    answers = rig.answers()
    assert isinstance(error := answers[safe].error, ConnectionLost)
    assert error.sent == "maybe"
    assert isinstance(answers[unsafe].error, OutcomeUnknown)


def test_what_waits_when_the_session_fails_gets_its_failure() -> None:
    rig = ready_toy()
    ticket = rig.submit(Look())
    rig.frames()
    rig.close(4000)
    assert rig.error(ticket) is rig.failure() is not None
