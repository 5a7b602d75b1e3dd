"""The pages of the documentation, and the blocks of code in them.

What lives here: reading them. What a block has to satisfy is said in the tests of its language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

__all__ = ["DOCS", "PAGES", "ROOT", "Block", "block", "blocks", "page"]

ROOT: Final = Path(__file__).parent.parent.parent
DOCS: Final = ROOT / "docs"
PAGES: Final = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "news/README.md")),
    *sorted(DOCS.glob("*.md")),
    *sorted((DOCS / "reference").glob("*.md")),
)
_FENCED: Final = re.compile(
    r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<info>[^\n]*)\n(?P<text>.*?)^(?P=indent)(?P=fence) *$", re.DOTALL | re.MULTILINE
)


@attrs.frozen
class Block:
    """A fenced block. `line` is that of its first line of text, from 1; `number` counts those of its language on the page."""

    page: Path
    line: int
    language: str
    number: int
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def page(name: str) -> Path:
    """By its name, which no other has."""
    (found,) = (path for path in PAGES if path.name == name and path.parent in (ROOT, DOCS))
    return found


def blocks(path: Path, language: str | None = None) -> Iterator[Block]:
    """Those of a page, in order; of one language, or all."""
    text = path.read_text(encoding="utf-8")
    numbers: dict[str, int] = {}
    for found in _FENCED.finditer(text):
        name = found["info"].strip()
        numbers[name] = numbers.get(name, 0) + 1
        if language in (None, name):
            line = text.count("\n", 0, found.start("text")) + 1
            yield Block(path, line, name, numbers[name], found["text"])


def block(name: str, language: str, having: str = "") -> Block:
    """The one block of a page in a language that contains `having`."""
    (found,) = (block for block in blocks(page(name), language) if having in block.text)
    return found
