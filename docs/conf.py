"""The documentation as a site: `nox -s docs`, or `sphinx-build -W docs build/site`."""

from __future__ import annotations

import re
import sys
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent / "site"))

project = "pushwire"
author = "pushwire contributors"
release = version_of("pushwire")
html_title = f"pushwire {release}"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinxcontrib_trio",
    "contents",
    "diagrams",
]
html_theme = "furo"
html_static_path: list[str] = []
exclude_patterns = ["site", "deploy", "_build"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_type_aliases = {name: name for name in ("Expected", "Json", "Message")}
"""Aliases that name themselves."""
autodoc_default_options = {"members": True, "show-inheritance": True}
# What a package exports has a second name in the module that it comes from; either link leads to it.
suppress_warnings = ["ref.python"]


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", _code)
    app.connect("autodoc-process-signature", _aliases)


def _code(app: Sphinx, kind: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Docstrings mark code as Markdown does, also over the end of a line."""
    lines[:] = re.sub(r"(?<!`)`([^`]+)`(?!`)", r"\\ ``\1``\\ ", "\n".join(lines)).split("\n")


def _aliases(
    app: Sphinx, kind: str, name: str, thing: object, options: object, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """An alias within a type is shown by its name."""
    return _named(signature), _named(returned)


def _named(text: str | None) -> str | None:
    return None if text is None else re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", text)
