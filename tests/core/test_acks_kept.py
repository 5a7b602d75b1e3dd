"""What a session with ACKs keeps, counts and lets go: over losses, pauses and the end, and at the rate the provider allows."""

from __future__ import annotations

import attrs
import pytest

from pushwire.core.acks import AckConfig
from pushwire.core.effects import Done
from pushwire.core.events import AckRefused, Unrecognized
from pushwire.core.machine import Phase
from pushwire.core.owed import Owed
from pushwire.errors import ConfigError
from tests.core.rig import Rig, acked, delivered, owing, ready_acks, tx
from tests.core.test_acks import Subjects
from tests.core.toy import AckToy, Look

QUIET = AckConfig(ping_interval=1e6, pong_timeout=1e6)
"""No heartbeats, which count in the rate too."""


def quiet(config: AckConfig = QUIET) -> AckToy:
    return AckToy(config)


def test_the_longest_resend_may_be_as_short_as_the_shortest() -> None:
    assert AckConfig(resend_min=60.0, resend_cap=60.0).resend_cap == 60.0
    with pytest.raises(ConfigError, match="resend_cap"):
        AckConfig(resend_min=60.0, resend_cap=59.0)


def test_what_is_finished_is_known_for_as_long_as_it_may_be_sent_again_and_the_margin() -> None:
    rig = owing("a", machine=quiet(attrs.evolve(QUIET, resend_cap=1000.0, resend_margin=100.0)))
    rig.advance(1050.0)
    rig.say("tx b 1")
    rig.finish(tx("b"))
    rig.commit()
    rig.news()
    rig.say("tx a 1")
    assert delivered(rig) == []


class Credentialled(AckToy):
    credentials = ("token",)


def test_a_credential_reaches_a_session_with_acks() -> None:
    rig = Rig(Credentialled())
    rig.start()
    assert rig.dials == []
    rig.give_token()
    assert len(rig.dials) == 1


def test_what_answers_a_commit_twice_is_passed_over() -> None:
    rig = ready_acks()
    rig.say("tx a 1")
    rig.finish(tx("a"))
    persist = rig.commit()
    rig.answers()
    rig.machine.fulfil(persist.token, Done(None), rig.now)
    rig.drain()
    assert rig.answers() == {}


def test_a_stopped_session_hangs_up_when_its_last_commit_has_failed() -> None:
    rig = ready_acks()
    rig.say("tx a 1")
    rig.finish(tx("a"))
    rig.stop()
    assert rig.hangups == []
    rig.fail_commit()
    assert [hangup.code for hangup in rig.hangups] == [1000]


def test_a_stopped_session_waits_for_no_ack_of_a_connection_that_was_lost() -> None:
    rig = owing("a")
    rig.drop()
    rig.get_ready()
    rig.say("ok 2")
    rig.stop()
    assert [hangup.code for hangup in rig.hangups] == [1000]


def test_an_ack_of_a_connection_that_was_lost_is_confirmed_by_nobody_and_makes_nothing_due() -> None:
    rig = owing("a", machine=quiet())
    rig.drop()
    rig.advance(5.0)
    rig.give_tokens()
    rig.open()
    rig.say("hello", "ok 1")
    assert [type(event) for event in rig.news()[-1:]] == [Unrecognized]
    assert rig.machine.status().acks_confirmed == 0
    assert rig.machine.next_deadline() == rig.now + 10.0, "when the new one is overdue"


def test_the_answer_to_an_ack_proves_a_connection_that_lasts() -> None:
    rig = owing("a", machine=quiet())
    rig.drop()
    rig.get_ready()
    rig.say("ok 2")
    rig.advance(500.0)
    rig.drop()
    assert rig.machine.status().attempt == 1


def test_an_ack_that_was_answered_does_not_keep_those_after_it_waiting() -> None:
    rig = owing("a", "b", machine=quiet())
    rig.say("ok 1")
    rig.advance(10.0)
    assert acked(rig) == ["b"]


def test_an_ack_that_is_repeated_names_what_it_named() -> None:
    rig = ready_acks(Subjects())
    rig.say("tx a 1")
    rig.finish(tx("a"))
    rig.commit()
    assert acked(rig) == ["a m1", "a m2"]
    rig.advance(10.0)
    assert acked(rig) == ["a m1", "a m2"]


def test_pauses_add_up_and_reading_on_without_one_is_none() -> None:
    rig = owing("a", machine=quiet())
    rig.reading(True)
    for _ in range(2):
        rig.advance(2.0)
        rig.reading(False)
        rig.advance(100.0)
        rig.reading(True)
    rig.advance(5.9)
    assert acked(rig) == []
    rig.advance(0.1)
    assert acked(rig) == ["a"]


@pytest.mark.parametrize("again", [False, True])
def test_before_a_connection_is_ready_reading_may_stop_and_go_on(again: bool) -> None:
    rig = Rig(quiet())
    if again:
        rig.get_ready()
        rig.drop()
        rig.advance(rig.machine.next_deadline() - rig.now)
    else:
        rig.start()
    rig.open()
    rig.reading(False)
    rig.advance(1.0)
    rig.reading(True)
    rig.say("hello")
    assert rig.phase() is Phase.READY


def test_an_ack_that_leaves_after_a_pause_has_all_its_time() -> None:
    rig = ready_acks(quiet())
    rig.reading(False)
    rig.advance(100.0)
    rig.reading(True)
    rig.say("tx a 1")
    rig.finish(tx("a"))
    rig.commit()
    assert acked(rig) == ["a"]
    rig.advance(9.9)
    assert acked(rig) == []
    rig.advance(0.1)
    assert acked(rig) == ["a"]
    rig.advance(10.0)
    assert [type(event) for event in rig.news()[-1:]] == [AckRefused]


def test_acks_count_in_the_rate_and_the_debt_they_leave_is_bounded() -> None:
    rig = ready_acks(quiet(attrs.evolve(QUIET, send_rate=1.0, send_burst=1)))
    rig.say(*(f"tx {key} 1" for key in "abcdefgh"))
    rig.finish(*(tx(key) for key in "abcdefgh"))
    rig.commit()
    assert acked(rig) == [*"abcdefgh"], "none is held back"
    rig.say(*(f"ok {number}" for number in range(1, 9)))
    rig.submit(Look())
    assert rig.machine.next_deadline() == 6.0, "as far below nothing as the bucket is deep, and what is kept for the next such"
    rig.advance(6.0)
    assert len(rig.frames()) == 1


def test_of_a_key_that_has_nothing_left_to_ack_nothing_is_kept() -> None:
    machine = Subjects()
    rig = ready_acks(machine)
    rig.say("tx a 1")
    rig.finish(tx("a"))
    rig.commit()
    rig.say("ok 1", "ok 2")
    rig.say("tx a 1")
    assert len(machine._owed) == 0
    rig.say("tx a 2")
    assert len(machine._owed) == 0


def test_an_answer_may_come_when_its_key_is_owed_no_longer() -> None:
    rig = owing("a", machine=quiet())
    rig.advance(5.0)
    rig.say("tx a 1")
    assert acked(rig) == ["a"]
    rig.say("tx a 2")
    rig.advance(5.0)
    assert acked(rig) == [], "the first is overdue, but would speak for the other version too"
    rig.say("ok 2")
    assert rig.machine.status().acks_confirmed == 1
    rig.finish(tx("a", "2"))
    rig.commit()
    assert acked(rig) == ["a"]


def test_acks_that_left_apart_are_repeated_and_given_up_together() -> None:
    rig = owing("a", "b", machine=quiet())
    rig.advance(10.0)
    assert acked(rig) == ["a", "b"]
    rig.advance(10.0)
    assert [event.key for event in rig.news() if isinstance(event, AckRefused)] == [("a",), ("b",)]


def test_a_version_that_came_meanwhile_keeps_only_the_acks_of_its_own_key() -> None:
    rig = ready_acks(quiet())
    rig.say("tx a 1", "tx b 1")
    rig.finish(tx("a"), tx("b"))
    rig.commit()
    assert sorted(acked(rig)) == ["a", "b"]
    rig.say("tx a 2")
    rig.advance(10.0)
    assert acked(rig) == ["b"]


def test_a_refused_ack_is_told_beside_what_came_with_it() -> None:
    rig = owing("a", machine=quiet())
    rig.say("tx b 1", "no 1 404 unknown")
    events = rig.news()
    assert [type(event) for event in events].count(AckRefused) == 1
    assert len(events) == 2


def test_a_key_dropped_is_not_owed_on_the_next_connection() -> None:
    owed = Owed(10.0)
    owed.sent([(("a",), None), (("b",), None)], ["1", "2"], 1, 0.0)
    owed.drop([("a",)])
    assert len(owed) == 1
    owed.lost()
    assert owed.take() == [("b",)]


def test_of_an_ack_given_up_nothing_is_owed_while_another_version_is_unfinished() -> None:
    machine = quiet()
    rig = owing("a", machine=machine)
    rig.advance(10.0)
    rig.advance(10.0)
    assert len(machine._owed) == 1
    rig.say("tx a 1", "tx a 2")
    rig.advance(10.0)
    assert acked(rig) == ["a", "a"], "the second try, and the one that was asked for again"
    assert len(machine._owed) == 0


def test_what_was_given_up_and_then_answered_is_owed_no_longer_once_nothing_is_left_to_ack() -> None:
    machine = Subjects(QUIET)
    rig = ready_acks(machine)
    rig.say("tx a 1")
    rig.finish(tx("a"))
    rig.commit()
    rig.advance(10.0)
    rig.advance(10.0)
    rig.say("tx a 1", "ok 5", "ok 6")
    assert machine.done == [(("a",), "m1"), (("a",), "m2")]
    assert len(machine._owed) == 1, "two were never answered"
    rig.say("tx a 1")
    assert len(machine._owed) == 0
