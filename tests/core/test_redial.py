from __future__ import annotations

import math
import random

import pytest

from pushwire.core.backoff import BackoffPolicy
from pushwire.core.effects import Close
from pushwire.core.redial import RETRY_AFTER_CAP, Redial
from pushwire.core.transitions import Trigger
from pushwire.errors import AuthenticationRefused, RemoteProtocolError
from tests.core.toy import Always, Rules

EXPIRED = Close(code=4001)
RESTART = Close(code=4002)
FULL = Close(code=4003)


def redial(*, refreshable: bool = True, rng: random.Random | None = None) -> Redial:
    return Redial(Rules.closes, BackoffPolicy(), rng or Always(1.0), refreshable=refreshable)


def verdict(judge: Redial, close: Close, *, hopeless: bool = False) -> tuple[Trigger, float]:
    return judge.verdict(close, 100.0, hopeless=hopeless)


def test_a_fatal_close_ends_the_session() -> None:
    assert verdict(redial(), Close(code=4000)) == (Trigger.FATAL, math.inf)


def test_so_does_any_close_after_a_refusal_for_good() -> None:
    assert verdict(redial(), Close(code=1000), hopeless=True) == (Trigger.FATAL, math.inf)


def test_a_close_that_no_row_names_backs_off() -> None:
    judge = redial()
    assert [verdict(judge, Close(code=1006)) for _ in range(3)] == [
        (Trigger.LOST, 101.0),
        (Trigger.LOST, 102.0),
        (Trigger.LOST, 104.0),
    ]
    assert judge.attempt == 3


def test_at_once_is_granted_once_in_each_stable_period() -> None:
    judge = redial()
    assert verdict(judge, RESTART) == (Trigger.LOST_AT_ONCE, 100.0)
    assert verdict(judge, RESTART) == (Trigger.LOST, 101.0)
    judge.ended(29.0, answered=True)
    assert verdict(judge, RESTART) == (Trigger.LOST, 102.0)
    judge.ended(31.0, answered=True)
    assert verdict(judge, RESTART) == (Trigger.LOST_AT_ONCE, 100.0)


def test_an_expired_credential_is_refreshed_once_and_then_fatal() -> None:
    judge = redial()
    assert verdict(judge, EXPIRED) == (Trigger.LOST_AT_ONCE, 100.0)
    assert judge.refresh
    assert verdict(judge, EXPIRED) == (Trigger.FATAL, math.inf)


def test_after_a_stable_connection_a_credential_may_expire_again() -> None:
    judge = redial()
    verdict(judge, EXPIRED)
    judge.ended(31.0, answered=True)
    assert verdict(judge, EXPIRED) == (Trigger.LOST_AT_ONCE, 100.0)


def test_where_there_is_no_credential_to_refresh_it_is_fatal_at_once() -> None:
    judge = redial(refreshable=False)
    assert verdict(judge, EXPIRED) == (Trigger.FATAL, math.inf)
    assert not judge.refresh


def test_a_refresh_and_a_restart_share_the_one_dial_without_delay() -> None:
    judge = redial()
    assert verdict(judge, RESTART) == (Trigger.LOST_AT_ONCE, 100.0)
    assert verdict(judge, EXPIRED) == (Trigger.LOST, 101.0)
    assert judge.refresh


@pytest.mark.parametrize(
    "status, retry_after, due",
    [
        (429, 7.0, 107.0),
        (503, 0.2, 101.0),
        (503, None, 101.0),
        (429, 1e9, 100.0 + RETRY_AFTER_CAP),
        (429, math.inf, 100.0 + RETRY_AFTER_CAP),
        (429, -5.0, 101.0),
        (418, 7.0, 101.0),
    ],
)
def test_retry_after_is_honoured_where_the_table_says_so_up_to_a_cap(status: int, retry_after: float | None, due: float) -> None:
    assert verdict(redial(), Close(status=status, retry_after=retry_after)) == (Trigger.LOST, due)


@pytest.mark.parametrize(
    "close, kind, text",
    [
        (Close(status=401), AuthenticationRefused, "HTTP 401 (the token is wrong)"),
        (Close(status=403), AuthenticationRefused, "HTTP 403 (not allowed here)"),
        (Close(code=4001, reason="old"), AuthenticationRefused, "close 4001 by peer: old (the token has expired)"),
        (Close(code=4000), RemoteProtocolError, "close 4000 by peer (gone for good)"),
        (Close(status=404), RemoteProtocolError, "HTTP 404 (no such place)"),
        (Close(reason="reset"), RemoteProtocolError, "connection lost: reset"),
    ],
)
def test_the_last_error_says_how_it_ended_and_whether_the_credential_was_refused(
    close: Close, kind: type[Exception], text: str
) -> None:
    error = redial().terminal(close)
    assert type(error) is kind
    assert str(error) == text
    if isinstance(error, AuthenticationRefused):
        assert (error.status, error.code) == (close.status, close.code)
