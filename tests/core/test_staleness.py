from __future__ import annotations

import math

import pytest

from pushwire.core.staleness import Staleness


def watching(*topics: str, at: float = 0.0) -> Staleness[str]:
    staleness: Staleness[str] = Staleness(10.0)
    for topic in topics:
        staleness.watch(topic, at)
    return staleness


def test_an_infinite_limit_watches_nothing() -> None:
    staleness: Staleness[str] = Staleness(math.inf)
    assert not staleness.enabled
    staleness.watch("a", 0.0)
    staleness.resumed(5.0, 5.0)
    assert staleness.due() == math.inf


def test_silence_counts_from_the_confirmation_and_is_reported_once() -> None:
    staleness = watching("a", at=5.0)
    assert staleness.enabled
    assert staleness.due() == 15.0
    assert staleness.overdue(14.9) == []
    assert staleness.overdue(15.0) == [("a", 5.0)]
    assert staleness.due() == math.inf
    assert staleness.overdue(1000.0) == []


def test_data_puts_it_off() -> None:
    staleness = watching("a")
    staleness.data("a", 8.0)
    # The deadline is worked out lazily: asked for too early, once.
    assert staleness.due() == 10.0
    assert staleness.overdue(10.0) == []
    assert staleness.due() == 18.0
    assert staleness.overdue(18.0) == [("a", 8.0)]


def test_data_after_a_report_ends_that_silence_and_the_next_is_reported() -> None:
    staleness = watching("a")
    assert staleness.overdue(10.0) == [("a", 0.0)]
    staleness.data("a", 30.0)
    assert staleness.due() == 40.0
    assert staleness.overdue(40.0) == [("a", 30.0)]


def test_topics_are_watched_each_for_itself() -> None:
    staleness = watching("a")
    staleness.watch("b", 4.0)
    assert staleness.overdue(10.0) == [("a", 0.0)]
    assert staleness.due() == 14.0
    assert staleness.overdue(14.0) == [("b", 4.0)]


def test_a_topic_confirmed_again_is_fresh() -> None:
    staleness = watching("a")
    assert staleness.overdue(10.0) == [("a", 0.0)]
    staleness.watch("a", 20.0)
    assert staleness.overdue(29.0) == []
    assert staleness.overdue(30.0) == [("a", 20.0)]


def test_data_on_a_topic_nobody_watches_is_passed_over() -> None:
    staleness = watching("a")
    staleness.data("b", 5.0)
    assert staleness.overdue(100.0) == [("a", 0.0)]


def test_what_is_no_longer_watched_is_not_reported() -> None:
    staleness = watching("a", "b")
    staleness.unwatch("a")
    staleness.unwatch("never")
    assert staleness.overdue(10.0) == [("b", 0.0)]
    staleness.clear()
    assert staleness.due() == math.inf
    assert staleness.overdue(1000.0) == []


def test_a_silence_that_was_ours_does_not_count() -> None:
    staleness = watching("a")
    staleness.resumed(3603.0, 3600.0)
    assert staleness.due() == 3613.0 - 3.0
    assert staleness.overdue(3609.0) == []
    assert staleness.overdue(3610.0) == [("a", 3600.0)]


def test_a_topic_confirmed_in_a_pause_counts_from_its_end() -> None:
    staleness = watching("a", at=3000.0)
    staleness.resumed(3603.0, 3600.0)
    assert staleness.due() == 3613.0


def test_data_of_many_topics_at_once_is_as_that_of_each() -> None:
    staleness: Staleness[str] = Staleness(10.0)
    for topic in ("a", "b", "c"):
        staleness.watch(topic, 0.0)
    assert staleness.overdue(10.0) == [("a", 0.0), ("b", 0.0), ("c", 0.0)]
    staleness.data_all({"a": 12.0, "b": 12.0, "nobody's": 12.0})
    assert staleness.due() == 22.0
    assert staleness.overdue(21.9) == []
    assert staleness.overdue(22.0) == [("a", 12.0), ("b", 12.0)]
    staleness.data_all({"c": 25.0})
    assert staleness.due() == 35.0


def test_data_of_many_topics_puts_off_what_was_not_reported() -> None:
    staleness: Staleness[str] = Staleness(10.0)
    for topic in ("a", "b"):
        staleness.watch(topic, 0.0)
    staleness.data_all({"a": 5.0})
    assert staleness.overdue(10.0) == [("b", 0.0)]
    assert staleness.overdue(15.0) == [("a", 5.0)]


class Later:
    """Data on "a" that is told of when it is asked for."""

    def __init__(self, staleness: Staleness[str]) -> None:
        self.staleness = staleness
        self.latest: dict[str, float] = {}
        self.asked = 0

    def heard(self, now: float) -> None:
        self.latest["a"] = now
        self.staleness.defer(self.tell)

    def tell(self) -> None:
        self.asked += 1
        self.staleness.data_all(self.latest)
        self.latest.clear()


def deferring() -> tuple[Staleness[str], Later]:
    staleness: Staleness[str] = Staleness(10.0)
    staleness.watch("a", 0.0)
    return staleness, Later(staleness)


def test_data_that_is_told_of_later_puts_a_silence_off_all_the_same() -> None:
    staleness, later = deferring()
    for now in (3.0, 4.0, 5.0):
        later.heard(now)
    assert later.asked == 0
    assert staleness.overdue(10.0) == []
    assert later.asked == 1
    assert staleness.due() == 15.0
    assert staleness.overdue(15.0) == [("a", 5.0)]
    assert later.asked == 1


def test_where_a_silence_was_reported_data_is_asked_for_at_once() -> None:
    staleness, later = deferring()
    assert staleness.overdue(10.0) == [("a", 0.0)]
    later.heard(12.0)
    assert (later.asked, staleness.due()) == (1, 22.0)
    later.heard(13.0)
    assert later.asked == 1


def test_where_nothing_is_watched_data_is_asked_for_at_once() -> None:
    staleness: Staleness[str] = Staleness(10.0)
    later = Later(staleness)
    later.heard(1.0)
    assert later.asked == 1
    assert staleness.due() == math.inf


@pytest.mark.parametrize("change", ["watch", "unwatch"])
def test_data_is_asked_for_before_what_is_watched_changes(change: str) -> None:
    staleness, later = deferring()
    later.heard(5.0)
    if change == "watch":
        staleness.watch("b", 6.0)
    else:
        staleness.unwatch("b")
    assert later.asked == 1
    assert staleness.overdue(15.0)[0] == ("a", 5.0)


def test_pauses_move_data_that_is_told_of_later_each_by_those_since_it_came() -> None:
    staleness, later = deferring()
    staleness.watch("b", 0.0)
    staleness.resumed(4.0, 2.0)
    later.heard(5.0)
    staleness.resumed(8.0, 1.0)
    # Within the next pause, read for somebody who waits for a reply.
    staleness.data("b", 9.0)
    staleness.resumed(11.0, 3.0)
    assert later.asked == 0
    assert staleness.due() == 16.0
    assert staleness.overdue(16.0) == []
    assert later.asked == 1
    assert staleness.overdue(19.0) == [("a", 9.0)]
    assert staleness.overdue(21.0) == [("b", 11.0)]


def test_a_pause_moves_nothing_that_came_after_it() -> None:
    staleness = watching("a")
    staleness.resumed(4.0, 2.0)
    staleness.data("a", 5.0)
    assert staleness.overdue(14.9) == []
    assert staleness.overdue(15.0) == [("a", 5.0)]


def test_the_pauses_of_a_connection_that_has_gone_count_for_no_other() -> None:
    staleness = watching("a")
    staleness.resumed(4.0, 2.0)
    staleness.clear()
    staleness.watch("a", 3.0)
    assert staleness.overdue(13.0) == [("a", 3.0)]


def test_so_many_pauses_are_put_into_the_times_at_once_and_no_more_are_kept() -> None:
    staleness, later = deferring()
    later.heard(5.0)
    for number in range(1, 65):
        assert later.asked == 0
        staleness.resumed(5.0 + number, 0.5)
    assert later.asked == 1
    assert staleness.overdue(46.9) == []
    assert staleness.overdue(47.0) == [("a", 37.0)]
    staleness.resumed(80.0, 0.5)
    assert staleness.due() == math.inf


def test_data_of_a_connection_that_has_gone_is_not_asked_for() -> None:
    staleness, later = deferring()
    later.heard(5.0)
    staleness.clear()
    staleness.watch("a", 20.0)
    assert later.asked == 0
    assert staleness.overdue(30.0) == [("a", 20.0)]


def test_older_data_that_is_told_of_later_changes_nothing() -> None:
    staleness, later = deferring()
    later.heard(5.0)
    staleness.data("a", 8.0)
    assert staleness.overdue(10.0) == []
    assert staleness.due() == 18.0
