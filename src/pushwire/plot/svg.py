"""The drawing: one band below the other over one axis of time. The same course gives the same text, to the byte.

Peers wrote part of what stands in it: it goes in as text, of which no character is left that XML does not know.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final
from xml.etree import ElementTree

from ..core.describing import duration, moment
from .axis import clock, decades, rates, times
from .course import Course, Wait
from .series import Span
from .style import PHASES, WAITS, css

__all__ = ["draw"]

WIDTH: Final = 960
LEFT: Final = 170
"""Where the axis begins; labels stand before it."""
ACROSS: Final = WIDTH - LEFT - 20
ROW: Final = 18
BAR: Final = 12
"""Height of what is drawn in a row."""
PANEL: Final = 110
"""Height of a graph."""
SPACE: Final = 22
HEAD: Final = 58
THIN: Final = 1.5
"""What is shorter than this is drawn as wide."""
MARKS: Final = 9
"""Of time, at most."""
SOONEST: Final = 1e-5
"""Seconds: what took less is drawn as this."""


def draw(course: Course) -> str:
    """The SVG of a course."""
    return _Drawing(course).text()


class _Drawing:
    def __init__(self, course: Course) -> None:
        self._course = course
        self._seconds = course.length or 1.0
        self._bottom = HEAD
        self._body = ElementTree.Element("g")
        self._panels: list[tuple[float, float]] = []

    def text(self) -> str:
        self._states()
        self._marked_rows()
        self._flow()
        self._waits()
        height = self._bottom + 36
        root = ElementTree.Element(
            "svg", {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {WIDTH} {height}", "role": "img"}
        )
        # By themselves they would be as wide as whatever shows them.
        root.set("width", str(WIDTH))
        root.set("height", str(height))
        headline = f"{self._course.provider or 'no provider'}, {self._when()}"
        _put(root, "title", _clean(headline))
        _put(root, "desc", _clean(self._course.summary))
        _put(root, "style", css())
        _put(root, "rect", width=WIDTH, height=height, kind="paper")
        _put(root, "text", _clean(headline), x=12, y=24, kind="title")
        _put(root, "text", _clean(self._course.summary), x=12, y=43)
        self._time(root)
        root.append(self._body)
        ElementTree.indent(root, "")
        return ElementTree.tostring(root, encoding="unicode") + "\n"

    # What stands above

    def _when(self) -> str:
        course = self._course
        return duration(course.length) if course.wall is None else f"{moment(course.wall)}, {duration(course.length)}"

    # Bands

    def _states(self) -> None:
        for phase, spans in self._course.states.items():
            row = self._row(phase.value)
            for span in spans:
                told = f"{phase.value}, {self._at(span.begin)}, {duration(span.end - span.begin)}"
                self._bar(row, span, told + _several(span), PHASES[phase])
        self._bottom += SPACE - ROW + BAR

    def _marked_rows(self) -> None:
        for label, spans in (("closes", self._course.closes), ("gaps", self._course.gaps), ("trouble", self._course.notices)):
            row = self._row(label)
            for span in spans:
                told = span.note if spans is self._course.gaps else f"{self._at(span.begin)}: {span.note}"
                self._bar(row, span, told + _several(span), "bad")
        self._bottom += SPACE - ROW + BAR

    def _flow(self) -> None:
        flow = self._course.flow
        per_second = [(at, part.received / flow.width, part.sent / flow.width) for at, part in flow]
        end, marks = rates(max((max(received, sent) for _, received, sent in per_second), default=0.0))
        top, bottom = self._panel(f"messages a second, by {duration(flow.width)}")
        middle, scale = (top + bottom) / 2, (bottom - top) / 2 / end
        for at, label in marks:
            for y in {middle - at * scale, middle + at * scale}:
                self._level(y, label)
        for kind, sign, column in (("one", -1, 1), ("two", 1, 2)):
            steps = ((row[0], middle + sign * row[column] * scale) for row in per_second if row[column])
            self._path(f"{kind} sharp", (self._column(at, at + flow.width, middle, y) for at, y in steps))
        self._legend(top, (("in, upwards", "one"), ("out, downwards", "two")))

    def _waits(self) -> None:
        spreads = [spread for bins in self._course.waits.values() for _, spread in bins]
        top, bottom = self._panel("how long it took")
        if not spreads:
            _put(self._body, "text", "nothing was timed", x=LEFT + ACROSS / 2, y=(top + bottom) / 2, kind="middle")
            return
        low = max(SOONEST, min(spread.low for spread in spreads))
        first, last, marks = decades(low, max(low, *(spread.high for spread in spreads)))
        height = (bottom - top) / math.log10(last / first)

        def level(seconds: float) -> float:
            return bottom - math.log10(max(seconds, first) / first) * height

        for seconds, label in marks:
            self._level(level(seconds), label)
        for wait, kind in WAITS.items():
            parts = [(self._x(at + self._course.waits[wait].width / 2), spread) for at, spread in self._course.waits[wait]]
            ranges = (f"M{x:.1f},{level(part.low):.1f}V{level(part.high):.1f}" for x, part in parts if part.high > part.low)
            self._path(f"{kind}-line range", ranges)
            self._path(f"{kind}-line mean", (f"M{x:.1f},{level(part.mean):.1f}h0" for x, part in parts))
        self._legend(top, ((wait.value, WAITS[wait]) for wait in Wait if any(True for _ in self._course.waits[wait])))

    def _time(self, root: ElementTree.Element) -> None:
        """The axis, behind all that is drawn over it; and where messages may be missing."""
        course = self._course
        for at, label in times(self._seconds, course.wall, MARKS):
            x = self._x(at)
            _put(root, "path", d=f"M{x:.1f},{HEAD - 4}V{self._bottom}", kind="line-line sharp")
            _put(root, "text", _clean(label), x=round(x, 1), y=self._bottom + 16, kind="middle")
        told = "seconds since the beginning" if course.wall is None else "time of day, UTC"
        _put(root, "text", told, x=LEFT + ACROSS, y=self._bottom + 31, kind="end")
        for gap in course.gaps:
            x, width = self._wide(gap)
            _put(root, "rect", x=x, y=HEAD - 4, width=width, height=self._bottom - HEAD + 4, kind="bad shade")

    # Parts of bands

    def _row(self, label: str) -> float:
        """A new row with its label; returns its top."""
        top = self._bottom
        self._bottom += ROW
        _put(self._body, "text", label, x=LEFT - 10, y=top + BAR - 2, kind="end")
        _put(self._body, "path", d=f"M{LEFT},{top + BAR}h{ACROSS}", kind="line-line sharp")
        return top

    def _panel(self, label: str) -> tuple[float, float]:
        """A new graph with its label above; returns its top and bottom."""
        top = self._bottom + SPACE
        self._bottom = top + PANEL + SPACE
        _put(self._body, "text", label, x=12, y=top - 9)
        return top, top + PANEL

    def _level(self, y: float, label: str) -> None:
        _put(self._body, "path", d=f"M{LEFT},{y:.1f}h{ACROSS}", kind="line-line sharp")
        _put(self._body, "text", label, x=LEFT - 10, y=round(y + 4, 1), kind="end")

    def _legend(self, top: float, rows: Iterable[tuple[str, str]]) -> None:
        x = LEFT + 60
        for label, kind in rows:
            _put(self._body, "rect", x=x, y=top - 18, width=10, height=10, kind=kind)
            _put(self._body, "text", label, x=x + 15, y=top - 9)
            x += 40 + 7 * len(label)

    def _bar(self, top: float, span: Span, told: str, kind: str) -> None:
        x, width = self._wide(span)
        bar = _put(self._body, "rect", x=x, y=top, width=width, height=BAR, kind=kind)
        _put(bar, "title", _clean(told))

    def _path(self, kind: str, parts: Iterable[str]) -> None:
        drawn = "".join(parts)
        if drawn:
            _put(self._body, "path", d=drawn, kind=kind)

    def _column(self, begin: float, end: float, base: float, y: float) -> str:
        left, right = self._x(begin), self._x(min(end, self._seconds))
        return f"M{left:.1f},{base:.1f}V{y:.1f}H{max(right, left + THIN):.1f}V{base:.1f}Z"

    # Time

    def _x(self, at: float) -> float:
        return LEFT + ACROSS * min(1.0, at / self._seconds)

    def _wide(self, span: Span) -> tuple[float, float]:
        """Left and width of a span. What is too short to be seen is drawn wider, but not over the end."""
        width = max(THIN, self._x(span.end) - self._x(span.begin))
        return round(min(self._x(span.begin), LEFT + ACROSS - width), 1), round(width, 1)

    def _at(self, at: float) -> str:
        wall = self._course.wall
        return duration(at) if wall is None else clock(wall + at, 0.001)


def _put(
    parent: ElementTree.Element, tag: str, text: str | None = None, *, kind: str | None = None, **places: float | str
) -> ElementTree.Element:
    """A new element. `kind` is its class."""
    element = ElementTree.SubElement(parent, tag, {name: str(place) for name, place in places.items()})
    if kind is not None:
        element.set("class", kind)
    element.text = text
    return element


def _several(span: Span) -> str:
    """That there is more than one, where what lies close together has become one."""
    if span.count == 1:
        return ""
    return f" (and {span.count - 1:,} more)"


def _clean(text: str) -> str:
    """Without characters that XML does not know, or that change how the others are read."""
    return "".join(character if character.isprintable() else "�" for character in text)
