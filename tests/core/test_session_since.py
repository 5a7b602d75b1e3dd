"""When a session says that things began: each phase at the moment of what led to it, on a clock that did not begin at 0."""

from __future__ import annotations

import math

import attrs
import pytest

from pushwire.core.acks import AckConfig
from pushwire.core.config import ConnectionConfig
from pushwire.core.effects import Close, Dial, Failed, Handshake, Hangup, Ping
from pushwire.core.events import Gap
from pushwire.core.machine import Phase
from tests.core.rig import Rig, ready_acks, ready_toy, subscribed, tx
from tests.core.toy import AckToy, Look, Toy, ToyDialect

QUIET = ConnectionConfig(ping_interval=1e6, pong_timeout=1e6)


def standing(rig: Rig) -> tuple[Phase, float]:
    status = rig.machine.status()
    return status.phase, status.since


def test_a_phase_lasts_since_what_led_to_it() -> None:
    rig = Rig(Toy(), now=10.0)
    assert standing(rig) == (Phase.IDLE, 0.0)
    rig.start()
    assert standing(rig) == (Phase.PREPARING, 10.0)
    rig.now = 11.0
    rig.give_token()
    assert standing(rig) == (Phase.DIALLING, 11.0)
    rig.now = 12.0
    rig.open()
    assert standing(rig) == (Phase.AUTHENTICATING, 12.0)
    rig.now = 13.0
    rig.say("hello")
    assert standing(rig) == (Phase.READY, 13.0)
    rig.now = 14.0
    rig.drop()
    assert standing(rig) == (Phase.BACKING_OFF, 14.0)
    due = rig.machine.next_deadline()
    rig.advance(due - rig.now)
    assert standing(rig) == (Phase.PREPARING, due)


def test_an_attempt_that_takes_too_long_is_ended_at_its_deadline_and_nothing_more_is_due() -> None:
    rig = Rig(Toy(QUIET), now=10.0)
    rig.start()
    rig.give_token()
    rig.advance(QUIET.connect_timeout)
    assert standing(rig) == (Phase.HANGING_UP, 10.0 + QUIET.connect_timeout)
    assert rig.machine.next_deadline() == math.inf
    rig = Rig(Toy(QUIET), now=10.0)
    rig.start()
    rig.give_token()
    rig.open()
    rig.advance(QUIET.auth_timeout)
    assert standing(rig) == (Phase.HANGING_UP, 10.0 + QUIET.auth_timeout)
    assert rig.machine.next_deadline() == math.inf


def test_a_stopped_session_ends_with_the_last_answer_it_waits_for() -> None:
    rig = ready_acks()
    rig.say("tx a 1")
    rig.finish(tx("a"))
    rig.commit()
    rig.now = 5.0
    rig.stop()
    assert standing(rig) == (Phase.FLUSHING, 5.0)
    rig.now = 6.0
    rig.say("ok 1")
    assert standing(rig) == (Phase.ENDING, 6.0)
    assert rig.hangups == [Hangup(1000, "", 5.0)]


def test_or_when_the_time_to_close_within_is_over() -> None:
    rig = ready_acks()
    rig.say("tx a 1")
    rig.finish(tx("a"))
    rig.stop()
    rig.advance(5.0)
    assert standing(rig) == (Phase.ENDING, 5.0)
    assert rig.hangups == [Hangup(1000, "", 5.0)]


def test_or_when_nothing_more_is_waited_for() -> None:
    rig = ready_acks(AckToy(AckConfig(reply_timeout=2.0)))
    rig.say("tx a 1")
    rig.finish(tx("a"))
    rig.commit()
    rig.stop()
    rig.advance(4.0)
    assert standing(rig) == (Phase.ENDING, 4.0), "the ACK has been tried twice"
    rig = ready_toy()
    rig.now = 3.0
    rig.stop()
    assert standing(rig) == (Phase.ENDING, 3.0)


def test_a_pause_adds_to_the_time_the_provider_has_to_accept_us() -> None:
    rig = Rig(Toy(attrs.evolve(QUIET, auth_timeout=10.0)))
    rig.start()
    rig.give_token()
    rig.open()
    rig.advance(2.0)
    rig.reading(False)
    rig.advance(4.0)
    rig.reading(True)
    rig.advance(7.9)
    assert rig.phase() is Phase.AUTHENTICATING
    rig.advance(0.1)
    assert standing(rig) == (Phase.HANGING_UP, 14.0)


class Asked(Toy):
    """Keeps what its rules were asked with."""

    asked: list[tuple[object, ...]]

    def _dial(self, now: float, wall: float) -> Dial:
        self.asked = [("dial", now, wall)]
        return super()._dial(now, wall)

    def _on_opened(self, handshake: Handshake, now: float) -> None:
        self.asked.append(("opened", handshake, now))
        super()._on_opened(handshake, now)

    def _ping(self, now: float) -> str | Ping:
        self.asked.append(("ping", now))
        return super()._ping(now)

    def _judged(self, close: Close, now: float) -> Close:
        self.asked.append(("judged", close, now))
        return super()._judged(close, now)


def test_a_providers_rules_are_asked_with_what_happened_and_when() -> None:
    machine = Asked(ConnectionConfig(ping_interval=20.0))
    rig = Rig(machine, now=10.0)
    rig.start()
    rig.now = 11.0
    rig.give_token()
    rig.open()
    rig.say("hello")
    rig.advance(20.0)
    rig.close(1001)
    assert machine.asked == [
        ("dial", 11.0, rig.wall - rig.now + 11.0),
        ("opened", Handshake(), 11.0),
        ("ping", 31.0),
        ("judged", Close(code=1001), 31.0),
    ]


def test_a_credential_that_cannot_be_had_ends_the_attempt_as_a_transport_does() -> None:
    machine = Asked(QUIET)
    machine.asked = []
    rig = Rig(machine)
    rig.start()
    rig.machine.fulfil(rig.fetches.pop(0).token, Failed(ValueError("none")), 2.0)
    rig.drain()
    assert machine.asked == [("judged", Close(reason="token: none", by="transport"), 2.0)]
    assert standing(rig) == (Phase.BACKING_OFF, 2.0)


def test_a_mark_of_the_first_start_is_the_time_by_the_clock_on_the_wall() -> None:
    rig = Rig(AckToy(), now=10.0)
    rig.start()
    assert [persist.mark for persist in rig.persists] == [rig.wall]


def test_a_gap_begins_when_the_connection_was_ready_where_no_ping_was_answered() -> None:
    rig = Rig(Toy(QUIET), now=10.0)
    rig.get_ready()
    began = rig.wall
    subscribed(rig, "a")
    rig.advance(5.0)
    rig.drop()
    rig.get_ready()
    rig.say(f"ok {rig.frames()[-1].split()[1]}")
    assert [event for event in rig.news() if isinstance(event, Gap)] == [Gap(rig.now, began, rig.wall)]


def test_a_connection_is_as_stable_as_it_was_long() -> None:
    rig = Rig(Toy(QUIET), now=1000.0)
    rig.start()
    rig.drop()
    rig.get_ready()
    rig.submit(Look("a"))
    rig.say(f"ok {rig.frames()[-1].split()[1]}")
    rig.advance(10.0)
    rig.drop()
    assert rig.machine.status().attempt == 2


def test_heartbeats_count_in_the_rate() -> None:
    rig = ready_toy(Toy(ConnectionConfig(send_rate=0.01, send_burst=1, ping_interval=10.0, pong_timeout=1000.0)))
    rig.submit(Look("a"))
    rig.advance(10.0)
    assert rig.frames()[-1] == "ping"
    rig.say("ok 1 A")
    rig.submit(Look("b"))
    rig.advance(179.0)
    assert "look" not in " ".join(rig.frames())


def test_once_it_hangs_up_nothing_more_is_due() -> None:
    rig = Rig(Toy(QUIET))
    rig.start()
    rig.give_token()
    rig.open()
    rig.say("denied not you")
    assert standing(rig) == (Phase.HANGING_UP, 0.0)
    assert rig.machine.next_deadline() == math.inf


def test_a_gap_is_told_when_a_restoration_without_an_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToyDialect, "unanswered_ends", False)
    rig = ready_toy(Toy(QUIET))
    subscribed(rig, "a")
    rig.advance(5.0)
    rig.drop()
    rig.get_ready()
    rig.news()
    rig.advance(QUIET.reply_timeout)
    gaps = [event for event in rig.news() if isinstance(event, Gap)]
    assert [(gap.received, gap.until) for gap in gaps] == [(rig.now, rig.wall)]


def test_a_flush_that_ends_with_a_commit_ends_then() -> None:
    rig = Rig(AckToy())
    rig.get_ready()
    rig.stop()
    assert rig.phase() is Phase.FLUSHING
    rig.advance(1.0)
    rig.commit()
    assert standing(rig) == (Phase.ENDING, 1.0)
