"""Close tables: what each way a connection can end means for the next dial. One table a provider, as data."""

from __future__ import annotations

import enum
from typing import Final

import attrs

from .effects import Close

__all__ = ["COMMON_ROWS", "Action", "CloseTable", "Row"]


class Action(enum.Enum):
    """What to do after a close."""

    FATAL = "end the session"
    REFRESH = "get a new credential once, then end the session"
    AT_ONCE = "dial at once, once per stable connection"
    BACK_OFF = "dial after the back-off"
    HONOUR = "dial after the back-off, no sooner than Retry-After"


@attrs.frozen
class Row:
    """A range of close codes (`http=False`) or HTTP statuses of a refused handshake (`http=True`), both ends included."""

    first: int
    last: int
    action: Action
    why: str
    http: bool = False
    credential: bool = False
    """It is the credential that was refused."""


@attrs.frozen
class CloseTable:
    """Rows, the first that matches counts. What none matches, transport errors among it, is `default`."""

    rows: tuple[Row, ...]
    default: Action = Action.BACK_OFF

    def action(self, close: Close) -> Action:
        """The action for `close`. A close by ourselves or by the transport never matches a row for the peer's codes."""
        row = self.row(close)
        return self.default if row is None else row.action

    def row(self, close: Close) -> Row | None:
        """The row that matches, None for the default."""
        number = close.status if close.status is not None else close.code
        if number is None or (close.status is None and close.by != "peer"):
            return None
        http = close.status is not None
        return next((row for row in self.rows if row.http is http and row.first <= number <= row.last), None)


COMMON_ROWS: Final = (
    Row(429, 429, Action.HONOUR, "too many requests", http=True),
    Row(500, 599, Action.HONOUR, "the provider has a problem of its own", http=True),
)
"""Rows every provider shares (RFC 9110)."""
