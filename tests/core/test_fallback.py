"""The schedule of a query: when it is fetched again, and that it is never fetched twice at a time."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.backoff import BackoffPolicy
from pushwire.core.fallback import Fallback, Freshness
from pushwire.errors import LocalProtocolError
from tests.core.toy import Always


def query(every: float = 60.0) -> Fallback:
    return Fallback(every, rng=Always(0.5), backoff=BackoffPolicy(first=2.0, cap=5.0))


def fresh(at: float = 0.0) -> Fallback:
    """A query that was answered at this time."""
    made = query()
    assert made.begin()
    made.fetched(at)
    return made


def test_a_query_is_wanted_from_its_beginning() -> None:
    made = query()
    assert made.next_deadline() == math.inf
    assert made.begin()
    assert not made.begin(), "it has begun"


def test_it_is_wanted_again_so_long_after_its_last_answer() -> None:
    made = fresh(at=7.0)
    assert made.next_deadline() == 67.0
    made.handle_timer(66.9)
    assert not made.begin()
    made.handle_timer(67.0)
    assert made.next_deadline() == math.inf
    assert made.begin()
    made.fetched(100.0)
    assert made.next_deadline() == 160.0


def test_an_infinite_period_leaves_it_to_the_events() -> None:
    made = query(every=math.inf)
    made.begin()
    made.fetched(0.0)
    made.handle_timer(10.0**9)
    assert not made.begin()


@pytest.mark.parametrize("happens", [Fallback.invalidated, Fallback.reconnected])
def test_it_is_wanted_at_once_when_it_is_out_of_date(happens: Callable[[Fallback], None]) -> None:
    made = fresh()
    happens(made)
    happens(made)
    assert made.begin()
    assert not made.begin()


@pytest.mark.parametrize("happens", [Fallback.invalidated, Fallback.reconnected])
def test_out_of_date_while_it_is_fetched_means_one_more_fetch_right_after(happens: Callable[[Fallback], None]) -> None:
    made = query()
    made.begin()
    happens(made)
    happens(made)
    assert not made.begin(), "never two at a time"
    made.fetched(1.0)
    assert made.begin()
    made.fetched(2.0)
    assert not made.begin()
    assert made.next_deadline() == 62.0


def test_a_failed_fetch_is_tried_again_after_a_growing_back_off() -> None:
    made = query()
    made.begin()
    made.failed(0.0)
    assert made.next_deadline() == 1.5, "1 to 2 seconds: the draw is the middle"
    assert not made.begin()
    made.handle_timer(1.5)
    assert made.begin()
    made.failed(10.0)
    assert made.next_deadline() == 13.0
    made.handle_timer(13.0)
    made.begin()
    made.failed(20.0)
    assert made.next_deadline() == 23.75, "the cap"


def test_an_answer_resets_the_back_off() -> None:
    made = query()
    made.begin()
    made.failed(0.0)
    made.handle_timer(1.5)
    made.begin()
    made.fetched(2.0)
    made.invalidated()
    made.begin()
    made.failed(3.0)
    assert made.next_deadline() == 4.5


def test_events_do_not_cut_the_back_off_short_but_a_reconnect_does() -> None:
    made = query()
    made.begin()
    made.failed(0.0)
    made.invalidated()
    assert not made.begin()
    made.reconnected()
    assert made.begin()


def test_out_of_date_and_then_failed_backs_off() -> None:
    made = query()
    made.begin()
    made.invalidated()
    made.failed(0.0)
    assert made.state is Freshness.BACKING_OFF
    assert not made.begin()


@pytest.mark.parametrize("outdated", [False, True])
def test_a_fetch_that_was_given_up_is_wanted_as_before(outdated: bool) -> None:
    made = query()
    made.begin()
    if outdated:
        made.invalidated()
    made.given_up()
    assert made.next_deadline() == math.inf
    assert made.begin()


def test_an_answer_without_a_fetch_is_refused_by_name() -> None:
    with pytest.raises(LocalProtocolError, match="query: fetched while fresh: no fetch is under way"):
        fresh().fetched(0.0)


@given(st.lists(st.sampled_from(["invalidated", "reconnected", "end", "fail", "second", "minute"]), max_size=50))
def test_whatever_happens_no_invalidation_is_forgotten_and_no_two_fetches_overlap(steps: list[str]) -> None:
    made = query()
    now = 0.0
    fetching = False
    dirty_since: float | None = 0.0
    for step in steps:
        match step:
            case "invalidated" | "reconnected":
                getattr(made, step)()
                dirty_since = now if dirty_since is None else dirty_since
            case "end" if fetching:
                made.fetched(now)
                fetching = False
            case "fail" if fetching:
                made.failed(now)
                fetching = False
                dirty_since = now if dirty_since is None else dirty_since
            case "second" | "minute":
                now += 1.0 if step == "second" else 60.0
                made.handle_timer(now)
            case _:
                pass
        if made.begin():
            assert not fetching
            fetching = True
            dirty_since = None
        if not fetching and dirty_since is not None:
            assert made.next_deadline() <= now + 5.0, "what is out of date is fetched soon"
        if not fetching:
            assert made.next_deadline() <= now + 60.0
