"""The Python on the pages is typed: whoever copies it gets no complaint from mypy or pyright, both strict."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.docs.pages import blocks, page
from tests.docs.stages import PLAYS
from tests.typing.check_misuse import CHECKERS

GIVEN: Final[Mapping[tuple[str, int], str]] = {
    ("gelabs.md", 2): "tx: gelabs.Transaction, balances: Counter[gelabs.Asset]",
    ("gelabs.md", 4): "body: bytes, headers: Mapping[str, str]",
    ("quickpay.md", 2): "quickpays_public_key: str, request: Request",
    ("quickpay.md", 3): "merchants_public_key: str, api_key: pushwire.Secret, private_key: pushwire.Secret",
    ("stores.md", 1): "stream: AckStream[Event, Transaction, psycopg.Connection[object]], event: Transaction",
    ("stores.md", 2): "store: pushwire.PostgresStore, conninfo: str",
    ("stores.md", 3): "store: pushwire.SqliteStore, stream: AckStream[Event, Transaction, sqlite3.Connection]",
    ("stores.md", 4): "config: gelabs.Config",
    ("streams.md", 1): "config: satoriex.Config",
}
"""What a block speaks of and the page does not make, by the page's name and the number of the block."""

HEAD: Final = """\
# pyright: reportUnusedFunction=false, reportUnusedVariable=false, reportUnusedClass=false, reportUnusedImport=false
# pyright: reportMatchNotExhaustive=false, reportPrivateUsage=false
"""
"""A page shows the events that it is about, and goes on elsewhere with what it makes."""

NEEDED: Final = """\
from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from typing import Protocol

import psycopg
import trio

import pushwire
from pushwire import AckStream, gelabs, satoriex
from pushwire.providers.gelabs import Event, Transaction


class Request(Protocol):
    headers: Mapping[str, str]
    body: bytes
"""
MODULES: Final = {"adding-a-provider.md"}
"""Pages whose blocks make a module: it has what stands in modules alone."""


def as_function(name: str) -> str:
    """The page as a coroutine function, which may await; each block is one within the one before, so that it sees its names."""
    text = ""
    for depth, block in enumerate(blocks(page(name), "python")):
        given = GIVEN.get((name, block.number), "")
        head = f"async def {block.page.stem.replace('-', '_')}_{block.number}({given}) -> None:\n"
        text += textwrap.indent(head, "    " * depth) + textwrap.indent(block.text, "    " * (depth + 1))
    return text


def as_module(name: str) -> str:
    return "".join(block.text for block in blocks(page(name), "python"))


@pytest.mark.parametrize("checker", CHECKERS)
def test_what_the_pages_show_is_typed(tmp_path: Path, checker: str) -> None:
    functions = [as_function(name) for name in PLAYS if name not in MODULES]
    problems: list[str] = []
    for number, text in enumerate(["\n".join([NEEDED, *functions]), *map(as_module, sorted(MODULES))]):
        file = tmp_path / f"pages_{number}.py"
        file.write_text(HEAD + text, encoding="utf-8")
        lines = file.read_text(encoding="utf-8").splitlines()
        problems += [f"{lines[line - 1]}: {told}" for line, told in CHECKERS[checker](file).items()]
    assert problems == []
