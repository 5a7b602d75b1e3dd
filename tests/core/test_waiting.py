from __future__ import annotations

from pushwire.core.effects import Ticket
from pushwire.core.pending import Call
from pushwire.core.waiting import Waiting
from tests.core.toy import Look

A, B, C, D = (Call[str](Ticket(serial), Look()) for serial in range(1, 5))


def queue(*calls: Call[str]) -> Waiting[str]:
    waiting: Waiting[str] = Waiting()
    waiting.extend(calls)
    return waiting


def test_calls_are_taken_in_order_and_some_go_first() -> None:
    waiting = queue(C)
    waiting.append(D)
    waiting.first([A, B])
    assert [waiting.next() for _ in range(5)] == [A, B, C, D, None]


def test_what_is_passed_over_keeps_its_place_and_is_seen_all_the_while() -> None:
    waiting = queue(A, B, C)
    first = waiting.next()
    assert first is A
    waiting.pass_over(A)
    assert waiting.next() is B
    assert list(waiting) == [A, C]
    waiting.first([D])
    waiting.rewind()
    assert list(waiting) == [A, D, C]


def test_it_is_empty_when_nothing_is_passed_over_either() -> None:
    waiting = queue(A)
    waiting.next()
    assert not waiting
    waiting.pass_over(A)
    assert waiting


def test_a_callers_call_is_found_and_others_take_its_place() -> None:
    waiting = queue(A, B, C)
    assert waiting.find(Ticket(2)) is B
    assert waiting.find(Ticket(9)) is None
    place = waiting.remove(B)
    waiting.insert(place, [D, B])
    assert list(waiting) == [A, D, B, C]


def test_each_call_may_be_rewritten_where_it_stands() -> None:
    waiting = queue(A, B, C)
    waiting.next()
    waiting.pass_over(A)
    waiting.rewrite(lambda call: (call, D) if call is A else () if call is B else (call,))
    assert list(waiting) == [A, D, C]


def test_all_are_taken_at_once() -> None:
    waiting = queue(A, B)
    waiting.next()
    waiting.pass_over(A)
    assert waiting.take_all() == [A, B]
    assert not waiting


def test_calls_of_a_busy_lane_are_not_given_until_all_is_looked_through_again() -> None:
    first, second, third, other = (Call[str](None, Look(), lane=lane) for lane in ("a", "a", "a", "b"))
    waiting = queue(first, second, other, third)
    assert waiting.next() is first
    waiting.pass_over(first, busy=True)
    assert waiting.next() is second
    waiting.pass_over(second, busy=True)
    assert waiting.next() is other
    # What is left is of the lane, and so is this.
    added = Call[str](None, Look(), lane="a")
    waiting.append(added)
    assert waiting.next() is None
    assert waiting
    waiting.rewind()
    assert [waiting.next() for _ in range(5)] == [first, second, third, added, None]


def test_a_busy_lane_keeps_none_of_what_was_withdrawn_or_rewritten() -> None:
    first, second, third = (Call[str](None, Look(), lane="a") for _ in range(3))
    waiting = queue(first, second, third)
    waiting.next()
    waiting.pass_over(first, busy=True)
    waiting.remove(second)
    waiting.rewrite(lambda call: (A,) if call is third else (call,))
    assert waiting.next() is A
    assert waiting.next() is None
    assert waiting.take_all() == [first]


def test_what_was_taken_out_keeps_no_other_lane_waiting() -> None:
    first, second, third, other = (Call[str](None, Look(), lane=lane) for lane in ("a", "a", "a", "b"))
    waiting = queue(first, second, third, other)
    waiting.remove(third)
    assert waiting.next() is first
    waiting.pass_over(first, busy=True)
    assert waiting.next() is second
    waiting.pass_over(second, busy=True)
    assert waiting.next() is other


def test_taken_out_of_a_busy_lane_it_keeps_no_other_waiting_either() -> None:
    first, second, third, other = (Call[str](None, Look(), lane=lane) for lane in ("a", "a", "a", "b"))
    waiting = queue(first, second, other, third)
    assert waiting.next() is first
    waiting.pass_over(first, busy=True)
    waiting.remove(second)
    waiting.remove(third)
    assert waiting.next() is other
    assert waiting.next() is None


def test_two_lanes_that_are_busy_keep_what_is_of_either() -> None:
    calls = [Call[str](None, Look(), lane=lane) for lane in ("a", "b", "a", "b")]
    waiting = queue(*calls)
    for call in calls[:2]:
        assert waiting.next() is call
        waiting.pass_over(call, busy=True)
    assert waiting.next() is None
    waiting.rewind()
    assert list(waiting) == calls


def test_what_was_put_into_a_place_waits_for_its_lane_as_well() -> None:
    first, second, third = (Call[str](None, Look(), lane="a") for _ in range(3))
    waiting = queue(first)
    waiting.insert(1, [second, third])
    assert waiting.next() is first
    waiting.pass_over(first, busy=True)
    assert waiting.next() is None
