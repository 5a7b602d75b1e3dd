from __future__ import annotations

from pushwire.core.events import Gap
from pushwire.core.gaps import Gaps

OFFSET = 1000.0
"""POSIX seconds at second 0 of the machine's clock."""


def lost(at: float) -> Gaps:
    gaps = Gaps()
    gaps.complete_until(at)
    gaps.lost(OFFSET)
    return gaps


def test_nothing_is_missing_before_a_connection_is_lost() -> None:
    gaps = Gaps()
    gaps.complete_until(5.0)
    assert gaps.since is None
    assert gaps.tell(6.0, OFFSET + 6.0, complete=True) is None


def test_a_gap_begins_where_what_came_was_complete_and_is_told_once() -> None:
    gaps = lost(5.0)
    before = gaps.since
    assert gaps.tell(9.0, OFFSET + 9.0, complete=True) == Gap(9.0, OFFSET + 5.0, OFFSET + 9.0)
    assert (before, gaps.since) == (OFFSET + 5.0, None)
    assert gaps.tell(9.0, OFFSET + 9.0, complete=True) is None


def test_the_next_gap_begins_where_the_last_one_ended() -> None:
    gaps = lost(5.0)
    assert gaps.tell(9.0, OFFSET + 9.0, complete=True) is not None
    gaps.lost(OFFSET)
    assert gaps.tell(12.0, OFFSET + 12.0, complete=True) == Gap(12.0, OFFSET + 9.0, OFFSET + 12.0)


def test_a_further_loss_makes_an_untold_gap_longer() -> None:
    gaps = lost(5.0)
    gaps.complete_until(8.0)
    gaps.lost(OFFSET)
    assert gaps.tell(9.0, OFFSET + 9.0, complete=True) == Gap(9.0, OFFSET + 5.0, OFFSET + 9.0)


def test_what_is_restored_in_part_is_told_once_and_again_when_it_is_whole() -> None:
    gaps = lost(5.0)
    assert gaps.tell(9.0, OFFSET + 9.0, complete=False) == Gap(9.0, OFFSET + 5.0, OFFSET + 9.0)
    assert gaps.tell(10.0, OFFSET + 10.0, complete=False) is None
    assert gaps.tell(11.0, OFFSET + 11.0, complete=True) == Gap(11.0, OFFSET + 5.0, OFFSET + 11.0)
    assert gaps.since is None


def test_each_connection_tells_in_part_for_itself() -> None:
    gaps = lost(5.0)
    assert gaps.tell(9.0, OFFSET + 9.0, complete=False) is not None
    gaps.lost(OFFSET)
    assert gaps.tell(12.0, OFFSET + 12.0, complete=False) == Gap(12.0, OFFSET + 5.0, OFFSET + 12.0)


def test_a_gap_never_ends_before_it_begins() -> None:
    assert lost(5.0).tell(9.0, 7.0, complete=True) == Gap(9.0, 7.0, 7.0)
