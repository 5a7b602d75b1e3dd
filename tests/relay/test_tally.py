"""What is counted of a run of the relay."""

from __future__ import annotations

import math

from pushwire.relay.entries import Answer, Outcome, Refused
from pushwire.relay.tally import OUTCOMES, Histogram, RelayTally

S, D, Q, U = Outcome.STORED, Outcome.DUPLICATE, Outcome.QUARANTINED, Outcome.UNKNOWN


def test_each_outcome_of_an_entry_has_its_name() -> None:
    assert OUTCOMES == ("stored", "duplicate", "quarantined", "unknown", "refused")


def test_answers_are_counted_by_stream_and_outcome() -> None:
    tally = RelayTally(["a", "b"])
    answers: list[Answer] = [S, D, Q, U, Refused("no"), Refused("never"), S]
    tally.wrote("a", answers, 7, 0.004)
    tally.wrote("b", [S] * 3, 3, 0.5)
    assert tally.outcomes["a"] == {"stored": 2, "duplicate": 1, "quarantined": 1, "unknown": 1, "refused": 2}
    assert tally.outcomes["b"] == {"stored": 3}
    assert tally.writes.total == 0.504


def test_a_batch_that_is_not_answered_for_entry_by_entry_is_unknown_and_took_no_time() -> None:
    tally = RelayTally(["a"])
    tally.wrote("a", None, 3, 30.0)
    tally.wrote("a", [S], 2, 30.0)
    assert tally.outcomes["a"] == {"unknown": 5}
    assert (tally.unknown_writes, tally.writes.total) == (2, 0.0)


def test_the_ledgers_time_counts_where_it_succeeded() -> None:
    tally = RelayTally(["a"])
    tally.settled("a", True, 0.25)
    tally.settled("a", False, 9.0)
    assert (tally.commits.total, tally.store_errors["a"]) == (0.25, 1)


def test_a_histogram_counts_what_took_at_most_so_long() -> None:
    found = Histogram((0.1, 1.0))
    for seconds in (0.05, 0.1, 0.5, 7.0):
        found.add(seconds)
    assert found.buckets == [(0.1, 2), (1.0, 3), (math.inf, 4)]
    assert found.total == 7.65
