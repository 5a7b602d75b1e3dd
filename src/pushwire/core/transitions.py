"""Every state change there is, as data. No other file assigns a phase, and the diagrams in the docs are drawn from here.

A table is *total*: each (state, trigger) pair is either a transition or a refusal with a name, and a test enumerates them all. A
refusal is a fault of whoever drives the machine, never of the peer: no input from the network can reach one.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final, Generic, TypeVar

import attrs

from ..errors import LocalProtocolError
from .machine import Phase

__all__ = ["SESSION", "Table", "Trigger"]

StateT = TypeVar("StateT", bound=enum.Enum)
TriggerT = TypeVar("TriggerT", bound=enum.Enum)


@attrs.frozen
class Table(Generic[StateT, TriggerT]):
    """A transition table. `rows` are the transitions; what a state does not list is refused, for the reason in `refusals`."""

    name: str
    initial: StateT
    rows: Mapping[tuple[StateT, TriggerT], StateT]
    refusals: Mapping[StateT, str]

    def next(self, state: StateT, trigger: TriggerT) -> StateT:
        """The state after `trigger`. Raises `LocalProtocolError` with the refusal's name."""
        after = self.rows.get((state, trigger))
        if after is None:
            raise LocalProtocolError(f"{self.name}: {trigger.value} while {state.value}: {self.refusals[state]}")
        return after

    def mermaid(self) -> str:
        """The table as a Mermaid state diagram."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial.name}"]
        lines += [f"    {state.name} --> {after.name}: {trigger.value}" for (state, trigger), after in self.rows.items()]
        return "\n".join(lines)


class Trigger(enum.Enum):
    """What moves a session on."""

    START = "start"
    PREPARED = "credentials at hand"
    OPENED = "connection opened"
    AUTHENTICATED = "authenticated"
    HANG_UP = "we hang up"
    LOST = "lost, dial again later"
    LOST_AT_ONCE = "lost, dial again at once"
    FATAL = "refused for good"
    DUE = "back-off over"
    STOP = "stop"
    FLUSHED = "flushed"


def _session() -> dict[tuple[Phase, Trigger], Phase]:
    p, t = Phase, Trigger
    rows = {
        (p.IDLE, t.START): p.PREPARING,
        (p.IDLE, t.STOP): p.CLOSED,
        (p.PREPARING, t.PREPARED): p.DIALLING,
        (p.BACKING_OFF, t.DUE): p.PREPARING,
        (p.BACKING_OFF, t.STOP): p.CLOSED,
        (p.PREPARING, t.STOP): p.CLOSED,
        (p.DIALLING, t.OPENED): p.AUTHENTICATING,
        (p.DIALLING, t.STOP): p.ENDING,
        (p.AUTHENTICATING, t.AUTHENTICATED): p.READY,
        (p.AUTHENTICATING, t.STOP): p.ENDING,
        (p.READY, t.STOP): p.FLUSHING,
        (p.FLUSHING, t.FLUSHED): p.ENDING,
        (p.FLUSHING, t.HANG_UP): p.ENDING,
        # An attempt that succeeds while we are giving it up is given up all the same.
        (p.HANGING_UP, t.OPENED): p.HANGING_UP,
        (p.HANGING_UP, t.STOP): p.ENDING,
        (p.ENDING, t.OPENED): p.ENDING,
        # stop() may be called again, by a caller who is not sure it was called.
        (p.FLUSHING, t.STOP): p.FLUSHING,
        (p.ENDING, t.STOP): p.ENDING,
        (p.CLOSED, t.STOP): p.CLOSED,
    }
    for phase in (p.DIALLING, p.AUTHENTICATING, p.READY):
        rows[phase, t.HANG_UP] = p.HANGING_UP
    for phase in (p.PREPARING, p.DIALLING, p.AUTHENTICATING, p.READY, p.HANGING_UP):
        rows[phase, t.LOST] = p.BACKING_OFF
        rows[phase, t.LOST_AT_ONCE] = p.PREPARING
        rows[phase, t.FATAL] = p.CLOSED
    for phase in (p.FLUSHING, p.ENDING):
        rows[phase, t.LOST] = rows[phase, t.LOST_AT_ONCE] = rows[phase, t.FATAL] = p.CLOSED
    return rows


SESSION: Final = Table(
    "session",
    Phase.IDLE,
    _session(),
    {
        Phase.IDLE: "the session has not been started",
        Phase.PREPARING: "no connection has been asked for yet",
        Phase.DIALLING: "the connection is not open yet",
        Phase.AUTHENTICATING: "the connection is open, the provider has not accepted it yet",
        Phase.READY: "the session is ready already",
        Phase.HANGING_UP: "the connection is being ended",
        Phase.BACKING_OFF: "there is no connection",
        Phase.FLUSHING: "the session is stopping",
        Phase.ENDING: "the session is stopping",
        Phase.CLOSED: "the session has ended",
    },
)
"""The lifecycle every connection shares."""
