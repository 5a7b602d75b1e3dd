"""Where the connection to the sink stands, as data: the only way its state changes."""

from __future__ import annotations

import enum
from typing import Final

from ..core.transitions import Table

__all__ = ["LINK", "Link", "LinkTrigger"]


class Link(enum.Enum):
    """Where the connection to the sink stands."""

    IDLE = "idle"
    OPENING = "opening"
    OPEN = "open"
    FAILING = "failing"  # an outcome is unknown; other writes have yet to be answered
    MENDING = "mending"  # being closed, to be opened again
    BACKING_OFF = "backing off"
    GIVING_UP = "giving up"  # being opened, and no longer wanted
    CLOSING = "closing"
    CLOSED = "closed"


class LinkTrigger(enum.Enum):
    """What moves the connection to the sink on."""

    START = "start"
    OPENED = "opened"
    FAILED = "could not be opened"
    UNKNOWN = "an outcome is unknown"
    QUIET = "no write under way"
    SHUT = "shut"
    DUE = "back-off over"
    END = "nothing more to hand on"


def _rows() -> dict[tuple[Link, LinkTrigger], Link]:
    s, t = Link, LinkTrigger
    return {
        (s.IDLE, t.START): s.OPENING,
        (s.IDLE, t.END): s.CLOSED,
        (s.OPENING, t.OPENED): s.OPEN,
        (s.OPENING, t.FAILED): s.BACKING_OFF,
        (s.OPENING, t.END): s.GIVING_UP,
        (s.OPEN, t.UNKNOWN): s.FAILING,
        (s.OPEN, t.END): s.CLOSING,
        (s.FAILING, t.UNKNOWN): s.FAILING,
        (s.FAILING, t.QUIET): s.MENDING,
        (s.MENDING, t.SHUT): s.BACKING_OFF,
        (s.MENDING, t.END): s.CLOSING,
        (s.BACKING_OFF, t.DUE): s.OPENING,
        (s.BACKING_OFF, t.END): s.CLOSED,
        (s.GIVING_UP, t.OPENED): s.CLOSING,
        (s.GIVING_UP, t.FAILED): s.CLOSED,
        (s.CLOSING, t.SHUT): s.CLOSED,
    }


LINK: Final = Table(
    "sink",
    Link.IDLE,
    _rows(),
    {
        Link.IDLE: "the loop has not been started",
        Link.OPENING: "the sink is not open yet",
        Link.OPEN: "the sink is open",
        Link.FAILING: "writes are still under way",
        Link.MENDING: "the sink is being closed",
        Link.BACKING_OFF: "the sink is closed",
        Link.GIVING_UP: "the loop is ending",
        Link.CLOSING: "the loop is ending",
        Link.CLOSED: "the loop has ended",
    },
)
"""The life of the connection to the sink."""
