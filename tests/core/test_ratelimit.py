from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.core.ratelimit import Buckets, Place, RateLimit
from pushwire.errors import ConfigError, LocalProtocolError


def granted(buckets: Buckets, now: float, *names: str) -> Place:
    """A place that is granted at once."""
    place = buckets.join(names)
    assert buckets.grant(now) == [place]
    return place


def test_a_wrong_limit_names_every_wrong_field() -> None:
    with pytest.raises(ConfigError) as caught:
        RateLimit(0, math.inf)
    assert caught.value.problems == ("count: must be a positive whole number", "per: must be a positive number of seconds")


def test_no_more_than_the_limit_go_at_once() -> None:
    buckets = Buckets({"orders": RateLimit(2, 60)})
    places = [buckets.join(["orders"]) for _ in range(3)]
    assert buckets.grant(0.0) == places[:2]
    assert [place.granted for place in places] == [True, True, False]
    assert buckets.first is places[2]


def test_a_call_counts_until_the_time_of_the_limit_after_its_answer() -> None:
    buckets = Buckets({"orders": RateLimit(1, 60)})
    first = granted(buckets, 0.0, "orders")
    second = buckets.join(["orders"])
    assert buckets.next_grant(0.0) == math.inf
    buckets.leave(first, 5.0, counts=True)
    assert buckets.next_grant(5.0) == 65.0
    assert buckets.grant(64.9) == []
    assert buckets.grant(65.0) == [second]


def test_a_call_that_was_never_sent_gives_its_place_back_at_once() -> None:
    buckets = Buckets({"orders": RateLimit(1, 60)})
    buckets.leave(granted(buckets, 0.0, "orders"), 1.0, counts=False)
    granted(buckets, 1.0, "orders")


def test_who_gives_up_waiting_leaves_the_queue() -> None:
    buckets = Buckets({"orders": RateLimit(1, 60)})
    running = granted(buckets, 0.0, "orders")
    impatient, patient = buckets.join(["orders"]), buckets.join(["orders"])
    buckets.leave(impatient, 1.0, counts=True)
    buckets.leave(running, 1.0, counts=False)
    assert buckets.grant(1.0) == [patient]


def test_a_call_waits_until_all_its_buckets_have_room() -> None:
    buckets = Buckets({"ip": RateLimit(2, 60), "user": RateLimit(1, 30)})
    first = granted(buckets, 0.0, "ip", "user")
    both = buckets.join(["ip", "user"])
    buckets.leave(first, 0.0, counts=True)
    assert buckets.next_grant(0.0) == 30.0
    assert buckets.grant(30.0) == [both]


def test_nobody_overtakes_in_a_bucket() -> None:
    buckets = Buckets({"ip": RateLimit(2, 60), "user": RateLimit(1, 30)})
    running = granted(buckets, 0.0, "user")
    both = buckets.join(["ip", "user"])
    ip_alone = buckets.join(["ip"])
    assert buckets.grant(0.0) == []
    buckets.leave(running, 0.0, counts=False)
    assert buckets.grant(0.0) == [both, ip_alone]


def test_one_bucket_does_not_hold_up_another() -> None:
    buckets = Buckets({"orders": RateLimit(1, 60), "markets": RateLimit(1, 60)})
    granted(buckets, 0.0, "orders")
    buckets.join(["orders"])
    markets = buckets.join(["markets"])
    assert buckets.grant(0.0) == [markets]


def test_a_name_given_twice_counts_once() -> None:
    buckets = Buckets({"orders": RateLimit(1, 60)})
    granted(buckets, 0.0, "orders", "orders")


def test_a_call_without_a_limit_goes_at_once() -> None:
    buckets = Buckets({})
    buckets.leave(granted(buckets, 0.0), 0.0, counts=True)
    assert buckets.first is None
    assert buckets.next_grant(0.0) == math.inf


def test_a_closed_bucket_lets_nobody_in_before_its_time() -> None:
    buckets = Buckets({"orders": RateLimit(5, 60)})
    buckets.close(["orders"], 10.0)
    buckets.close(["orders"], 7.0)
    place = buckets.join(["orders"])
    assert buckets.grant(9.9) == []
    assert buckets.next_grant(9.9) == 10.0
    assert buckets.grant(10.0) == [place]


def test_a_name_without_a_limit_is_refused_before_anyone_waits() -> None:
    buckets = Buckets({"orders": RateLimit(1, 60)})
    with pytest.raises(LocalProtocolError, match="no rate limit is called feed, markets"):
        buckets.join(["markets", "orders", "feed"])
    assert buckets.first is None
    assert buckets.names == {"orders"}


@given(
    count=st.integers(1, 4),
    steps=st.lists(st.tuples(st.floats(0.0, 40.0), st.floats(0.0, 20.0), st.booleans()), min_size=1, max_size=40),
)
def test_no_window_holds_more_than_the_limit_wherever_the_provider_counts_a_call(
    count: int, steps: list[tuple[float, float, bool]]
) -> None:
    buckets = Buckets({"orders": RateLimit(count, 30)})
    spans: list[tuple[float, float]] = []
    ends: list[tuple[float, Place, float, bool]] = []
    now = 0.0

    def advance(until: float) -> None:
        """Let calls begin and end until then."""
        nonlocal now
        while True:
            for place in buckets.grant(now):
                lasts, counts = wanted.pop(place)
                ends.append((now + lasts, place, now, counts))
            ends.sort(key=lambda end: end[0])
            following = min(ends[0][0] if ends else math.inf, buckets.next_grant(now))
            if following > until or following == math.inf:
                break
            now = max(now, following)
            while ends and ends[0][0] <= now:
                ended, place, begun, counts = ends.pop(0)
                buckets.leave(place, ended, counts=counts)
                if counts:
                    spans.append((begun, ended))

    wanted: dict[Place, tuple[float, bool]] = {}
    for wait, lasts, counts in steps:
        wanted[buckets.join(["orders"])] = (lasts, counts)
        until = now + wait
        advance(until)
        now = max(now, until)
    advance(math.inf)
    assert not wanted
    # The worst case: of each call that began after another had ended, the first counted at its end, the second at its beginning.
    for begun, _ in spans:
        crowded = [one for one in spans if one[0] <= begun < one[1] + 30]
        assert len(crowded) <= count
