"""How a session notices that a connection is dead, bears that nobody reads, and stops."""

from __future__ import annotations

import math

import pytest

from pushwire.core.config import ConnectionConfig
from pushwire.core.effects import Close, Hangup, Ping
from pushwire.core.events import Down
from pushwire.core.machine import Phase
from pushwire.errors import LocalProtocolError, NotReady, ReplyTimeout
from tests.core.rig import DROP, Rig, ready_toy
from tests.core.toy import Buy, Look, Order, Spend, Toy

# Liveness


def test_a_connection_that_does_not_open_is_given_up() -> None:
    rig = Rig(Toy(ConnectionConfig(connect_timeout=7.0)))
    rig.start()
    rig.give_tokens()
    rig.advance(7.0)
    assert rig.hangups == [Hangup(1000, "no connection within 7 s", 5.0)]
    assert rig.phase() is Phase.HANGING_UP
    rig.open()
    assert rig.phase() is Phase.HANGING_UP
    assert rig.frames() == []
    rig.drop()
    assert rig.phase() is Phase.BACKING_OFF
    assert rig.machine.status().last_error == "no connection within 7 s"
    assert rig.news() == []


def test_a_login_without_an_answer_is_given_up() -> None:
    rig = Rig(Toy())
    rig.start()
    rig.give_tokens()
    rig.now = 25.0
    rig.open()
    rig.advance(9.9)
    assert rig.hangups == []
    rig.advance(0.1)
    assert rig.hangups == [Hangup(1000, "not accepted within 10 s", 5.0)]


def test_a_ping_leaves_every_interval_and_its_answer_is_due() -> None:
    rig = ready_toy()
    rig.advance(30.0)
    assert rig.frames() == ["ping"]
    rig.say("pong")
    rig.advance(30.0)
    assert rig.frames() == ["ping"]
    rig.advance(9.9)
    assert rig.phase() is Phase.READY
    rig.advance(0.1)
    assert rig.phase() is Phase.HANGING_UP
    assert rig.hangups == [Hangup(1011, "no answer to a ping within 10 s", 5.0)]
    (down,) = rig.news()
    assert down == Down(70.0, "no answer to a ping within 10 s", None)
    rig.drop(Close(code=1011, by="us"))
    assert rig.news() == []


def test_the_status_says_when_the_ping_left_that_was_answered_last() -> None:
    rig = ready_toy()
    rig.advance(30.0)
    assert rig.machine.status().ping_answered is None
    rig.advance(2.0)
    rig.say("pong")
    assert rig.machine.status().ping_answered == 30.0


def test_traffic_does_not_stand_in_for_the_answer_to_a_ping() -> None:
    rig = ready_toy()
    rig.advance(30.0)
    rig.advance(5.0)
    rig.say("data a 1")
    rig.advance(5.0)
    assert rig.phase() is Phase.HANGING_UP


def test_a_ping_may_be_a_frame_of_the_transport() -> None:
    class Transport(Toy):
        def _ping(self, now: float) -> str | Ping:
            return Ping(b"p")

    rig = ready_toy(Transport())
    for _ in range(5):
        rig.advance(30.0)
        assert rig.frames() == ["ping frame"]
        rig.machine.pong(b"p", rig.now)
    rig.advance(30.0)
    rig.advance(10.0)
    assert rig.phase() is Phase.HANGING_UP


def test_the_three_clocks_run_side_by_side() -> None:
    rig = ready_toy(Toy(ConnectionConfig(ping_interval=30.0, reply_timeout=20.0, stale_after=50.0)))
    rig.submit(Look())
    assert rig.machine.next_deadline() == 20.0
    rig.advance(20.0)
    assert [type(answer.error) for answer in rig.settled] == [ReplyTimeout]
    assert rig.machine.next_deadline() == 30.0


# Back-pressure


def test_an_hour_in_which_nothing_is_read_ends_without_a_hang_up_by_us() -> None:
    rig = ready_toy()
    rig.advance(25.0)
    call = rig.submit(Order("a"))
    rig.frames()
    rig.reading(False)
    rig.reading(False)
    rig.advance(3600.0)
    assert rig.frames() == ["ping"] * 120
    rig.reading(True)
    rig.reading(True)
    rig.advance(5.0)
    assert rig.phase() is Phase.READY
    rig.say("done A", *["pong"] * 120)
    assert rig.error(call) is None
    rig.advance(3600.0, each=rig.answer_pings)
    assert rig.phase() is Phase.READY


def test_after_a_pause_the_peer_has_what_was_left_of_its_time() -> None:
    rig = ready_toy(Toy(ConnectionConfig(pong_timeout=12.0)))
    rig.advance(25.0)
    call = rig.submit(Buy("a"))
    rig.advance(6.0)
    rig.reading(False)
    rig.advance(3600.0)
    rig.reading(True)
    rig.advance(3.9)
    assert rig.settled == []
    rig.advance(0.1)
    assert isinstance(rig.error(call), ReplyTimeout)
    assert rig.phase() is Phase.READY
    rig.advance(6.9)
    assert rig.phase() is Phase.READY
    rig.advance(0.1)
    assert rig.phase() is Phase.HANGING_UP


def test_a_call_made_in_a_pause_does_not_wait_all_of_it_again() -> None:
    rig = ready_toy()
    rig.reading(False)
    rig.advance(3600.0)
    call = rig.submit(Buy("a"))
    rig.reading(True)
    rig.say("pong")
    rig.advance(10.0)
    assert isinstance(rig.error(call), ReplyTimeout)


def test_a_pause_while_logging_in_does_not_count_nor_count_twice() -> None:
    rig = Rig(Toy())
    rig.start()
    rig.give_tokens()
    rig.open()
    rig.advance(4.0)
    rig.reading(False)
    rig.advance(3600.0)
    assert rig.hangups == []
    rig.reading(True)
    rig.advance(5.9)
    assert rig.hangups == []
    rig.advance(4.1)
    assert len(rig.hangups) == 1


def test_each_connection_begins_as_one_that_is_read() -> None:
    rig = ready_toy()
    rig.reading(False)
    rig.drop()
    rig.get_ready()
    rig.advance(30.0)
    rig.advance(10.0)
    assert rig.phase() is Phase.HANGING_UP


# Stopping


@pytest.mark.parametrize("phase", [Phase.IDLE, Phase.PREPARING, Phase.BACKING_OFF])
def test_stopping_without_a_connection_ends_at_once(phase: Phase) -> None:
    rig = Rig(Toy())
    if phase is not Phase.IDLE:
        rig.start()
    if phase is Phase.BACKING_OFF:
        rig.give_tokens()
        rig.drop()
    assert rig.phase() is phase
    rig.stop()
    assert rig.over()
    assert rig.failure() is None
    assert rig.machine.next_deadline() == math.inf
    assert rig.hangups == []


@pytest.mark.parametrize("phase", [Phase.DIALLING, Phase.AUTHENTICATING, Phase.READY])
def test_stopping_with_a_connection_hangs_up_and_ends_with_it(phase: Phase) -> None:
    rig = Rig(Toy())
    rig.start()
    rig.give_tokens()
    if phase is not Phase.DIALLING:
        rig.open()
    if phase is Phase.READY:
        rig.say("hello")
    assert rig.phase() is phase
    rig.news()
    rig.stop()
    assert rig.hangups == [Hangup(1000, "", 5.0)]
    assert rig.phase() is Phase.ENDING
    assert not rig.over()
    assert rig.machine.next_deadline() == math.inf
    rig.stop()
    assert len(rig.hangups) == 1
    if phase is Phase.DIALLING:
        rig.open()
    rig.say("hello", "data a 1")
    rig.close(1000)
    assert rig.over()
    assert rig.failure() is None
    assert [type(event) for event in rig.news()] == ([Down] if phase is Phase.READY else [])
    rig.stop()
    assert rig.over()


def test_stopping_while_we_hang_up_hangs_up_once() -> None:
    rig = ready_toy()
    rig.advance(40.0)
    assert rig.phase() is Phase.HANGING_UP
    rig.stop()
    assert len(rig.hangups) == 1
    rig.drop()
    assert rig.over()


@pytest.mark.parametrize("close", [Close(code=4000), Close(code=4001), Close(code=4002), Close(status=429), DROP])
def test_however_the_last_connection_ends_stopping_was_no_failure(close: Close) -> None:
    rig = ready_toy()
    rig.stop()
    rig.drop(close)
    assert rig.over()
    assert rig.failure() is None
    assert rig.fetches == []


def test_after_stop_nothing_may_be_asked_for() -> None:
    rig = ready_toy()
    rig.stop()
    with pytest.raises(LocalProtocolError, match="the stream is stopped"):
        rig.submit(Look())
    rig.drop()
    with pytest.raises(LocalProtocolError, match="the stream is stopped"):
        rig.submit(Look())


def test_what_must_not_wait_is_refused_while_hanging_up() -> None:
    rig = ready_toy()
    rig.advance(40.0)
    assert isinstance(rig.error(rig.submit(Spend())), NotReady)
