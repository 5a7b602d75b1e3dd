"""What the loop asks of its driver. Values only; `loop` says how each is answered."""

from __future__ import annotations

from typing import TypeAlias

import attrs

from .entries import Entry

__all__ = ["Close", "Effect", "GiveUp", "Open", "Settle", "Taking", "Write"]


@attrs.frozen
class Open:
    """Open the sink, within so many seconds. Answered with `opened` or `not_opened`."""

    within: float


@attrs.frozen
class Write:
    """Hand these to the sink, within so many seconds. Answered with `written`, whatever happens."""

    number: int
    partition: str
    entries: tuple[Entry, ...] = attrs.field(repr=lambda entries: f"<{len(entries)} entries>")
    within: float


@attrs.frozen
class Settle:
    """Of one stream: tell its provider that `stored` are durable, and set `refused` aside, each with its reason. Answered with
    `settled`."""

    stream: str
    stored: tuple[Entry, ...] = attrs.field(repr=lambda entries: f"<{len(entries)} entries>")
    refused: tuple[tuple[Entry, str], ...] = attrs.field(repr=lambda entries: f"<{len(entries)} entries>")


@attrs.frozen
class Close:
    """Close the sink, within so many seconds. Answered with `shut`."""

    within: float


@attrs.frozen
class GiveUp:
    """Time is up: cancel what is under way, opening, writing and settling alike. Each is answered all the same."""


@attrs.frozen
class Taking:
    """Take events of this stream, or take no more of them for now."""

    stream: str
    on: bool


Effect: TypeAlias = Open | Write | Settle | Close | GiveUp | Taking
