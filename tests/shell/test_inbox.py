"""The inbox by itself. Events are texts here: those in lower case are prices of a feed, keyed by their letter, those in upper
case must never be let go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from pushwire.shell.inbox import Inbox, Overflow


def expendable(event: str) -> str | None:
    return event[0] if event[0].islower() else None


def inbox(capacity: int, overflow: Overflow = "block") -> Inbox[str]:
    return Inbox(capacity, overflow, expendable)


def full(box: Inbox[str]) -> bool:
    """A call, since type checkers take an attribute for unchanged."""
    return box.full


def close(box: Inbox[str]) -> None:
    box.close(discard=False)


def drained(box: Inbox[str]) -> list[str]:
    events: list[str] = []
    while len(box):
        event = box.take_nowait()
        assert event is not None
        events.append(event)
    return events


# Order and ends


def test_events_come_out_in_the_order_they_went_in() -> None:
    box = inbox(10)
    box.put(["a1", "b1"])
    box.put(["a2"])
    assert len(box) == 3
    assert drained(box) == ["a1", "b1", "a2"]
    assert box.take_nowait() is None
    assert box.take_many_nowait(5) is None


def test_many_are_taken_at_once_up_to_a_number() -> None:
    box = inbox(10)
    box.put(["a", "b", "c"])
    assert box.take_many_nowait(2) == ["a", "b"]
    assert box.take_many_nowait(2) == ["c"]


def test_what_is_given_back_is_the_next() -> None:
    box = inbox(10)
    box.put(["a", "b"])
    first = box.take_nowait()
    assert first == "a"
    box.put_back(first)
    assert drained(box) == ["a", "b"]


def test_what_is_left_at_a_failure_is_delivered_before_it() -> None:
    box = inbox(10)
    box.put(["a"])
    error = ConnectionError()
    box.close(error, discard=False)
    assert box.take_nowait() == "a"
    for _ in range(2):
        with pytest.raises(ConnectionError) as caught:
            box.take_nowait()
        assert caught.value is error
    with pytest.raises(ConnectionError):
        box.take_many_nowait(3)


def test_a_close_that_discards_ends_it_at_once() -> None:
    box = inbox(10)
    box.put(["a"])
    box.close(discard=True)
    with pytest.raises(StopAsyncIteration):
        box.take_nowait()
    with pytest.raises(StopAsyncIteration):
        box.take_many_nowait(3)


def test_after_the_close_nothing_comes_in() -> None:
    box = inbox(10)
    box.close(discard=False)
    box.put(["a"])
    box.put_back("b")
    assert len(box) == 0


def test_the_first_close_says_how_it_ended() -> None:
    box = inbox(10)
    box.close(discard=True)
    box.close(ConnectionError(), discard=False)
    with pytest.raises(StopAsyncIteration):
        box.take_nowait()


def test_of_reads_that_were_taken_nothing_is_kept_where_nobody_asks_for_room() -> None:
    box: Inbox[str] = Inbox(10, capacity_bytes=100)
    for _ in range(1000):
        box.put(["a"], 99)
        assert box.take_nowait() == "a"
    assert len(box._sizes) == 1
    assert not full(box)
    box.put(["a", "b"], 99)
    assert not full(box)
    box.put(["c"], 1)
    assert full(box)


# Waiting


async def test_as_many_takers_wake_as_events_come(nursery: trio.Nursery) -> None:
    box = inbox(10)
    taken: list[str] = []

    async def take() -> None:
        while (event := box.take_nowait()) is None:
            await box.wait()
        taken.append(event)

    for _ in range(3):
        nursery.start_soon(take)
    await trio.testing.wait_all_tasks_blocked()
    box.put(["a", "b"])
    await trio.testing.wait_all_tasks_blocked()
    assert sorted(taken) == ["a", "b"]
    box.put_back("c")
    await trio.testing.wait_all_tasks_blocked()
    assert sorted(taken) == ["a", "b", "c"]


async def test_nobody_waits_where_there_is_something_to_take() -> None:
    box = inbox(10)
    box.put(["a"])
    await box.wait()
    box.close(discard=True)
    await box.wait()


@pytest.mark.parametrize("wake", [close, Inbox[str].wake_takers])
async def test_takers_are_woken_to_look_again(nursery: trio.Nursery, wake: Callable[[Inbox[str]], None]) -> None:
    box = inbox(10)
    woken: list[int] = []

    async def wait(number: int) -> None:
        await box.wait()
        woken.append(number)

    nursery.start_soon(wait, 1)
    nursery.start_soon(wait, 2)
    await trio.testing.wait_all_tasks_blocked()
    wake(box)
    await trio.testing.wait_all_tasks_blocked()
    assert sorted(woken) == [1, 2]


async def test_a_reader_goes_on_when_half_is_taken(nursery: trio.Nursery) -> None:
    box = inbox(4)
    box.put(["a", "b", "c", "d"])
    assert full(box)
    woken: list[bool] = []

    async def read() -> None:
        await box.wait_room()
        woken.append(full(box))

    nursery.start_soon(read)
    await trio.testing.wait_all_tasks_blocked()
    box.take_nowait()
    await trio.testing.wait_all_tasks_blocked()
    assert not full(box)
    assert woken == []
    box.take_many_nowait(1)
    await trio.testing.wait_all_tasks_blocked()
    assert woken == [False]


@pytest.mark.parametrize("wake", [close, Inbox[str].wake_reader])
async def test_a_reader_is_woken_to_look_again(nursery: trio.Nursery, wake: Callable[[Inbox[str]], None]) -> None:
    box = inbox(1)
    box.put(["a"])
    woken: list[bool] = []

    async def read() -> None:
        await box.wait_room()
        woken.append(full(box))

    nursery.start_soon(read)
    await trio.testing.wait_all_tasks_blocked()
    wake(box)
    await trio.testing.wait_all_tasks_blocked()
    assert woken == [True]


# Overflow


def test_block_keeps_everything_and_says_full() -> None:
    box = inbox(2)
    box.put(["a"])
    assert not full(box)
    box.put(["a", "a"])
    assert full(box)
    assert drained(box) == ["a", "a", "a"]
    assert box.discarded == 0


def test_block_is_full_as_well_when_what_waits_came_in_so_many_bytes() -> None:
    box: Inbox[str] = Inbox(100, capacity_bytes=1000)
    box.put(["a", "b"], 600)
    assert not full(box)
    box.put(["c"], 400)
    assert full(box)
    box.take_nowait()
    assert full(box), "of the first read there is something left"
    box.take_nowait()
    assert not full(box)
    box.put(["d"], 5000)
    assert full(box)
    assert box.take_many_nowait(3) == ["c", "d"]
    assert not full(box)


def test_what_is_given_back_was_counted_once() -> None:
    box: Inbox[str] = Inbox(100, capacity_bytes=1000)
    for _ in range(5):
        box.put(["a"], 900)
        assert not full(box)
        box.put_back(drained(box)[0])
        assert not full(box)
        drained(box)


async def test_a_reader_goes_on_when_half_of_the_bytes_are_taken(nursery: trio.Nursery) -> None:
    box: Inbox[str] = Inbox(100, capacity_bytes=1000)
    for event in "abcd":
        box.put([event], 250)
    woken: list[int] = []

    async def read() -> None:
        await box.wait_room()
        woken.append(len(box))

    nursery.start_soon(read)
    await trio.testing.wait_all_tasks_blocked()
    for left in (3, 2, 1):
        assert woken == []
        box.take_nowait()
        assert len(box) == left
        await trio.testing.wait_all_tasks_blocked()
    assert woken == [1]


def test_what_is_shed_for_its_bytes_makes_room() -> None:
    box: Inbox[str] = Inbox(100, capacity_bytes=1000)
    for event in "aXbc":
        box.put([event], 250)
    assert full(box)
    box.shed(str.isupper)
    assert not full(box)
    assert drained(box) == ["X", "c"]


@pytest.mark.parametrize("overflow", ["conflate", "drop_oldest"])
def test_policies_that_make_room_count_events_alone(overflow: Overflow) -> None:
    box: Inbox[str] = Inbox(4, overflow, expendable, capacity_bytes=1)
    box.put(["a"], 1000)
    assert not full(box)


def test_conflate_keeps_the_latest_of_each_key_in_its_place() -> None:
    box = inbox(3, "conflate")
    box.put(["a1", "b1", "a2"])
    assert len(box) == 3  # as long as there is room, all of it is kept
    box.put(["c1", "b2"])
    assert drained(box) == ["a2", "c1", "b2"]
    assert box.discarded == 2


def test_conflate_never_lets_an_event_without_a_key_go() -> None:
    box = inbox(2, "conflate")
    box.put(["X", "X", "a1", "X", "a2"])
    assert full(box)
    assert drained(box) == ["X", "X", "X", "a2"]
    assert box.discarded == 1


def test_drop_oldest_lets_the_oldest_go_that_may() -> None:
    box = inbox(3, "drop_oldest")
    box.put(["X", "a1", "b1", "c1", "d1"])
    assert not full(box)
    assert drained(box) == ["X", "c1", "d1"]
    assert box.discarded == 2


def test_drop_oldest_stops_the_reading_where_nothing_may_go() -> None:
    box = inbox(2, "drop_oldest")
    box.put(["X", "Y"])
    assert not full(box)  # what comes next may be of the kind that goes
    box.put(["Z"])
    assert full(box)
    assert drained(box) == ["X", "Y", "Z"]
    assert box.discarded == 0


@pytest.mark.parametrize("overflow", ["conflate", "drop_oldest"])
def test_policies_that_make_room_do_not_stop_the_reading_of_what_may_go(overflow: Overflow) -> None:
    box = inbox(4, overflow)
    for number in range(100):
        box.put([f"a{number}"])
        assert not full(box)
    assert drained(box)[-1] == "a99"


def test_without_a_key_function_nothing_may_go() -> None:
    box: Inbox[str] = Inbox(1, "drop_oldest")
    box.put(["a", "b", "c"])
    assert len(box) == 3


# Against lists

events = st.lists(st.text("abXY", min_size=1, max_size=1), max_size=6)
steps = st.lists(st.one_of(events, st.integers(1, 4)), max_size=30)


def conflated(held: list[str]) -> list[str]:
    return [event for place, event in enumerate(held) if event.isupper() or event not in held[place + 1 :]]


def shortened(held: list[str], capacity: int) -> list[str]:
    held = held.copy()
    while len(held) > capacity and any(event.islower() for event in held):
        held.remove(next(event for event in held if event.islower()))
    return held


@given(overflow=st.sampled_from(["block", "conflate", "drop_oldest"]), capacity=st.integers(1, 5), steps=steps)
def test_it_does_what_a_list_would(overflow: Overflow, capacity: int, steps: Sequence[list[str] | int]) -> None:
    box = inbox(capacity, overflow)
    held: list[str] = []
    put = taken = 0
    for step in steps:
        if isinstance(step, list):
            box.put(step)
            put += len(step)
            held += step
            if len(held) > capacity and step:
                held = conflated(held) if overflow == "conflate" else shortened(held, capacity) if overflow != "block" else held
        elif step == 1:
            assert box.take_nowait() == (held[0] if held else None)
            taken += bool(held)
            held = held[1:]
        else:
            assert box.take_many_nowait(step) == (held[:step] or None)
            taken += len(held[:step])
            held = held[step:]
        assert len(box) == len(held)
        assert put == taken + len(held) + box.discarded
        assert full(box) == (len(held) >= capacity if overflow == "block" else len(held) > capacity)
    assert drained(box) == held


@given(capacity=st.integers(1, 5), puts=st.lists(events, max_size=20), overflow=st.sampled_from(["conflate", "drop_oldest"]))
def test_no_policy_touches_what_must_not_go(capacity: int, puts: list[list[str]], overflow: Overflow) -> None:
    box = inbox(capacity, overflow)
    for put in puts:
        box.put(put)
    assert [event for event in drained(box) if event.isupper()] == [event for put in puts for event in put if event.isupper()]
