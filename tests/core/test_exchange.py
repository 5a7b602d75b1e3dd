"""Commands and subscriptions of a session, through all its connections."""

from __future__ import annotations

import math

import pytest

from pushwire.core.config import ConnectionConfig
from pushwire.core.effects import Settled, Ticket
from pushwire.core.events import Stale, SubscriptionRefused, Unrecognized
from pushwire.core.machine import Phase
from pushwire.errors import (
    CommandRefused,
    ConnectionLost,
    LocalProtocolError,
    NotReady,
    OutcomeUnknown,
    PushwireError,
    ReplyTimeout,
)
from tests.core.rig import Rig, ready_toy
from tests.core.toy import Buy, Foreign, Look, Named, Order, Retry, Sell, Spend, Sub, Toy, Unsub


def subscribed(rig: Rig, *topics: str) -> None:
    """Subscribe, with the provider's consent."""
    for topic in topics:
        rig.submit(Sub(topic))
    for frame in rig.frames():
        rig.say(f"ok {frame.split()[1]}")
    assert all(answer.error is None for answer in rig.answers().values())


def words(rig: Rig) -> list[str]:
    """The frames since the last call, without ids and without the login."""
    frames = [frame.split() for frame in rig.frames()]
    return [f"{frame[0]} {frame[-1]}" for frame in frames if frame[0] != "auth"]


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


# Pacing


def paced(rate: float = 1.0, burst: int = 2) -> Rig:
    return ready_toy(Toy(ConnectionConfig(send_rate=rate, send_burst=burst, ping_interval=1000.0)))


def test_commands_beyond_the_burst_wait_for_the_rate() -> None:
    rig = paced()
    for name in "abcd":
        rig.submit(Look(name))
    assert words(rig) == ["look a", "look b"]
    rig.advance(0.99)
    assert words(rig) == []
    rig.advance(0.01)
    assert words(rig) == ["look c"]
    rig.advance(1.0)
    assert words(rig) == ["look d"]


def test_pacing_keeps_the_order_also_behind_a_busy_lane() -> None:
    rig = paced(burst=1)
    for command in (Order("a"), Order("b"), Look("c"), Look("d")):
        rig.submit(command)
    assert words(rig) == ["order a"]
    rig.say("done A")
    rig.advance(1.0)
    assert words(rig) == ["order b"]
    rig.advance(2.0)
    assert words(rig) == ["look c", "look d"]


def test_heartbeats_are_not_held_back_but_count() -> None:
    rig = ready_toy(
        Toy(ConnectionConfig(send_rate=0.1, send_burst=1, ping_interval=1.0, pong_timeout=100.0, reply_timeout=100.0))
    )
    for name in "ab":
        rig.submit(Look(name))
    rig.advance(5.0)
    assert rig.frames() == ["look 1 a", *["ping"] * 5]


def test_what_waits_for_its_turn_goes_out_while_nothing_is_read() -> None:
    rig = paced(burst=1)
    rig.submit(Look("a"))
    rig.submit(Look("b"))
    rig.reading(False)
    rig.advance(1.0)
    assert words(rig) == ["look a", "look b"]


# Subscriptions


def test_subscriptions_are_restored_in_order_after_a_reconnect() -> None:
    rig = ready_toy()
    subscribed(rig, "c", "a", "b")
    rig.drop()
    rig.get_ready()
    assert words(rig) == ["sub c", "sub a", "sub b"]
    assert rig.settled == []


def test_restorations_go_before_what_waits() -> None:
    rig = ready_toy()
    subscribed(rig, "a", "b")
    rig.submit(Look("early"))
    rig.frames()
    rig.drop()
    rig.submit(Look("late"))
    rig.get_ready()
    assert words(rig) == ["sub a", "sub b", "look early", "look late"]


def test_restorations_are_paced() -> None:
    rig = paced()
    subscribed(rig, "a", "b")
    rig.advance(1.0)
    subscribed(rig, "c")
    rig.drop()
    rig.advance(100.0)
    rig.give_tokens()
    rig.open()
    rig.say("hello")
    assert words(rig) == ["sub a", "sub b"]
    rig.advance(1.0)
    assert words(rig) == ["sub c"]


def test_what_was_unsubscribed_is_not_restored() -> None:
    rig = ready_toy()
    subscribed(rig, "a", "b")
    rig.submit(Unsub("a"))
    rig.frames()
    rig.drop()
    rig.get_ready()
    assert words(rig) == ["sub b", "unsub a"]
    rig.say("ok 4", "ok 5")
    rig.drop()
    rig.get_ready()
    assert words(rig) == ["sub b"]


def test_a_subscription_that_waited_is_not_asked_for_twice() -> None:
    rig = Rig(Toy())
    rig.start()
    rig.submit(Sub("a"))
    rig.get_ready()
    assert words(rig) == ["sub a"]
    rig.drop()
    rig.get_ready()
    assert words(rig) == ["sub a"]


def test_a_refused_restoration_is_told_and_asked_for_again_at_the_next_connection() -> None:
    rig = ready_toy()
    subscribed(rig, "a", "b")
    rig.drop()
    rig.get_ready()
    rig.news()
    rig.say("no 3 17 full", "ok 4")
    assert rig.news() == [SubscriptionRefused(rig.now, "a", 17, "full")]
    rig.frames()
    rig.advance(5.0)
    assert words(rig) == []
    rig.drop()
    rig.get_ready()
    assert words(rig) == ["sub a", "sub b"]


def test_a_refused_subscribe_is_its_callers_alone_and_forgotten() -> None:
    rig = ready_toy()
    ticket = rig.submit(Sub("a"))
    rig.say("no 1 17 full")
    assert isinstance(rig.error(ticket), CommandRefused)
    assert rig.news() == []
    rig.frames()
    rig.drop()
    rig.get_ready()
    assert words(rig) == []


def test_a_subscribe_without_a_reply_is_forgotten() -> None:
    rig = ready_toy()
    ticket = rig.submit(Sub("a"))
    rig.advance(10.0)
    assert isinstance(rig.error(ticket), ReplyTimeout)
    assert rig.phase() is Phase.READY
    rig.frames()
    rig.drop()
    rig.get_ready()
    assert words(rig) == []


def test_a_restoration_without_a_reply_hangs_up_since_it_would_be_lost_in_silence() -> None:
    rig = ready_toy()
    subscribed(rig, "a")
    rig.drop()
    rig.get_ready()
    rig.frames()
    rig.advance(10.0)
    assert rig.phase() is Phase.HANGING_UP
    assert rig.hangups[-1].reason == "no reply to Sub within 10 s"
    rig.drop()
    rig.get_ready()
    assert words(rig) == ["sub a"]


def test_a_subscribe_withdrawn_before_it_left_is_forgotten() -> None:
    rig = Rig(Toy())
    rig.start()
    rig.abandon(rig.submit(Sub("a")))
    rig.get_ready()
    assert words(rig) == []


def test_a_subscribe_whose_caller_went_away_in_flight_stays_wanted() -> None:
    rig = ready_toy()
    rig.abandon(rig.submit(Sub("a")))
    rig.say("ok 1")
    rig.frames()
    rig.drop()
    rig.get_ready()
    assert words(rig) == ["sub a"]


# Several callers, one topic


@pytest.mark.parametrize("reply", ["no 2 17 already subscribed", None], ids=["refused", "no reply"])
def test_a_failed_duplicate_does_not_take_the_topic_from_who_has_it(reply: str | None) -> None:
    rig = ready_toy()
    subscribed(rig, "a")
    ticket = rig.submit(Sub("a"))
    if reply is not None:
        rig.say(reply)
    else:
        rig.advance(10.0)
    assert isinstance(rig.error(ticket), PushwireError)
    assert rig.news() == []
    assert rig.phase() is Phase.READY
    rig.frames()
    rig.drop()
    rig.get_ready()
    assert words(rig) == ["sub a"]


def test_a_duplicate_withdrawn_while_down_leaves_the_topic_to_be_restored() -> None:
    rig = ready_toy()
    subscribed(rig, "a", "b")
    rig.drop()
    ticket = rig.submit(Sub("a"))
    rig.abandon(ticket)
    rig.get_ready()
    assert sorted(words(rig)) == ["sub a", "sub b"]
    rig.say("ok 3", "ok 4")
    assert rig.settled == []


def test_a_duplicate_that_took_a_restorations_place_gives_it_back_when_withdrawn() -> None:
    rig = paced(burst=1)
    subscribed(rig, "a")
    rig.advance(100.0)
    rig.drop()
    rig.submit(Look("first"))
    duplicate = rig.submit(Sub("a"))
    rig.get_ready()
    assert words(rig) == ["look first"]
    rig.abandon(duplicate)
    rig.advance(1.0)
    assert words(rig) == ["sub a"]
    rig.frames()


def test_a_duplicate_refused_after_a_reconnect_is_told_to_both() -> None:
    rig = ready_toy()
    subscribed(rig, "a")
    rig.drop()
    duplicate = rig.submit(Sub("a"))
    rig.get_ready()
    rig.news()
    assert words(rig) == ["sub a"]
    rig.say("no 2 17 full")
    assert isinstance(rig.error(duplicate), CommandRefused)
    assert rig.news() == [SubscriptionRefused(rig.now, "a", 17, "full")]
    rig.drop()
    rig.get_ready()
    assert words(rig) == ["sub a"]


def test_of_two_at_a_time_one_may_fail() -> None:
    rig = ready_toy()
    first, second = rig.submit(Sub("a")), rig.submit(Sub("a"))
    rig.say("no 1 17 not now")
    assert isinstance(rig.error(first), CommandRefused)
    assert rig.news() == []
    rig.say("ok 2")
    assert rig.error(second) is None
    rig.frames()
    rig.drop()
    rig.get_ready()
    assert words(rig) == ["sub a"]


def test_a_subscribe_from_before_an_unsubscribe_takes_nothing_from_one_after_it() -> None:
    rig = ready_toy()
    rig.submit(Sub("a"))
    rig.submit(Unsub("a"))
    rig.submit(Sub("a"))
    rig.say("no 1 17 not now", "ok 2", "ok 3")
    rig.frames()
    rig.drop()
    rig.get_ready()
    assert words(rig) == ["sub a"]


def test_a_late_consent_does_not_bring_back_what_was_unsubscribed() -> None:
    rig = ready_toy()
    rig.submit(Sub("a"))
    rig.submit(Unsub("a"))
    rig.say("ok 1", "ok 2")
    rig.frames()
    rig.drop()
    rig.get_ready()
    assert words(rig) == []


def test_an_unsubscribe_takes_back_a_restoration_that_has_not_left() -> None:
    rig = paced(burst=1)
    subscribed(rig, "a")
    rig.advance(10.0)
    subscribed(rig, "b")
    rig.drop()
    rig.get_ready()
    rig.submit(Unsub("b"))
    rig.advance(10.0)
    assert words(rig) == ["sub a", "unsub b"]


def test_unsubscribing_what_was_never_subscribed_is_the_providers_to_judge() -> None:
    rig = ready_toy()
    ticket = rig.submit(Unsub("a"))
    assert words(rig) == ["unsub a"]
    rig.say("no 1 404 unknown")
    assert isinstance(rig.error(ticket), CommandRefused)


@pytest.mark.parametrize("frame_left", [True, False])
def test_a_subscribe_that_ends_with_an_error_on_a_drop_makes_no_subscription(frame_left: bool) -> None:
    class Hasty(Sub):
        on_drop = "unknown"

    rig = ready_toy()
    rig.machine.submit(Hasty("a"), rig.now)
    if frame_left:
        rig.drain()
        rig.frames()
    rig.drop()
    (answer,) = rig.settled
    assert type(answer.error) is (OutcomeUnknown if frame_left else ConnectionLost)
    rig.get_ready()
    assert words(rig) == []


# The topic's clock


def stale_after(seconds: float) -> Rig:
    rig = ready_toy(Toy(ConnectionConfig(stale_after=seconds, ping_interval=1e6)))
    subscribed(rig, "a", "b")
    return rig


def test_a_silent_topic_is_reported_with_the_time_its_silence_began() -> None:
    rig = stale_after(60.0)
    rig.advance(30.0)
    rig.say("data a 1")
    rig.news()
    rig.advance(30.0)
    assert rig.news() == [Stale(60.0, "b", 0.0)]
    rig.advance(30.0)
    assert rig.news() == [Stale(90.0, "a", 30.0)]
    rig.advance(1000.0)
    assert rig.news() == []


def test_the_silence_of_a_pause_is_ours() -> None:
    rig = stale_after(60.0)
    rig.advance(10.0)
    rig.reading(False)
    rig.advance(3600.0)
    rig.reading(True)
    rig.advance(49.0)
    assert rig.news() == []
    rig.advance(1.0)
    assert [type(event) for event in rig.news()] == [Stale, Stale]


def test_nothing_is_stale_without_a_connection_nor_after_unsubscribing() -> None:
    rig = stale_after(60.0)
    rig.submit(Unsub("a"))
    rig.say("ok 3")
    rig.advance(60.0)
    assert rig.news() == [Stale(60.0, "b", 0.0)]
    rig.drop()
    rig.news()
    due = rig.machine.next_deadline()
    assert due < math.inf
    rig.advance(due - rig.now)
    assert rig.news() == []
