"""Every table there is: the session's, the ledger's, and those of the providers (whose rows their own tests walk)."""

from __future__ import annotations

import enum
from typing import TypeVar

import pytest

from pushwire.core.fallback import FALLBACK, Freshness, FreshnessTrigger
from pushwire.core.gate import GATE, Gate, GateTrigger
from pushwire.core.holds import HOLD, Hold, HoldTrigger
from pushwire.core.ledger import ENTRY, Entry, EntryTrigger
from pushwire.core.machine import Phase
from pushwire.core.transitions import SESSION, Table, Trigger
from pushwire.errors import LocalProtocolError
from pushwire.providers.gelabs.machine import GREETING, Stage, StageTrigger

StateT = TypeVar("StateT", bound=enum.Enum)
TriggerT = TypeVar("TriggerT", bound=enum.Enum)


def check_total(table: Table[StateT, TriggerT], states: type[StateT], triggers: type[TriggerT]) -> int:
    """Each pair is a transition or a refusal that says why. Returns how many transitions there are."""
    transitions = 0
    for state in states:
        assert table.refusals[state], "each state says why it refuses"
        for trigger in triggers:
            after = table.rows.get((state, trigger))
            if after is not None:
                assert table.next(state, trigger) is after
                transitions += 1
            else:
                with pytest.raises(LocalProtocolError) as refused:
                    table.next(state, trigger)
                assert str(refused.value) == f"{table.name}: {trigger.value} while {state.value}: {table.refusals[state]}"
    assert transitions == len(table.rows), "no row is about something else"
    assert set(table.refusals) == set(states)
    return transitions


def reachable(table: Table[StateT, TriggerT]) -> set[StateT]:
    found = {table.initial}
    while more := {after for (state, _), after in table.rows.items() if state in found} - found:
        found |= more
    return found


@pytest.mark.parametrize(
    "table, states, triggers",
    [
        pytest.param(SESSION, Phase, Trigger, id="session"),
        pytest.param(ENTRY, Entry, EntryTrigger, id="ledger"),
        pytest.param(HOLD, Hold, HoldTrigger, id="held"),
        pytest.param(GATE, Gate, GateTrigger, id="gate"),
        pytest.param(FALLBACK, Freshness, FreshnessTrigger, id="fallback"),
        pytest.param(GREETING, Stage, StageTrigger, id="gelabs"),
    ],
)
def test_each_state_and_trigger_is_a_transition_or_a_refusal_with_a_name(
    table: Table[enum.Enum, enum.Enum], states: type[enum.Enum], triggers: type[enum.Enum]
) -> None:
    assert check_total(table, states, triggers) > 0
    assert reachable(table) == set(states)


SESSION_ROWS = {
    Phase.IDLE: "START>PREPARING STOP>CLOSED",
    Phase.PREPARING: "PREPARED>DIALLING STOP>CLOSED",
    Phase.DIALLING: "OPENED>AUTHENTICATING STOP>ENDING HANG_UP>HANGING_UP",
    Phase.AUTHENTICATING: "AUTHENTICATED>READY STOP>ENDING HANG_UP>HANGING_UP",
    Phase.READY: "STOP>FLUSHING HANG_UP>HANGING_UP",
    Phase.HANGING_UP: "OPENED>HANGING_UP STOP>ENDING",
    Phase.BACKING_OFF: "DUE>PREPARING STOP>CLOSED",
    Phase.FLUSHING: "FLUSHED>ENDING HANG_UP>ENDING STOP>FLUSHING",
    Phase.ENDING: "OPENED>ENDING STOP>ENDING",
    Phase.CLOSED: "STOP>CLOSED",
}
LOSSES = "LOST>BACKING_OFF LOST_AT_ONCE>PREPARING FATAL>CLOSED"
LAST_LOSSES = "LOST>CLOSED LOST_AT_ONCE>CLOSED FATAL>CLOSED"
WITH_LOSSES = {Phase.PREPARING, Phase.DIALLING, Phase.AUTHENTICATING, Phase.READY, Phase.HANGING_UP}


def test_the_session_moves_as_designed_and_in_no_other_way() -> None:
    for phase in Phase:
        expected = SESSION_ROWS[phase]
        if phase in WITH_LOSSES:
            expected += " " + LOSSES
        elif phase in {Phase.FLUSHING, Phase.ENDING}:
            expected += " " + LAST_LOSSES
        moves = {f"{trigger.name}>{after.name}" for (state, trigger), after in SESSION.rows.items() if state is phase}
        assert moves == set(expected.split()), phase


def test_nothing_leads_out_of_the_end() -> None:
    assert {after for (state, _), after in SESSION.rows.items() if state is Phase.CLOSED} == {Phase.CLOSED}


def test_stop_is_never_refused() -> None:
    assert all((phase, Trigger.STOP) in SESSION.rows for phase in Phase)


def test_a_table_is_drawn_as_a_diagram() -> None:
    drawn = ENTRY.mermaid().splitlines()
    assert drawn[:2] == ["stateDiagram-v2", "    [*] --> UNSEEN"]
    assert "    UNSEEN --> HELD: received" in drawn
    assert len(drawn) == 2 + len(ENTRY.rows)
