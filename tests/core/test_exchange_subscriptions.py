"""The subscriptions of a session, through all its connections; pacing, and the topic's clock."""

from __future__ import annotations

import math

import pytest

from pushwire.core.config import ConnectionConfig
from pushwire.core.events import Gap, Stale, SubscriptionRefused
from pushwire.core.machine import Phase
from pushwire.errors import (
    CommandRefused,
    ConnectionLost,
    OutcomeUnknown,
    PushwireError,
    ReplyTimeout,
)
from tests.core.rig import Rig, paced_toy, ready_toy, subscribed, words
from tests.core.toy import Look, Order, Sub, Toy, Unsub

# Pacing


def test_commands_beyond_the_burst_wait_for_the_rate() -> None:
    rig = paced_toy()
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
    rig = paced_toy(burst=1)
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
    rig = paced_toy(burst=1)
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


def test_restorations_are_paced_toy() -> None:
    rig = paced_toy()
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
    assert rig.news() == [SubscriptionRefused(rig.now, "a", 17, "full"), Gap(rig.now, rig.wall - rig.now, rig.wall)]
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
    rig = paced_toy(burst=1)
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


def test_a_gap_ends_when_the_callers_own_subscription_has_restored_the_topic() -> None:
    rig = ready_toy()
    subscribed(rig, "a")
    rig.drop()
    rig.submit(Sub("a"))
    rig.get_ready()
    assert not any(isinstance(event, Gap) for event in rig.news())
    rig.say("ok 2")
    assert any(isinstance(event, Gap) for event in rig.news())


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
    assert SubscriptionRefused(rig.now, "a", 17, "full") in rig.news()
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
    rig = paced_toy(burst=1)
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
