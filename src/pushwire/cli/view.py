"""The live view as a picture: what a moment looks like. It follows from the snapshot and the size of the screen alone.

What peers wrote is text here and no markup, and no character of theirs moves the cursor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import attrs
from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from ..core.describing import Line, duration
from ..core.machine import Phase
from .output import as_text
from .rates import sparkline

__all__ = ["Row", "Snapshot", "render", "room"]

LAST: Final = "last error"
COLUMNS: Final = ("connection", "state", "rate", "messages", "lag", "un-ACKed", "reconnects", LAST)
"""Of the table, from left to right."""
NEEDED: Final = ("connection", "state", "rate", LAST, "un-ACKed", "reconnects", "lag", "messages")
"""The same, the most needed first."""
WORDS: Final = frozenset({"connection", "state", LAST})
"""Columns that hold no numbers."""
WIDTHS: Final = {"state": 16, "rate": 7, "lag": 7}
"""At least: columns must not come and go with what stands in them."""
GAP: Final = 2
"""Between columns."""
STYLES: Final[Mapping[Phase, str]] = {
    Phase.READY: "green",
    Phase.IDLE: "dim",
    Phase.BACKING_OFF: "bold red",
    Phase.CLOSED: "dim",
    Phase.ENDING: "dim",
    Phase.FLUSHING: "dim",
}
"""Of states; the others are under way."""
UNDER_WAY: Final = "yellow"
EVENTS: Final = 20
"""Lines of events, at most."""
FEW: Final = 3
"""Lines of events that the sparklines make room for."""

SHORT: Final = 5
"""Seconds that a sparkline tells of, at least."""
BESIDE: Final = 18
"""Columns that the largest number takes, and what is between the columns."""


@attrs.frozen
class Row:
    """One connection. `rate` is messages a second, `lag` seconds, `next_dial` seconds from now, `history` messages in each second
    of the last minute; `phase` None: it has not begun, `unacked` None: its provider wants no ACKs."""

    name: str
    phase: Phase | None
    rate: float = 0.0
    messages: int = 0
    lag: float | None = None
    unacked: int | None = None
    reconnects: int = 0
    error: str = ""
    next_dial: float | None = None
    silent: int = 0
    """Topics that were reported as stale."""
    history: Sequence[float | None] = ()


@attrs.frozen
class Snapshot:
    """A moment. `elapsed` is seconds; `events` are the last ones, the newest at the end; `warning` is what the library logged."""

    title: str
    elapsed: float
    rows: Sequence[Row]
    events: Sequence[Line] = ()
    warning: str = ""


def room(rows: int, height: int) -> tuple[bool, int]:
    """Whether a screen of `height` lines has room for the sparklines of so many connections, and for how many events."""
    without = height - rows - 4
    beside = without - rows - 2
    return (True, min(EVENTS, beside)) if beside >= FEW else (False, max(0, min(EVENTS, without)))


def render(snapshot: Snapshot, width: int, height: int) -> RenderableType:
    """All of it, in at most `height` lines, unless the table alone has more."""
    sparklines, events = room(len(snapshot.rows), height)
    parts: list[RenderableType] = [_title(snapshot), Text(), _table(snapshot.rows, width)]
    if sparklines:
        parts += (Text(), _line("messages a second, over the last minute", "dim"), _sparklines(snapshot.rows, width))
    if events:
        parts.append(Text())
        parts += (_line(as_text(line)) for line in snapshot.events[-events:])
    return Group(*parts)


def _title(snapshot: Snapshot) -> Text:
    title = Text(no_wrap=True, overflow="ellipsis")
    title.append(snapshot.title, style="bold")
    title.append(f"  {_clock(snapshot.elapsed)}  Ctrl-C ends it", style="dim")
    if snapshot.warning:
        title.append(f"  {_plain(snapshot.warning)}", style="bold yellow")
    return title


def _table(rows: Sequence[Row], width: int) -> Table:
    cells = [_cells(row) for row in rows]
    table = Table(box=None, expand=True, pad_edge=False, padding=(0, GAP, 0, 0))
    shown = _fitting(cells, width)
    for name in shown:
        # What went wrong gets the width that is left, and is cut where that is not enough.
        rest = 1 if name == LAST else None
        justify: JustifyMethod = "left" if name in WORDS else "right"
        table.add_column(name, justify=justify, no_wrap=True, overflow="ellipsis", ratio=rest, min_width=WIDTHS.get(name))
    for row in cells:
        table.add_row(*(row[name] for name in shown))
    return table


def _cells(row: Row) -> Mapping[str, Text]:
    return {
        "connection": Text(row.name),
        "state": _state(row),
        "rate": Text(f"{_number(row.rate)}/s"),
        "messages": Text(f"{row.messages:,}"),
        "lag": Text("" if row.lag is None else duration(row.lag)),
        "un-ACKed": Text("" if row.unacked is None else f"{row.unacked:,}"),
        "reconnects": Text(f"{row.reconnects:,}"),
        LAST: Text(_plain(row.error), style="red"),
    }


def _fitting(rows: Sequence[Mapping[str, Text]], width: int) -> Sequence[str]:
    """The columns that have room, in their order; those that are needed most are the last to go."""
    kept: list[str] = []
    for name in NEEDED:
        wide = len(name) if name == LAST else max(len(name), *(row[name].cell_len for row in rows), WIDTHS.get(name, 0)) + GAP
        width -= wide
        if width < 0 and kept:
            break
        kept.append(name)
    return [name for name in COLUMNS if name in kept]


def _state(row: Row) -> Text:
    if row.phase is None:
        return Text("starting", style="dim")
    state = Text(row.phase.value, style=STYLES.get(row.phase, UNDER_WAY))
    if row.next_dial is not None:
        state.append(f", {max(0.0, row.next_dial):.0f} s")
    if row.silent:
        state.append(f", {row.silent:,} stale", style="yellow")
    return state


def _sparklines(rows: Sequence[Row], width: int) -> Table:
    names = max(len(row.name) for row in rows)
    # Where not all of the minute has room, the last of it does.
    seconds = max(SHORT, width - names - BESIDE)
    grid = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(3):
        grid.add_column(no_wrap=True, overflow="ellipsis")
    for row in rows:
        most = max((number for number in row.history if number is not None), default=0.0)
        grid.add_row(Text(row.name), Text(sparkline(row.history[-seconds:]), style="cyan"), Text(f"at most {_number(most)}"))
    return grid


def _line(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _number(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 or number == 0 else f"{number:.1f}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def _plain(text: str) -> str:
    """In one line, without what a terminal would obey."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())
