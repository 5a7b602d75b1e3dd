from __future__ import annotations

import math
from collections.abc import Iterable

import pytest

from pushwire.core.effects import Close, Ping, SecretFrame
from pushwire.core.events import (
    AckRefused,
    Gap,
    Hydrated,
    Malformed,
    SnapshotFailed,
    Stale,
    SubscriptionRefused,
    Unrecognized,
    Up,
)
from pushwire.core.journal import Step, Stop, Truncated
from pushwire.core.machine import Phase
from pushwire.plot import Course
from pushwire.plot.course import ASKED, LONG, LONGEST, Wait
from pushwire.plot.series import Span
from pushwire.providers.gelabs import Transaction
from pushwire.testing.gelabs import transaction
from tests.plot.steps import BEGIN, NOON, closed, course, header, opened, receive, start, step, timer


def states(followed: Course) -> dict[str, list[tuple[float, float]]]:
    return {phase.value: [(span.begin, span.end) for span in spans] for phase, spans in followed.states.items()}


def waited(followed: Course, wait: Wait) -> list[tuple[float, float]]:
    """When, and how long on the mean."""
    return [(at, round(spread.mean, 6)) for at, spread in followed.waits[wait]]


def test_a_journal_without_inputs_says_so() -> None:
    followed = course()
    assert followed.provider == "gelabs"
    assert (followed.inputs, followed.length, followed.wall, states(followed)) == (0, 0.0, None, {})
    assert followed.summary == "the journal holds no input"


def test_it_follows_where_the_session_stands() -> None:
    followed = course(
        step(start(), Phase.DIALLING),
        step(opened(0.5), Phase.AUTHENTICATING),
        step(receive(1.0, "{}"), Phase.READY),
        step(timer(3.0), Phase.READY),
        step(closed(5.0), Phase.BACKING_OFF),
        step(timer(6.0), Phase.DIALLING),
        step(opened(6.5), Phase.READY),
        step(Stop(BEGIN + 8.0), Phase.CLOSED),
    )
    assert states(followed) == {
        "dialling": [(0.0, 0.5), (6.0, 6.5)],
        "authenticating": [(0.5, 1.0)],
        "ready": [(1.0, 5.0), (6.5, 8.0)],
        "backing off": [(5.0, 6.0)],
        "closed": [(8.0, 8.0)],
    }
    assert (followed.length, followed.wall, followed.connections) == (8.0, NOON, 2)


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_is_found(phase: Phase) -> None:
    assert list(course(step(start(), phase)).states) == [phase]


def test_a_session_that_never_ends_is_where_it_was_last() -> None:
    assert states(course(step(start(), Phase.DIALLING), step(timer(9.0), Phase.DIALLING))) == {"dialling": [(0.0, 9.0)]}


def test_messages_are_counted_in_and_out() -> None:
    followed = course(
        step(start()),
        step(receive(0.1, "a", b"b"), effects=["c", SecretFrame("s", "***"), Ping(b"x")]),
        step(receive(1.0, "d"), effects=["e"]),
    )
    assert (followed.received, followed.sent) == (3, 3)
    assert [(at, part.received, part.sent) for at, part in followed.flow] == [(0.0, 2, 2), (1.0, 1, 1)]
    assert followed.summary == "0 connections; 3 messages in, 3 out; 0 gaps"


def test_a_reply_is_found_by_the_id_of_what_it_answers() -> None:
    followed = course(
        step(start(), effects=['{"id":"p-1"}', SecretFrame("secret", '{"id":"p-11"}'), "no id"]),
        step(receive(0.5, '{"id":"p-11"}')),
        step(receive(1.0, '{"push":1}', b'{"id":"p-1"}')),
        step(receive(2.0, '{"id":"p-1"}', '{"id":"p-7"}')),
    )
    assert waited(followed, Wait.REPLY) == [(0.5, 0.5), (1.0, 1.0)]


def test_a_new_connection_answers_nothing_that_an_old_one_was_asked() -> None:
    followed = course(step(start(), effects=["p-1"]), step(opened(1.0)), step(receive(2.0, "p-1")))
    assert waited(followed, Wait.REPLY) == []


def test_no_more_replies_are_waited_for_than_may_be() -> None:
    asked = [f"p-{number}" for number in range(ASKED + 1)]
    followed = course(step(start(), effects=asked), step(receive(1.0, asked[ASKED], asked[0])))
    assert [spread.count for _, spread in followed.waits[Wait.REPLY]] == [1]


def test_the_answer_to_a_ping_is_that_alone_also_where_it_has_an_id() -> None:
    followed = course(
        step(start()),
        step(timer(1.0), effects=["p-1 ping"]),
        step(receive(1.25, "p-1 pong"), answered=1.0),
        step(timer(2.0), effects=[Ping(b"")], answered=1.0),
        step(timer(2.5), answered=2.0),
    )
    assert waited(followed, Wait.PONG) == [(1.25, 0.25), (2.5, 0.5)]
    assert waited(followed, Wait.REPLY) == []


def push(at: float, sent: float) -> Transaction:
    return transaction(received=BEGIN + at, sent=round((NOON + sent) * 1000))


def test_the_provider_says_when_it_sent_something() -> None:
    followed = course(step(start()), step(receive(1.0, "{}"), events=[push(1.0, 0.75), Up(BEGIN, 1)]))
    assert waited(followed, Wait.ARRIVAL) == [(1.0, 0.25)]
    assert followed.ahead == 0


def test_what_came_before_it_was_sent_is_counted_and_not_timed() -> None:
    followed = course(step(start()), step(receive(1.0, "{}"), events=[push(1.0, 1.5)]))
    assert waited(followed, Wait.ARRIVAL) == []
    assert followed.summary.endswith("; 1 message came before the provider's time of it: the clocks differ")


def test_a_gap_is_drawn_where_it_was_and_not_where_it_was_told() -> None:
    followed = course(step(start()), step(receive(9.0, "{}"), events=[Gap(BEGIN + 9, NOON + 3.0, NOON + 7.5)]))
    assert list(followed.gaps) == [Span(3.0, 7.5, "2026-01-01T12:00:03.000Z to 2026-01-01T12:00:07.500Z, 4.5 s")]
    assert followed.summary.endswith("; 1 gap of 4.5 s")


def test_a_gap_from_before_the_journal_begins_where_the_journal_does() -> None:
    followed = course(step(start()), step(receive(9.0, "{}"), events=[Gap(BEGIN + 9, NOON - 600, NOON + 2.0)]))
    assert [(span.begin, span.end) for span in followed.gaps] == [(0.0, 2.0)]
    assert followed.missing == 602.0


@pytest.mark.parametrize(
    "before, error, told",
    [
        (Phase.READY, "close 1006 by peer: gone", "close 1006 by peer: gone"),
        (Phase.HANGING_UP, "no answer to a ping within 10 s", "no answer to a ping within 10 s (close 1006 by peer: gone)"),
        (Phase.HANGING_UP, None, "close 1006 by peer: gone"),
    ],
)
def test_a_close_says_why(before: Phase, error: str | None, told: str) -> None:
    followed = course(step(start(), before), step(closed(2.0), Phase.BACKING_OFF, error=error))
    assert list(followed.closes) == [Span(2.0, 2.0, told)]


@pytest.mark.parametrize(
    "event, told",
    [
        (Malformed(BEGIN, "raw", "no JSON"), "malformed: no JSON"),
        (Unrecognized(BEGIN, "raw", "mystery"), "unrecognized: mystery"),
        (AckRefused(BEGIN, ("k",), 1, "too late"), "ack_refused: too late"),
        (SubscriptionRefused(BEGIN, "topic", 1, "no"), "subscription_refused: no"),
        (SnapshotFailed(BEGIN, KeyError("x"), 1.0), "snapshot_failed: 'x'"),
        (Stale(BEGIN + 90.0, "topic", BEGIN), "stale: nothing for 1 min 30 s"),
    ],
)
def test_trouble_is_noted(event: object, told: str) -> None:
    followed = course(step(start()), step(timer(1.0), events=[event]))
    assert list(followed.notices) == [Span(1.0, 1.0, told)]


def test_what_is_no_trouble_is_not_noted() -> None:
    followed = course(step(start()), step(timer(1.0), events=[Up(BEGIN, 1), Hydrated(BEGIN, None)]))
    assert list(followed.notices) == []


def test_long_reasons_are_cut() -> None:
    followed = course(step(start()), step(closed(1.0, Close(reason="x" * 9999))))
    (close,) = followed.closes
    assert len(close.note) == LONG + 1


def test_a_journal_that_was_cut_short_says_so() -> None:
    followed = course(step(start()), Step(Truncated()))
    assert followed.truncated
    assert followed.summary.endswith("; its writer did not come to the end")


def test_without_a_wall_clock_times_count_from_the_beginning() -> None:
    followed = course(step(receive(5.0, "{}")), step(receive(7.0, "{}")))
    assert (followed.wall, followed.length) == (None, 2.0)
    assert course(step(receive(5.0, "{}")), step(timer(7.0))).wall == NOON + 5.0


def test_a_clock_that_goes_back_or_away_draws_nothing_outside() -> None:
    followed = course(
        step(receive(0.0, "{}"), Phase.DIALLING),
        step(receive(3.0, "{}")),
        step(receive(-900.0, "{}"), events=[Gap(0.0, -math.inf, math.inf), Gap(0.0, math.nan, math.nan)]),
        step(receive(1e308, "{}")),
    )
    assert followed.length == LONGEST
    assert [(span.begin, span.end) for span in followed.gaps] == [(0.0, 3.0)]


def test_hours_on_end_cost_no_more_than_minutes() -> None:
    followed = Course()
    followed.add(header())
    for number in range(20_000):
        at = number * 10.0
        followed.add(step(opened(at), Phase.AUTHENTICATING, effects=[f"p-{number}"]))
        followed.add(step(receive(at + 1, f"p-{number}"), events=[Gap(0.0, NOON + at, NOON + at + 1), Malformed(0.0, "", "bad")]))
        followed.add(step(closed(at + 9), Phase.BACKING_OFF))
    kept: tuple[Iterable[Span], ...] = (followed.gaps, followed.closes, followed.notices, *followed.states.values())
    assert all(len(list(spans)) <= 241 for spans in kept)
    assert sum(span.count for span in followed.closes) == 20_000
    assert len(list(followed.flow)) <= 480
