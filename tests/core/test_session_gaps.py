"""What was missed and will not come again is told, and nothing else is."""

from __future__ import annotations

import pytest

from pushwire.core.effects import Handshake
from pushwire.core.events import Gap, Up
from pushwire.errors import CommandRefused
from tests.core.rig import Rig, ready_toy
from tests.core.toy import Data, Sub, Toy, ToyDialect


def test_a_loss_is_told_as_a_gap_since_the_last_ping_that_was_answered() -> None:
    rig = ready_toy()
    rig.advance(31.0, each=rig.answer_pings)
    rig.say("data a 1")
    rig.advance(5.0)
    rig.drop()
    rig.news()
    rig.get_ready()
    assert rig.news() == [Up(rig.now, 2), Gap(rig.now, rig.wall - rig.now + 30.0, rig.wall)]


def test_what_was_sent_before_we_knew_that_we_are_accepted_may_be_missing_too() -> None:
    rig = Rig(Toy())
    rig.start()
    rig.give_tokens()
    dialled = rig.wall
    rig.advance(1.0)
    rig.open()
    rig.advance(1.0)
    rig.say("hello")
    rig.drop()
    rig.get_ready()
    assert rig.news()[-1] == Gap(rig.now, dialled, rig.wall)


def test_the_gap_is_told_once_what_was_subscribed_to_is_so_again() -> None:
    rig = ready_toy()
    rig.submit(Sub("a"))
    rig.say("ok 1")
    rig.drop()
    rig.get_ready()
    rig.news()
    rig.advance(1.0)
    assert rig.news() == []
    rig.say("ok 2")
    assert rig.news() == [Gap(rig.now, rig.wall - rig.now, rig.wall)]


def test_a_loss_before_the_gap_was_told_makes_it_longer() -> None:
    rig = ready_toy()
    rig.submit(Sub("a"))
    rig.say("ok 1")
    for _ in range(2):
        rig.drop()
        rig.get_ready()
    rig.news()
    rig.say("ok 3")
    assert rig.news() == [Gap(rig.now, rig.wall - rig.now, rig.wall)]


def test_a_clock_that_was_set_back_makes_no_gap_that_ends_before_it_begins() -> None:
    rig = ready_toy()
    rig.drop()
    rig.news()
    machine = rig.machine
    machine.handle_timer(machine.next_deadline(), 5.0)
    rig.drain()
    rig.give_tokens()
    machine.opened(Handshake(), 2.0, 6.0)
    rig.now = 2.0
    rig.say("hello")
    assert rig.news()[-1] == Gap(2.0, 6.0, 6.0)


def test_a_gap_is_told_again_once_what_could_not_be_restored_for_now_has_been() -> None:
    rig = ready_toy()
    rig.submit(Sub("a"))
    rig.say("ok 1")
    rig.drop()
    since = rig.wall - rig.now
    rig.get_ready()
    rig.news()
    rig.machine._reply("2", rig.now, error=CommandRefused("Sub", 4005, "slower", retry_after=7.0))
    rig.say("data b 1")
    assert rig.news() == [Data("b", "1"), Gap(rig.now, since, rig.wall)]
    rig.say("data b 2")
    assert rig.news() == [Data("b", "2")]
    rig.advance(7.0)
    assert rig.news() == []
    rig.say("ok 3")
    assert rig.news() == [Gap(rig.now, since, rig.wall)]
    rig.say("data a 1")
    assert rig.news() == [Data("a", "1")]


def test_a_loss_meanwhile_makes_it_longer_too() -> None:
    rig = ready_toy()
    rig.submit(Sub("a"))
    rig.say("ok 1")
    rig.drop()
    since = rig.wall - rig.now
    rig.get_ready()
    rig.machine._reply("2", rig.now, error=CommandRefused("Sub", 4005, "slower", retry_after=7.0))
    rig.say("data b 1")
    rig.drop()
    rig.get_ready()
    rig.advance(7.0)
    rig.news()
    rig.say("ok 3")
    assert rig.news() == [Gap(rig.now, since, rig.wall)]


def test_where_nothing_confirms_a_gap_ends_when_a_ping_behind_the_subscriptions_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ToyDialect, "confirms", False)
    rig = ready_toy()
    assert rig.frames() == [], "there is no gap to end"
    rig.submit(Sub("a"))
    rig.say("ok 1")
    rig.drop()
    since = rig.wall - rig.now
    rig.get_ready()
    rig.news()
    rig.machine._send_ping(rig.now)
    rig.say("ok 2")
    rig.advance(0.5)
    rig.say("pong")
    assert rig.news() == [], "that ping left before they were restored"
    rig.advance(0.5)
    rig.say("pong")
    assert rig.news() == [Gap(rig.now, since, rig.wall)]
    rig.say("pong")
    assert rig.news() == []


def test_so_it_does_with_a_pong_of_the_websocket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToyDialect, "confirms", False)
    rig = ready_toy()
    rig.submit(Sub("a"))
    rig.say("ok 1")
    rig.drop()
    since = rig.wall - rig.now
    rig.get_ready()
    rig.news()
    rig.say("ok 2")
    rig.machine._send_ping(rig.now)
    rig.machine.pong(b"", rig.now)
    rig.drain()
    assert rig.news() == [Gap(rig.now, since, rig.wall)]
