"""The memory of what was seen lately."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.dedupe import Recent


def test_a_key_is_new_the_first_time_alone() -> None:
    recent: Recent[str] = Recent(10)
    assert [recent.add(key) for key in ("a", "b", "a", "a", "b")] == [True, True, False, False, False]
    assert len(recent) == 2


def test_beyond_the_limit_the_one_seen_longest_ago_is_forgotten() -> None:
    recent: Recent[str] = Recent(2)
    for key in ("a", "b", "c"):
        recent.add(key)
    assert ("a" in recent, "b" in recent, "c" in recent) == (False, True, True)
    assert recent.add("a")


def test_what_is_seen_again_stays_known() -> None:
    recent: Recent[str] = Recent(2)
    for key in ("a", "b", "a", "c"):
        recent.add(key)
    assert ("a" in recent, "b" in recent) == (True, False)


def test_what_was_about_to_be_forgotten_and_is_seen_again_stays_known() -> None:
    recent: Recent[int] = Recent(1000)
    for key in range(1001):
        recent.add(key)
    recent.add(1)
    recent.add(1001)
    assert [key for key in range(1002) if key not in recent] == [0, 2]


@pytest.mark.parametrize("limit", [1, 2, 5])
@given(keys=st.lists(st.integers(0, 8)))
def test_it_knows_the_last_different_keys_and_no_more(limit: int, keys: list[int]) -> None:
    recent: Recent[int] = Recent(limit)
    for place, key in enumerate(keys):
        known = list(dict.fromkeys(reversed(keys[:place])))[:limit]
        assert recent.add(key) is (key not in known)
        assert len(recent) <= limit
