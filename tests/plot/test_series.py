from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushwire.plot.series import FINEST, LIMIT, PARTS, Bins, Flow, Span, Spans, Spread

TIMES = st.floats(0, 1e9)


def bins_of(times: list[float]) -> Bins[Flow]:
    bins = Bins(Flow)
    for time in times:
        bins.at(time).received += 1
    return bins


def test_time_is_kept_as_finely_as_there_are_parts_for_it() -> None:
    bins = bins_of([0.0, FINEST * PARTS - 0.001])
    assert bins.width == FINEST
    assert [(at, part.received) for at, part in bins] == [(0.0, 1), (FINEST * (PARTS - 1), 1)]


def test_the_longer_it_goes_on_the_coarser_it_is_kept() -> None:
    bins = bins_of([0.0, 0.3, 1.0, FINEST * PARTS])
    assert bins.width == 2 * FINEST
    assert [(at, part.received) for at, part in bins] == [(0.0, 2), (1.0, 1), (FINEST * PARTS, 1)]


@given(st.lists(TIMES, max_size=50))
def test_nothing_is_lost_and_no_more_parts_are_kept_than_there_may_be(times: list[float]) -> None:
    bins = bins_of(times)
    parts = list(bins)
    assert sum(part.received for _, part in parts) == len(times)
    assert len(parts) <= PARTS
    for time in times:
        assert any(at <= time < at + bins.width for at, _ in parts)


def test_parts_join_what_they_hold() -> None:
    flow, spread = Flow(1, 2), Spread()
    flow.join(Flow(3, 4))
    assert flow == Flow(4, 6)
    for number in (3.0, 1.0, 2.0):
        spread.add(number)
    other = Spread()
    other.add(10.0)
    spread.join(other)
    assert spread == Spread(4, 16.0, 1.0, 10.0)
    assert spread.mean == 4.0


def spans_of(*spans: tuple[float, float]) -> Spans:
    kept = Spans()
    for begin, end in spans:
        kept.add(begin, end, f"from {begin:g}")
    return kept


def test_spans_that_are_apart_stay_apart() -> None:
    assert list(spans_of((0, 1), (1.5, 2))) == [Span(0, 1, "from 0"), Span(1.5, 2, "from 1.5")]


@pytest.mark.parametrize(
    "spans, whole",
    [
        ([(0, 1), (1, 2)], (0, 2)),
        ([(0, 1), (0.5, 2)], (0, 2)),
        ([(1, 2), (0, 3)], (0, 3)),
        ([(1, 5), (2, 3)], (1, 5)),
        ([(2, 2), (2, 2)], (2, 2)),
    ],
)
def test_spans_that_touch_are_one_which_the_first_names(spans: list[tuple[float, float]], whole: tuple[float, float]) -> None:
    (span,) = spans_of(*spans)
    assert (span.begin, span.end, span.count) == (*whole, 2)
    assert span.note == f"from {spans[0][0]:g}"


def test_a_span_may_reach_back_over_several() -> None:
    assert [(span.begin, span.end, span.count) for span in spans_of((0, 1), (2, 3), (4, 5), (0.5, 6))] == [(0, 6, 4)]


def test_neighbours_become_one_where_there_are_too_many() -> None:
    kept = spans_of(*((float(at), at + 0.9) for at in range(10 * LIMIT)))
    assert len(kept) <= LIMIT
    spans = list(kept)
    assert sum(span.count for span in spans) == 10 * LIMIT
    assert (spans[0].begin, spans[-1].end) == (0.0, 10 * LIMIT - 0.1)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), max_size=3 * LIMIT))
def test_all_that_was_in_a_span_is_in_one_and_they_stay_in_order(pairs: list[tuple[float, float]]) -> None:
    spans = sorted((begin, begin + length) for begin, length in pairs)
    kept = list(spans_of(*spans))
    assert len(kept) <= LIMIT
    assert all(before.end < after.begin for before, after in pairwise(kept))
    for begin, end in spans:
        assert any(span.begin <= begin and end <= span.end for span in kept)
