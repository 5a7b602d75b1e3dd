"""A session with a ledger over outages and restarts: what is asked for again, what a run hands to the next, how it stops."""

from __future__ import annotations

import pytest

from pushwire.core.acks import AckConfig
from pushwire.core.commands import Finish, Park
from pushwire.core.effects import Record, Restored, Write
from pushwire.core.events import Gap
from pushwire.core.machine import Phase
from pushwire.errors import LocalProtocolError, RemoteProtocolError
from tests.core.rig import WALL, Rig, acked, delivered, owing, ready_acks, tx, window
from tests.core.toy import AckToy, Look

DAY = 86_400.0


# An earlier run


def restored(**fields: float) -> Restored:
    """Finished messages by their keys."""
    return Restored(finished={tx(key): at for key, at in fields.items()}, mark=WALL)


def test_what_an_earlier_run_finished_is_not_delivered_but_acked_again() -> None:
    rig = ready_acks(AckToy(restored=restored(a=WALL)))
    rig.say("tx a 1", "tx a 2")
    assert delivered(rig) == [(tx("a", "2"), "update")]
    assert acked(rig) == ["a"]


def test_marks_of_delivery_ride_in_the_next_commit_and_are_redeliveries_to_the_next_run() -> None:
    rig = ready_acks()
    rig.say("tx a 1", "tx b 1", "tx c 1")
    assert rig.persists == []
    ticket = rig.finish(tx("b"))
    marks, finished = rig.commit().writes
    assert marks == Write(None, (Record("delivered", tx("a"), WALL), Record("delivered", tx("c"), WALL)))
    assert finished.ticket == ticket
    rig.finish(tx("a"))
    assert len(rig.persists[0].writes) == 1

    later = ready_acks(AckToy(restored=Restored(delivered={record.identity: record.at for record in marks.records}, mark=WALL)))
    later.say("tx a 1", "tx c 1", "tx d 1", "tx a 1")
    assert delivered(later) == [(tx("a"), "redelivery"), (tx("c"), "redelivery"), (tx("d"), "new")]


def test_marks_that_a_failed_commit_held_ride_in_the_next_one() -> None:
    rig = ready_acks()
    rig.say("tx a 1", "tx b 1")
    rig.finish(tx("b"))
    rig.fail_commit()
    rig.finish(tx("b"))
    assert rig.persists[0].writes[0] == Write(None, (Record("delivered", tx("a"), WALL),))


# The window and the low-water mark


def test_a_store_never_used_before_is_given_its_first_mark_before_the_first_dial() -> None:
    rig = Rig(AckToy())
    rig.start()
    (persist,) = rig.persists
    assert (persist.writes, persist.mark) == ((), WALL)
    assert rig.effects.index(persist) == 0
    assert window(rig) == 180


def test_starting_after_the_end_stores_nothing() -> None:
    rig = Rig(AckToy())
    rig.stop()
    with pytest.raises(LocalProtocolError):
        rig.start()
    rig.drain()
    assert rig.persists == []


@pytest.mark.parametrize(
    "age, asked",
    [(0.0, 180), (100.0, 180), (150.0, 180), (150.5, 181), (1000.0, 1030), (1000.2, 1031), (DAY - 30, 86_400), (DAY, 86_400)],
)
def test_the_window_covers_all_since_the_mark_at_the_start_of_a_process(age: float, asked: int) -> None:
    rig = Rig(AckToy(restored=Restored(mark=WALL - age)))
    rig.start()
    assert window(rig) == asked
    rig.open()
    rig.say("hello")
    assert not any(isinstance(event, Gap) for event in rig.news())
    assert rig.persists == []


def test_beyond_the_cap_a_gap_says_what_will_not_come() -> None:
    rig = Rig(AckToy(restored=Restored(mark=WALL - DAY - 500.0)))
    rig.start()
    assert window(rig) == 86_400
    rig.open()
    rig.say("hello")
    assert rig.news()[-1] == Gap(0.0, WALL - DAY - 500.0, WALL - DAY)
    rig.drop()
    rig.get_ready()
    assert rig.news()[-1] == Gap(rig.now, WALL - DAY, WALL - DAY + rig.now), "no more than what the second dial lost besides"


def test_an_outage_beyond_the_cap_is_a_gap_too() -> None:
    rig = ready_acks(AckToy(AckConfig(resend_cap=600.0)))
    rig.drop()
    rig.now += 10_000.0
    rig.timer()
    assert window(rig) == 600
    rig.open()
    rig.say("hello")
    assert rig.news()[-1] == Gap(10_000.0, WALL, WALL + 9_400.0)


def test_a_mark_from_a_clock_that_ran_ahead_is_cut_to_now() -> None:
    rig = Rig(AckToy(restored=Restored(mark=WALL + 1e9)))
    rig.get_ready()
    rig.drop()
    rig.now += 1000.0
    rig.timer()
    assert window(rig) == 1030


def test_the_window_grows_with_the_outage() -> None:
    rig = ready_acks()
    rig.drop()
    rig.now += 4_000.0
    rig.timer()
    assert window(rig) == 4_030


def redialled(rig: Rig) -> int:
    """Drop the connection; the window that the next dial asks for."""
    rig.drop()
    rig.advance(rig.machine.next_deadline() - rig.now)
    return window(rig)


def test_the_mark_follows_the_answered_heartbeats_of_a_settled_connection() -> None:
    rig = ready_acks()
    rig.advance(1000.0, each=rig.answer_pings)
    rig.now = 1010.0
    # The last answered ping left at 990.
    assert redialled(rig) == 180
    rig.now += 1000.0
    rig.refuse(503)
    rig.advance(rig.machine.next_deadline() - rig.now)
    assert abs(window(rig) - (rig.now - 990.0 + 30.0)) <= 1


def test_before_a_connection_has_settled_the_resend_may_still_be_under_way() -> None:
    rig = Rig(AckToy(restored=Restored(mark=WALL - 1000.0)))
    rig.get_ready()
    rig.advance(59.0, each=rig.answer_pings)
    assert abs(redialled(rig) - (1000.0 + rig.now + 30.0)) <= 1
    rig.open()
    rig.say("hello")
    rig.advance(95.0, each=rig.answer_pings)
    assert redialled(rig) == 180


def test_a_connection_settles_only_while_it_is_read() -> None:
    rig = Rig(AckToy(restored=Restored(mark=WALL - 1000.0)))
    rig.get_ready()
    rig.reading(False)
    rig.advance(3600.0)
    pings = rig.frames().count("ping")
    rig.reading(True)
    rig.say(*["pong"] * pings)
    assert abs(redialled(rig) - (4600.0 + 30.0)) <= 2, "the resend lies unread behind the pongs"


def test_a_pause_of_a_settled_connection_does_not_unsettle_it() -> None:
    rig = ready_acks()
    rig.advance(100.0, each=rig.answer_pings)
    rig.reading(False)
    rig.advance(3600.0)
    pings = rig.frames().count("ping")
    rig.reading(True)
    rig.say("pong")
    # That answer was the first ping's of the pause: what came after it is still unread.
    assert abs(redialled(rig) - (3600.0 - 20.0 + 30.0)) <= 2
    assert pings == 120


def test_the_mark_waits_for_the_oldest_delivery_that_is_unfinished() -> None:
    rig = ready_acks()
    rig.say("tx a 1")
    rig.advance(2000.0, each=rig.answer_pings)
    rig.say("tx b 1")
    rig.finish(tx("b"))
    assert rig.persists[-1].mark == WALL
    assert abs(redialled(rig) - (rig.now + 30.0)) <= 1
    rig.finish(tx("a"))
    while rig.persists:
        rig.commit()
    assert redialled(rig) == 180


def test_a_mark_that_has_grown_old_is_stored_though_there_is_nothing_to_commit() -> None:
    rig = ready_acks()
    rig.advance(300.0, each=rig.answer_pings)
    assert rig.persists == []
    rig.advance(60.0, each=rig.answer_pings)
    (persist,) = rig.persists
    assert persist.writes == ()
    assert persist.mark == WALL + 330.0
    rig.commit()
    rig.advance(299.0, each=rig.answer_pings)
    assert rig.persists == []


def test_a_mark_that_could_not_be_stored_is_tried_again_with_the_next_heartbeat() -> None:
    rig = ready_acks()
    rig.advance(360.0, each=rig.answer_pings)
    rig.fail_commit()
    rig.advance(30.0, each=rig.answer_pings)
    assert [persist.mark for persist in rig.persists] == [WALL + 390.0]


# Stopping and failing


def test_stopping_flushes_commits_and_acks_and_then_hangs_up() -> None:
    rig = ready_acks()
    rig.say("tx a 1", "tx b 1")
    rig.finish(tx("a"))
    rig.stop()
    assert rig.phase() is Phase.FLUSHING
    late = rig.finish(tx("b"))
    rig.commit()
    assert acked(rig) == ["a"]
    rig.commit()
    assert rig.error(late) is None
    assert acked(rig) == ["b"]
    assert rig.hangups == []
    rig.say("ok 1")
    assert rig.hangups == []
    rig.say("ok 2")
    assert len(rig.hangups) == 1
    assert rig.phase() is Phase.ENDING
    rig.close(1000)
    assert rig.over()
    assert rig.failure() is None


def test_stopping_hangs_up_by_the_deadline_whatever_is_owed() -> None:
    rig = owing("a")
    rig.say("tx b 1")
    ticket = rig.finish(tx("b"))
    rig.stop()
    rig.stop()
    rig.advance(4.9)
    assert rig.hangups == []
    rig.advance(0.1)
    assert len(rig.hangups) == 1
    rig.close(1000)
    assert not rig.over(), "a commit is under way"
    rig.commit()
    assert rig.error(ticket) is None
    assert rig.over()
    assert acked(rig) == []


def test_an_ack_given_up_while_stopping_does_not_hold_the_end() -> None:
    rig = owing("a", machine=AckToy(AckConfig(close_within=60.0)))
    rig.advance(8.0)
    rig.stop()
    rig.advance(2.0)
    assert acked(rig) == ["a"]
    rig.advance(10.0)
    assert len(rig.hangups) == 1
    assert rig.now == 20.0


def test_a_hang_up_while_stopping_ends_it() -> None:
    rig = ready_acks(AckToy(AckConfig(close_within=60.0)))
    rig.say("tx a 1")
    rig.finish(tx("a"))
    rig.advance(25.0)
    rig.stop()
    rig.advance(15.0)
    assert rig.phase() is Phase.ENDING
    assert len(rig.hangups) == 1
    rig.drop()
    rig.commit()
    assert rig.over()


def test_stopping_while_down_waits_for_the_commits_alone() -> None:
    rig = ready_acks()
    rig.say("tx a 1")
    rig.finish(tx("a"))
    rig.drop()
    rig.stop()
    assert not rig.over()
    rig.commit()
    assert rig.over()


def test_after_a_failure_nothing_can_be_settled_but_what_was_begun_ends() -> None:
    rig = ready_acks()
    rig.say("tx a 1", "tx b 1")
    ticket = rig.finish(tx("a"))
    rig.close(4000)
    assert not rig.over()
    for command in (Finish((tx("b"),)), Park(tx("b"), "", ""), Look()):
        with pytest.raises(RemoteProtocolError, match="gone for good"):
            rig.submit(command)
    rig.commit()
    assert rig.error(ticket) is None
    assert rig.over()


def test_after_the_end_nothing_can_be_settled() -> None:
    rig = ready_acks()
    rig.say("tx a 1")
    rig.drop()
    rig.stop()
    assert rig.over()
    for command in (Finish((tx("a"),)), Park(tx("a"), "", "")):
        with pytest.raises(LocalProtocolError, match="the stream has ended"):
            rig.submit(command)
