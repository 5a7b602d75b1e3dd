"""Steps of a replay, put together by hand: no machine says what these tests need in so few words."""

from __future__ import annotations

from collections.abc import Sequence

from pushwire.core.effects import Close, Effect, Handshake, Restored
from pushwire.core.journal import Closed, HandleTimer, Header, Input, Opened, Receive, Start, Step
from pushwire.core.machine import Phase, Status
from pushwire.core.secrets import Secret
from pushwire.plot import Course
from pushwire.providers import gelabs, load

NOON = 1_767_268_800.0
"""2026-01-01 12:00 UTC, POSIX seconds, at which trio's clock shows 1000."""
BEGIN = 1000.0
PREFIX = "p"


def header() -> Step:
    config = gelabs.Config(api_key=Secret("k"))
    return Step(Header(load("gelabs"), config, 1, PREFIX, Restored(), "0"), status=status(Phase.IDLE))


def status(phase: Phase, *, error: str | None = None, answered: float | None = None) -> Status:
    return Status(phase, 0.0, 1, 1, error, None, ping_answered=None if answered is None else BEGIN + answered)


def step(
    record: Input,
    phase: Phase = Phase.READY,
    *,
    effects: Sequence[Effect] = (),
    events: Sequence[object] = (),
    error: str | None = None,
    answered: float | None = None,
) -> Step:
    return Step(record, effects, events, status=status(phase, error=error, answered=answered))


def start(at: float = 0.0) -> Start:
    return Start(BEGIN + at, NOON + at)


def opened(at: float) -> Opened:
    return Opened(Handshake(), BEGIN + at, NOON + at)


def receive(at: float, *messages: str | bytes) -> Receive:
    return Receive(messages, BEGIN + at)


def timer(at: float) -> HandleTimer:
    return HandleTimer(BEGIN + at, NOON + at)


def closed(at: float, close: Close | None = None) -> Closed:
    return Closed(close or Close(1006, "gone"), BEGIN + at, NOON + at)


def course(*steps: Step) -> Course:
    """Of these, behind a header."""
    followed = Course()
    for one in (header(), *steps):
        followed.add(one)
    return followed
