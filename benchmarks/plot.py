"""A plot of ratios as SVG: a bar for each, on a logarithmic scale, to the right of the line where it is better than the peer.

Its colours follow the reader's light or dark theme, so that it can be read on either.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

import attrs

__all__ = ["Bar", "Group", "plot"]

WIDTH: Final = 860
LABELS: Final = 290
"""Where the bars' part begins, and what it leaves for their figures."""
FIGURES: Final = 60
BAR, GAP, TITLE, EDGE = 15, 4, 30, 34
LEAST: Final = 0.25
STYLE: Final = """\
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600 } .tick { fill: #57606a; font-size: 11px; text-anchor: middle } .peer { text-anchor: end }
  .better { fill: #1a7f64 } .worse { fill: #b35900 } .grid { stroke: #d0d7de } .one { stroke: #24292f; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .tick { fill: #9198a1 } .better { fill: #3fb68b } .worse { fill: #e0883f }
    .grid { stroke: #3d444d } .one { stroke: #e6edf3 }
  }"""


@attrs.frozen
class Bar:
    """How many times better than this peer; below 1: worse."""

    peer: str
    times: float


@attrs.frozen
class Group:
    """Bars of one measure."""

    title: str
    bars: Sequence[Bar]


def plot(title: str, groups: Sequence[Group]) -> str:
    """The whole file."""
    most = max((bar.times for group in groups for bar in group.bars), default=1.0)
    top = 2.0 ** math.ceil(math.log2(max(2.0, most)))
    room = WIDTH - LABELS - FIGURES

    def x(times: float) -> float:
        return LABELS + room * (math.log2(max(times, LEAST) / LEAST) / math.log2(top / LEAST))

    marks: list[str] = []
    y = float(EDGE)
    for group in groups:
        marks.append(f'<text class="title" x="12" y="{y + 18:g}">{escape(group.title)}</text>')
        y += TITLE
        for bar in group.bars:
            left, right = sorted((x(1.0), x(bar.times)))
            kind = "better" if bar.times >= 1 else "worse"
            marks.append(f'<text class="peer" x="{LABELS - 10}" y="{y + 12:g}">{escape(bar.peer)}</text>')
            box = f'x="{left:.1f}" y="{y:g}" width="{max(right - left, 1):.1f}" height="{BAR}"'
            marks.append(f'<rect class="{kind}" {box} rx="2"/>')
            marks.append(f'<text x="{right + 6:.1f}" y="{y + 12:g}">{bar.times:.2g}</text>')
            y += BAR + GAP
    grid: list[str] = []
    tick = LEAST
    while tick <= top:
        kind = "one" if tick == 1 else "grid"
        grid.append(f'<line class="{kind}" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{EDGE}" y2="{y:g}"/>')
        grid.append(f'<text class="tick" x="{x(tick):.1f}" y="{y + 16:g}">{tick:g}</text>')
        tick *= 2
    height = y + EDGE
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>\n{STYLE}\n</style>",
            f'<text class="title" x="12" y="20">{escape(title)}</text>',
            *grid,
            *marks,
            "</svg>\n",
        )
    )
