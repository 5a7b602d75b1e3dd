"""The colours of the drawing, for light and for dark paper, and the classes that take them.

Each mark stands out from its paper by 3:1 at least, text by 4.5:1 (WCAG 2.2, 1.4.11 and 1.4.3). They are written out for both,
since not every program that shows an SVG knows variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..core.machine import Phase
from .course import Wait

__all__ = ["DARK", "LIGHT", "PHASES", "WAITS", "css"]

LIGHT: Final[Mapping[str, str]] = {
    "paper": "#ffffff",
    "line": "#d0d7de",
    "text": "#1f2328",
    "good": "#1a7f37",
    "under-way": "#9a6700",
    "waiting": "#bc4c00",
    "quiet": "#6e7781",
    "bad": "#cf222e",
    "one": "#0969da",
    "two": "#8250df",
    "three": "#9a6700",
}
DARK: Final[Mapping[str, str]] = {
    "paper": "#0d1117",
    "line": "#30363d",
    "text": "#e6edf3",
    "good": "#3fb950",
    "under-way": "#d29922",
    "waiting": "#f0883e",
    "quiet": "#8b949e",
    "bad": "#f85149",
    "one": "#58a6ff",
    "two": "#bc8cff",
    "three": "#d29922",
}
PHASES: Final[Mapping[Phase, str]] = {
    Phase.IDLE: "quiet",
    Phase.PREPARING: "under-way",
    Phase.DIALLING: "under-way",
    Phase.AUTHENTICATING: "under-way",
    Phase.READY: "good",
    Phase.HANGING_UP: "quiet",
    Phase.BACKING_OFF: "waiting",
    Phase.FLUSHING: "quiet",
    Phase.ENDING: "quiet",
    Phase.CLOSED: "quiet",
}
WAITS: Final[Mapping[Wait, str]] = {Wait.PONG: "one", Wait.REPLY: "two", Wait.ARRIVAL: "three"}

ALWAYS: Final = """
text{font:12px system-ui,sans-serif}
.title{font-weight:600;font-size:15px}
.end{text-anchor:end}
.middle{text-anchor:middle}
.sharp{shape-rendering:crispEdges}
.shade{opacity:.15}
.range{opacity:.5;stroke-width:1.5}
.mean{stroke-width:4;stroke-linecap:round}
"""


def css() -> str:
    """The style sheet."""
    return f"{ALWAYS}{_coloured(LIGHT)}@media (prefers-color-scheme:dark){{\n{_coloured(DARK)}}}\n"


def _coloured(colours: Mapping[str, str]) -> str:
    """A class that fills, for each colour, and one for strokes."""
    fills = (f".{name}{{fill:{colour}}}\n.{name}-line{{stroke:{colour};fill:none}}\n" for name, colour in colours.items())
    return f"text{{fill:{colours['text']}}}\n{''.join(fills)}"
