"""How a connection comes to be authenticated, and what each way it can end means: tables, and nothing that acts on them."""

from __future__ import annotations

import enum
from typing import Final

from ...core.closes import COMMON_ROWS, Action, CloseTable, Row
from ...core.transitions import Table
from .troubles import RATE_LIMITED

__all__ = ["AUTHENTICATION", "CLOSES", "Stage", "StageTrigger"]


class Stage(enum.Enum):
    """Where a connection stands on its way to be authenticated."""

    NONE = "no connection"
    GREETING = "awaiting the greeting"
    AUTHENTICATING = "authenticating"
    AUTHENTICATED = "authenticated"
    REFUSED = "refused"


class StageTrigger(enum.Enum):
    """What moves a connection on."""

    OPENED = "opened, we authenticate"
    OPENED_TO_WAIT = "opened, the peer speaks first"
    GREETED = "welcome without a sign of success"
    ACCEPTED = "welcome with one, or authentication_success"
    REFUSED = "the key is refused"
    LOST = "lost"


def _authentication() -> dict[tuple[Stage, StageTrigger], Stage]:
    s, t = Stage, StageTrigger
    rows = {
        (s.NONE, t.OPENED): s.AUTHENTICATING,
        (s.NONE, t.OPENED_TO_WAIT): s.GREETING,
        (s.GREETING, t.GREETED): s.AUTHENTICATING,
        (s.AUTHENTICATING, t.GREETED): s.AUTHENTICATING,
        # A second welcome says nothing new.
        (s.AUTHENTICATED, t.GREETED): s.AUTHENTICATED,
        # We are hanging up: what else came in the same read changes nothing.
        (s.REFUSED, t.GREETED): s.REFUSED,
        (s.REFUSED, t.ACCEPTED): s.REFUSED,
    }
    for stage in (s.GREETING, s.AUTHENTICATING, s.AUTHENTICATED):
        rows[stage, t.ACCEPTED] = s.AUTHENTICATED
    for stage in (s.GREETING, s.AUTHENTICATING, s.AUTHENTICATED, s.REFUSED):
        rows[stage, t.REFUSED] = s.REFUSED
    for stage in s:
        rows[stage, t.LOST] = s.NONE
    return rows


AUTHENTICATION: Final = Table(
    "quantcite",
    Stage.NONE,
    _authentication(),
    {
        Stage.NONE: "there is no connection",
        Stage.GREETING: "the connection is open already",
        Stage.AUTHENTICATING: "the connection is open already",
        Stage.AUTHENTICATED: "the connection is open already",
        Stage.REFUSED: "the connection is open already",
    },
)

CLOSES: Final = CloseTable(
    (
        Row(401, 401, Action.FATAL, "the API key is wrong", http=True, credential=True),
        Row(403, 403, Action.FATAL, "the API key is not allowed here", http=True, credential=True),
        Row(RATE_LIMITED, RATE_LIMITED, Action.HONOUR, "too many messages"),
        *COMMON_ROWS,
    )
)
"""The documents name no close codes: the one here is an error before the connection is authenticated. `fatal_closes` adds what
turns out to be final."""
