from __future__ import annotations

from collections.abc import Callable

import pytest

from pushwire.core.secrets import Redactor, Secret
from pushwire.doctor.steps import Chart, Finding, Step, Trouble, Verdict, plan


def chart(
    *steps: Step, tell: Callable[[Finding], None] = lambda finding: None, advise: Callable[[Step, Trouble], str] | None = None
) -> Chart:
    def nothing(step: Step, trouble: Trouble) -> str:
        return f"{step.value}: {trouble.value}"

    return Chart(steps or plan(token_first=False), advise=advise or nothing, clean=Redactor([Secret("hunter22")]), tell=tell)


def test_the_token_comes_first_or_before_the_subscription() -> None:
    assert plan(token_first=True)[:2] == (Step.TOKEN, Step.RESOLVE)
    assert plan(token_first=False)[-3:] == (Step.TOKEN, Step.SUBSCRIBE, Step.MESSAGE)
    for first in (True, False):
        assert sorted(plan(token_first=first), key=str) == sorted(Step, key=str)


def test_a_step_has_the_time_from_its_begin_to_its_end() -> None:
    looked = chart(Step.CONNECT, Step.TLS)
    looked.begin(Step.CONNECT, 10.0)
    assert looked.current is Step.CONNECT
    looked.conclude(Step.CONNECT, Verdict.OK, 10.25, "there")
    looked.conclude(Step.TLS, Verdict.OK, 11.0)
    assert looked.findings == [Finding(Step.CONNECT, Verdict.OK, 0.25, "there"), Finding(Step.TLS, Verdict.OK)]
    assert looked.done
    assert not looked.failed


def test_what_was_passed_over_is_skipped_with_the_reason() -> None:
    looked = chart(Step.RESOLVE, Step.CONNECT, Step.TLS, Step.HANDSHAKE)
    looked.conclude(Step.CONNECT, Verdict.OK)
    looked.conclude(Step.HANDSHAKE, Verdict.OK)
    assert [finding.verdict.value for finding in looked.findings] == ["skipped", "ok", "skipped", "ok"]
    assert looked.findings[0].detail == "nothing to resolve here"


def test_a_failure_ends_it_and_the_rest_is_not_reached() -> None:
    told: list[Finding] = []
    looked = chart(Step.CONNECT, Step.TLS, Step.MESSAGE, tell=told.append)
    looked.begin(Step.CONNECT, 1.0)
    looked.fail(Step.CONNECT, Trouble.REFUSED, 1.5, "refused")
    assert looked.failed
    assert looked.done
    assert not looked.misused
    looked.conclude(Step.TLS, Verdict.OK)
    looked.close()
    assert told == looked.findings
    assert told[0] == Finding(Step.CONNECT, Verdict.FAILED, 0.5, "refused", Trouble.REFUSED, "connect: refused")
    assert [finding.verdict for finding in told[1:]] == [Verdict.NOT_REACHED] * 2


def test_a_step_is_concluded_once() -> None:
    looked = chart(Step.CONNECT, Step.TLS)
    looked.conclude(Step.CONNECT, Verdict.OK)
    looked.begin(Step.CONNECT, 1.0)
    assert looked.current is None
    looked.fail(Step.CONNECT, Trouble.FAILED, 2.0, "late")
    assert not looked.failed
    assert not looked.done


def test_what_the_caller_asked_for_wrongly_is_told_apart() -> None:
    looked = chart(Step.SUBSCRIBE)
    looked.fail(Step.SUBSCRIBE, Trouble.MISUSED, None, "no")
    assert looked.misused


@pytest.mark.parametrize("written", ["an\x1b[31m error\r\nof hunter22", "an \u202e[31m error\tof   hunter22 "])
def test_a_detail_is_one_line_without_secrets_and_without_what_a_terminal_obeys(written: str) -> None:
    looked = chart(Step.LOGIN, advise=lambda step, trouble: "see hunter22")
    looked.fail(Step.LOGIN, Trouble.FAILED, None, written)
    (finding,) = looked.findings
    assert finding.detail == "an [31m error of ***"
    assert finding.advice == "see ***"


def test_a_peer_cannot_fill_the_screen() -> None:
    looked = chart(Step.LOGIN)
    looked.fail(Step.LOGIN, Trouble.FAILED, None, "x" * 10_000)
    assert looked.findings[0].detail == "x" * 300 + "…"
