from __future__ import annotations

import math

from pushwire.core.heartbeat import Heartbeat


def beating() -> Heartbeat:
    heartbeat = Heartbeat(30.0, 10.0)
    heartbeat.start(100.0)
    return heartbeat


def test_nothing_is_due_before_a_connection_and_after_it() -> None:
    heartbeat = Heartbeat(30.0, 10.0)
    assert heartbeat.ping_due() == heartbeat.answer_due() == math.inf
    heartbeat.start(0.0)
    heartbeat.sent(30.0)
    heartbeat.stop()
    assert heartbeat.ping_due() == heartbeat.answer_due() == math.inf
    assert heartbeat.answered() is None


def test_the_first_ping_is_due_an_interval_after_the_start() -> None:
    assert beating().ping_due() == 130.0
    assert beating().answer_due() == math.inf


def test_the_answer_is_due_a_timeout_after_its_ping() -> None:
    heartbeat = beating()
    heartbeat.sent(130.0)
    assert (heartbeat.ping_due(), heartbeat.answer_due()) == (160.0, 140.0)
    assert heartbeat.answered() == 130.0
    assert heartbeat.answer_due() == math.inf


def test_a_later_ping_does_not_put_off_the_answer_to_an_earlier_one() -> None:
    heartbeat = beating()
    heartbeat.sent(130.0)
    heartbeat.sent(135.0)
    assert heartbeat.answer_due() == 140.0


def test_each_answer_is_the_earliest_pings() -> None:
    heartbeat = beating()
    for at in (130.0, 135.0, 139.0):
        heartbeat.sent(at)
    assert [heartbeat.answered() for _ in range(4)] == [130.0, 135.0, 139.0, None]


def test_an_answer_that_nobody_asked_for_says_nothing() -> None:
    heartbeat = beating()
    assert heartbeat.answered() is None
    assert heartbeat.last_answered is None


def test_it_remembers_when_the_ping_left_that_was_answered_last() -> None:
    heartbeat = beating()
    heartbeat.sent(130.0)
    heartbeat.sent(135.0)
    heartbeat.answered()
    assert heartbeat.last_answered == 130.0
    heartbeat.start(200.0)
    heartbeat.answered()
    assert heartbeat.last_answered == 130.0


def test_a_new_connection_owes_nothing_for_the_pings_of_the_old() -> None:
    heartbeat = beating()
    heartbeat.sent(130.0)
    heartbeat.start(200.0)
    assert (heartbeat.ping_due(), heartbeat.answer_due(), heartbeat.answered()) == (230.0, math.inf, None)


def test_the_answers_deadline_stands_still_while_nothing_is_read() -> None:
    heartbeat = beating()
    heartbeat.sent(130.0)
    heartbeat.resumed(1035.0, 900.0)
    assert heartbeat.answer_due() == 1040.0


def test_a_ping_of_the_pause_counts_from_its_end() -> None:
    heartbeat = beating()
    heartbeat.sent(130.0)
    heartbeat.resumed(1000.0, 900.0)
    assert heartbeat.answer_due() == 1010.0


def test_a_pause_does_not_change_when_a_ping_was_sent() -> None:
    # What the peer sent before this ping has been read with its answer; what came later may lie unread.
    heartbeat = beating()
    heartbeat.sent(130.0)
    heartbeat.resumed(1000.0, 900.0)
    assert heartbeat.answered() == 130.0


def test_a_pause_in_which_nothing_was_owed_makes_nothing_due() -> None:
    heartbeat = beating()
    heartbeat.resumed(1000.0, 900.0)
    assert heartbeat.answer_due() == math.inf


def test_where_silence_alone_calls_for_a_ping_the_peers_traffic_puts_it_off() -> None:
    heartbeat = beating()
    heartbeat.traffic(125.0)
    assert heartbeat.ping_due() == 155.0


def test_traffic_stands_in_for_no_answer() -> None:
    heartbeat = beating()
    heartbeat.sent(130.0)
    heartbeat.traffic(135.0)
    assert (heartbeat.ping_due(), heartbeat.answer_due()) == (165.0, 140.0)


def test_traffic_calls_for_no_ping_where_there_is_no_connection() -> None:
    heartbeat = Heartbeat(30.0, 10.0)
    heartbeat.traffic(1.0)
    assert heartbeat.ping_due() == math.inf


def test_an_interval_that_is_agreed_on_holds_from_the_next_start() -> None:
    heartbeat = Heartbeat(30.0, 10.0)
    heartbeat.interval = 12.0
    heartbeat.start(100.0)
    assert heartbeat.ping_due() == 112.0
