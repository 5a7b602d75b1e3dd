"""From the open connection to its end: the transition table, and what each way to end means (providers/pusher.md, 1)."""

from __future__ import annotations

import enum
from typing import Final

from ...core.closes import COMMON_ROWS, Action, CloseTable, Row
from ...core.transitions import Table

__all__ = ["CLOSES", "HANDSHAKE", "Stage", "StageTrigger"]


class Stage(enum.Enum):
    """Where a connection stands between its opening and its end."""

    NONE = "no connection"
    GREETING = "awaiting connection_established"
    ESTABLISHED = "established"
    REFUSED = "refused"


class StageTrigger(enum.Enum):
    """What moves a connection on."""

    OPENED = "opened"
    ESTABLISHED = "connection_established"
    ERROR = "pusher:error"
    LOST = "lost"


HANDSHAKE: Final = Table(
    "pusher",
    Stage.NONE,
    {
        (Stage.NONE, StageTrigger.OPENED): Stage.GREETING,
        (Stage.NONE, StageTrigger.LOST): Stage.NONE,
        (Stage.GREETING, StageTrigger.ESTABLISHED): Stage.ESTABLISHED,
        (Stage.GREETING, StageTrigger.ERROR): Stage.REFUSED,
        (Stage.GREETING, StageTrigger.LOST): Stage.NONE,
        # A second greeting says nothing new, and an error closes nothing by itself any more.
        (Stage.ESTABLISHED, StageTrigger.ESTABLISHED): Stage.ESTABLISHED,
        (Stage.ESTABLISHED, StageTrigger.ERROR): Stage.ESTABLISHED,
        (Stage.ESTABLISHED, StageTrigger.LOST): Stage.NONE,
        # We are hanging up: what else came in the same read changes nothing.
        (Stage.REFUSED, StageTrigger.ESTABLISHED): Stage.REFUSED,
        (Stage.REFUSED, StageTrigger.ERROR): Stage.REFUSED,
        (Stage.REFUSED, StageTrigger.LOST): Stage.NONE,
    },
    {
        Stage.NONE: "there is no connection",
        Stage.GREETING: "the connection is open already",
        Stage.ESTABLISHED: "the connection is open already",
        Stage.REFUSED: "the connection is open already",
    },
)

CLOSES: Final = CloseTable(
    (
        Row(4000, 4000, Action.FATAL, "the app takes TLS only: dial wss://"),
        Row(4001, 4001, Action.FATAL, "there is no app with this key", credential=True),
        Row(4003, 4003, Action.FATAL, "the app is disabled"),
        Row(4004, 4004, Action.FATAL, "the app is over its quota of connections"),
        Row(4005, 4005, Action.FATAL, "there is no such path"),
        Row(4006, 4006, Action.FATAL, "the version string is invalid"),
        Row(4007, 4007, Action.FATAL, "the protocol version is not supported"),
        Row(4008, 4008, Action.FATAL, "no protocol version was given"),
        Row(4009, 4009, Action.FATAL, "the connection is not authorised", credential=True),
        Row(4002, 4099, Action.FATAL, "the server says not to come back unchanged"),
        Row(4100, 4199, Action.BACK_OFF, "over capacity, or for another reason to come back later"),
        Row(4200, 4299, Action.AT_ONCE, "the server says to come back at once"),
        Row(4300, 4999, Action.FATAL, "refused, as the reference client takes it"),
        Row(401, 401, Action.FATAL, "not authorised", http=True, credential=True),
        Row(403, 403, Action.FATAL, "not allowed", http=True, credential=True),
        *COMMON_ROWS,
    )
)
