from __future__ import annotations

import pytest

from pushwire.doctor.advice import ADVICE, Subject, advise
from pushwire.doctor.habits import HABITS, NOTICES
from pushwire.doctor.steps import Step, Trouble
from pushwire.doctor.troubles import DIALLED, ERRORS, STATUSES
from pushwire.providers import NAMES, load

SUBJECT = Subject("gelabs", "PUSHWIRE_GELABS_API_KEY", "the weather", "feed.test", 8443, "POST https://api.test/auth")

STATED = {trouble for _, trouble in STATUSES}
RAISED = {trouble for _, trouble in ERRORS} | {Trouble.FAILED}

DEADLINES = {Step.RESOLVE, Step.CONNECT, Step.TLS, Step.HANDSHAKE, Step.LOGIN, Step.TOKEN, Step.SUBSCRIBE}
"""Steps during which a deadline may pass. The message has its own end, which is none."""

SEEN = {
    (Step.TLS, Trouble.EXPIRING),
    (Step.TLS, Trouble.PLAIN),
    (Step.CLOCK, Trouble.SKEWED),
    (Step.TOKEN, Trouble.SKEWED),
    (Step.LOGIN, Trouble.CREDENTIAL),
    (Step.LOGIN, Trouble.FAILED),
    (Step.SUBSCRIBE, Trouble.HUNG_UP),
    (Step.MESSAGE, Trouble.HUNG_UP),
    (Step.MESSAGE, Trouble.SILENT),
    (Step.MESSAGE, Trouble.UNREADABLE),
}
"""What is found without a table."""

POSSIBLE = (
    {(step, trouble) for _, step, trouble in DIALLED}
    | {(Step.CONNECT, Trouble.MISUSED)}
    | {(Step.HANDSHAKE, trouble) for trouble in STATED}
    | {(Step.TOKEN, trouble) for trouble in STATED | RAISED}
    | {(Step.SUBSCRIBE, trouble) for trouble in RAISED}
    | {(step, Trouble.TIMED_OUT) for step in DEADLINES}
    | SEEN
)


@pytest.mark.parametrize("step, trouble", sorted(POSSIBLE, key=str))
def test_there_is_advice_for_whatever_can_be_found(step: Step, trouble: Trouble) -> None:
    text = advise(step, trouble, SUBJECT)
    assert text
    assert "{" not in text


def test_every_row_can_be_reached() -> None:
    rows = {(step, trouble) for step, rows in ADVICE.items() for trouble in rows}
    assert rows <= POSSIBLE


def test_what_has_no_row_has_that_of_a_failure() -> None:
    assert advise(Step.TOKEN, Trouble.REFUSED, SUBJECT) == advise(Step.TOKEN, Trouble.FAILED, SUBJECT)


def test_advice_names_what_it_is_about() -> None:
    everything = " ".join(advise(step, trouble, SUBJECT) for step, trouble in POSSIBLE)
    for part in ("gelabs", "PUSHWIRE_GELABS_API_KEY", "the weather", "feed.test", "8443", "POST https://api.test/auth"):
        assert part in everything


# Habits


def test_every_provider_has_its_habits() -> None:
    assert set(HABITS) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_what_anybody_may_subscribe_to_is_a_subscription(name: str) -> None:
    spec = HABITS[name].spec
    if spec is not None:
        assert load(name).parse_spec(spec).topics


def test_notices_are_events_that_there_are() -> None:
    from pushwire.providers import pusher, quantcite

    assert {quantcite.Notice.__name__, pusher.PeerError.__name__, pusher.Undecipherable.__name__} == NOTICES
