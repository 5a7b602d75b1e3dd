"""What may go wrong does, somewhere among few stories."""

from __future__ import annotations

import random
from typing import get_args

import pytest

from pushwire.simulation.plan import CHAOS, Plan, TroubleKind, draw


def plans(*, ledger: bool = False, distinct: bool = True, answers: bool = True) -> list[Plan]:
    return [draw(random.Random(seed), ledger=ledger, distinct=distinct, answers=answers) for seed in range(300)]


def test_every_trouble_and_every_fault_occurs() -> None:
    drawn = [*plans(), *plans(ledger=True)]
    assert {trouble.kind for plan in drawn for trouble in plan.troubles} == set(get_args(TroubleKind))
    faults = {fault.partition(":")[0] for plan in drawn for fault in plan.faults}
    assert faults == {"mute", "slow", "reorder", "accept-then-close", "refuse", "drop", "garbage", "duplicate"}
    assert {plan.receipts is not None for plan in plans(ledger=True)} == {True, False}


def test_troubles_come_in_order_and_in_time() -> None:
    for plan in plans(ledger=True):
        moments = [trouble.at for trouble in plan.troubles]
        assert moments == sorted(moments)
        assert all(0.0 <= moment <= CHAOS for moment in moments)


@pytest.mark.parametrize("kind", ["crash", "store fails", "store slow"])
def test_without_a_ledger_nothing_happens_to_a_store(kind: str) -> None:
    assert not any(trouble.kind == kind for plan in plans() for trouble in plan.troubles)


def test_a_token_expires_once_at_most() -> None:
    expiries = [sum(trouble.kind == "expire" for trouble in plan.troubles) for plan in plans()]
    assert set(expiries) == {0, 1}


def test_what_no_client_could_notice_is_left_out() -> None:
    assert not any(fault.startswith("duplicate") for plan in plans(distinct=False) for fault in plan.faults)
    assert not any(fault.startswith("mute") for plan in plans(answers=False) for fault in plan.faults)
