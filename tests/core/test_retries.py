from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.retries import Retries, RetryPolicy


class Highest(random.Random):
    """Draws the longest delay each time."""

    def random(self) -> float:
        return 1.0


def attempts(*, repeatable: bool = True, tries: int = 3, patience: float = 30.0) -> Retries:
    return Retries(RetryPolicy(tries=tries, patience=patience, first=1.0, cap=3.0), Highest(), repeatable=repeatable)


def test_what_never_left_is_tried_again_with_growing_delays_until_the_tries_are_used_up() -> None:
    retries = attempts(repeatable=False, tries=4)
    assert [retries.lost(sent=False) for _ in range(4)] == [1.0, 2.0, 3.0, None]


def test_what_may_have_left_is_tried_again_only_where_twice_is_once() -> None:
    assert attempts().lost(sent=True) == 1.0
    assert attempts(repeatable=False).lost(sent=True) is None


def test_a_delay_is_between_half_and_all_of_its_ceiling() -> None:
    delays = {Retries(RetryPolicy(first=1.0), random.Random(seed), repeatable=True).lost(sent=False) for seed in range(50)}
    assert all(delay is not None and 0.5 <= delay <= 1.0 for delay in delays)
    assert len(delays) == 50


def test_a_service_that_is_away_is_asked_again_only_where_twice_is_once() -> None:
    assert attempts().unavailable(None) == 1.0
    assert attempts(repeatable=False).unavailable(None) is None


def test_a_service_that_is_away_is_given_the_time_it_asks_for() -> None:
    retries = attempts()
    assert retries.unavailable(7.0) == 7.0
    assert retries.unavailable(0.0) == 2.0
    assert retries.unavailable(1.0) is None


@pytest.mark.parametrize("repeatable", [True, False])
def test_a_limited_call_was_not_carried_out_so_only_patience_counts(repeatable: bool) -> None:
    retries = attempts(repeatable=repeatable, tries=1, patience=10.0)
    assert [retries.limited(4.0), retries.limited(5.0), retries.limited(5.0)] == [4.0, 5.0, None]


def test_a_limit_without_a_time_is_waited_out_by_the_delays() -> None:
    retries = attempts(patience=5.0)
    assert [retries.limited(None) for _ in range(3)] == [1.0, 2.0, None]
    assert attempts().limited(0.0) == 1.0


def test_a_time_beyond_the_patience_is_not_waited_for() -> None:
    assert attempts(patience=30.0).limited(31.0) is None
    assert attempts(patience=30.0).unavailable(31.0) is None


STEPS = st.tuples(st.sampled_from(["lost", "sent", "unavailable", "limited"]), st.sampled_from([None, 0.0, 0.5, 4.0, 20.0]))


@given(st.lists(STEPS, max_size=30), st.booleans(), st.integers(1, 4))
def test_in_any_order_no_more_is_tried_and_no_longer_waited_than_the_policy_has_it(
    steps: list[tuple[str, float | None]], repeatable: bool, tries: int
) -> None:
    retries = attempts(repeatable=repeatable, tries=tries, patience=10.0)
    tried, waited = 1, 0.0
    for step, seconds in steps:
        match step:
            case "limited":
                again = retries.limited(seconds)
            case "unavailable":
                again = retries.unavailable(seconds)
            case _:
                again = retries.lost(sent=step == "sent")
        if again is None:
            break
        assert again >= (seconds or 0.0) or step in {"lost", "sent"}
        assert repeatable or step in {"lost", "limited"}, "twice what is not to be done twice"
        tried += step != "limited"
        waited += again if step == "limited" or (step == "unavailable" and seconds is not None) else 0.0
    assert tried <= tries
    assert waited <= 10.0


def test_patience_is_for_what_the_provider_asks_for_and_may_be_used_up_exactly() -> None:
    retries = attempts(patience=0.5)
    assert retries.lost(sent=False) == 1.0
    assert retries.unavailable(None) == 2.0
    retries = attempts(patience=5.0)
    assert retries.limited(5.0) == 5.0
    short = Retries(RetryPolicy(first=0.25), Highest(), repeatable=True)
    assert short.limited(None) == 0.25
