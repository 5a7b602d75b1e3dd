"""A Sphinx extension: the list of pages in `index.md`, which reads well as it is, is the site's table of contents as well."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def contents(page: str) -> str:
    """A hidden `toctree` for each section of `page`, with the pages that it links to."""
    trees: list[str] = []
    for section in page.split("\n## ")[1:]:
        caption, _, text = section.partition("\n")
        links = re.findall(r"\]\(([\w/-]+)\.md\)", text)
        trees.append("\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *links, "```"]))
    return "\n\n".join(trees)


def add(app: Sphinx, name: str, source: list[str]) -> None:
    """To the page that is read first."""
    if name == "index":
        source[0] += f"\n{contents(source[0])}\n"


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", add)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
