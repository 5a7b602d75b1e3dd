"""Runs Hypothesis' state machines from a plain test function."""

from __future__ import annotations

from hypothesis import Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    run_state_machine_as_test,  # pyright: ignore[reportUnknownVariableType] - untyped there
)


def explore(machine: type[RuleBasedStateMachine], *, examples: int = 60, steps: int = 30, shrink: bool = True) -> None:
    """Look for an order of the machine's rules that breaks one of its promises; `shrink`: for the shortest one."""
    phases = tuple(Phase) if shrink else (Phase.generate,)
    run_state_machine_as_test(
        machine, settings=settings(max_examples=examples, stateful_step_count=steps, print_blob=True, phases=phases)
    )
