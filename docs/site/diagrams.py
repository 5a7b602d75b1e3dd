"""A Sphinx extension: state diagrams, which the pages hold as Mermaid, become drawings in the page's own colours, light and dark.

Where pages are read as they are, as on a code host, Mermaid draws them. Here Graphviz does, while the site is built, so that no
page loads a script. Node.js and npm must be on PATH; the package is installed beside this file.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from docutils import nodes
from sphinx.errors import ExtensionError

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE: Final = Path(__file__).parent
ROW: Final = re.compile(r"(\[\*\]|\w+) --> (\w+)(?:: (.+))?")
INK: Final = "#010203"
GROUND: Final = "#040506"
COLOURS: Final = {INK: "var(--color-foreground-primary)", GROUND: "var(--color-background-secondary)"}
"""What Graphviz is told, and what stands for it in a page: furo's own variables, which follow the reader's choice."""


def dot(diagram: str) -> str:
    """A Mermaid state diagram in Graphviz's language; several triggers between the same two states share an arrow."""
    begun, *rows = diagram.strip().splitlines()
    assert begun == "stateDiagram-v2", begun
    arrows: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        found = ROW.fullmatch(row.strip())
        if found is None:
            raise ExtensionError(f"not a row of a state diagram: {row}")
        arrows.setdefault((found[1], found[2]), []).append(found[3] or "")
    lines = [
        "digraph {",
        'bgcolor="transparent" nodesep=0.4 ranksep=0.5',
        f'node [shape=box style="rounded,filled" fontsize=11 color="{INK}" fillcolor="{GROUND}"]',
        f'edge [fontsize=10 color="{INK}" arrowsize=0.7]',
        f'node [fontname="sans-serif" fontcolor="{INK}"] edge [fontname="sans-serif" fontcolor="{INK}"]',
        f'"[*]" [shape=circle style=filled fillcolor="{INK}" label="" width=0.15]',
    ]
    for (before, after), triggers in arrows.items():
        label = "\n".join(f" {trigger} " for trigger in triggers)
        lines.append(f"{json.dumps(before)} -> {json.dumps(after)} [label={json.dumps(label)}]")
    return "\n".join([*lines, "}"])


def render(graphs: list[str]) -> list[str]:
    """Each as an `<svg>` element."""
    _install()
    command = ["node", str(HERE / "render.js")]
    done = subprocess.run(command, input=json.dumps(graphs), capture_output=True, text=True, check=False)
    if done.returncode:
        raise ExtensionError(f"diagrams cannot be drawn: {done.stderr.strip()}")
    drawings: list[str] = json.loads(done.stdout)
    return [_adapted(drawing[drawing.index("<svg") :]) for drawing in drawings]


def _adapted(svg: str) -> str:
    for colour, variable in COLOURS.items():
        svg = svg.replace(colour, variable)
    # Attributes know no variables; styles do.
    svg = re.sub(r'(fill|stroke)="(var\([^"]+\))"', r'style="\1: \2"', svg)
    svg = re.sub(r'style="([^"]+)" style="([^"]+)"', r'style="\1; \2"', svg)
    return re.sub(r'<svg width="(\d+)pt" height="\d+pt"', r'<svg style="max-width: 100%; height: auto" width="\1pt"', svg)


def _install() -> None:
    """What `render.js` needs, once, beside it."""
    if not (HERE / "node_modules").exists():
        try:
            subprocess.run(["npm", "ci", "--ignore-scripts", "--silent", "--no-audit", "--no-fund"], cwd=HERE, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise ExtensionError(f"Graphviz, which draws the diagrams, cannot be installed: {error}") from error


def draw(app: Sphinx, doctree: nodes.document) -> None:
    """Put drawings in the place of a page's diagrams."""
    found = [block for block in doctree.findall(nodes.literal_block) if block.get("language") == "mermaid"]
    for block, drawing in zip(found, render([dot(block.astext()) for block in found]) if found else (), strict=True):
        block.replace_self(nodes.raw("", f'<figure class="diagram">{drawing}</figure>', format="html"))


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("doctree-read", draw)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
