"""Every block of code on every page is of a language that somebody checks, and stands that check."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import trio

from pushwire.cli.relay import Check
from pushwire.cli.running import Ending
from pushwire.core.secrets import Secret
from pushwire.relay.config import parse
from pushwire.relay.link import LINK
from pushwire.relay.sink_settings import FileSinkSettings
from pushwire.relay.tables import SecretFrom
from tests.docs.commands import problems, written
from tests.docs.pages import PAGES, ROOT, Block, blocks
from tests.packaging.check_package import SEED

SHELL: Final = ("console", "sh")
CHECKED: Final = {
    **dict.fromkeys(SHELL, "test_the_commands_on_the_pages_are_commands_that_there_are"),
    "python": "test_python_blocks",
    "toml": "test_the_settings_on_the_pages_are_settings_that_there_are",
    "json": "test_the_json_on_the_pages_is_json",
    "text": "test_a_transcript_on_a_page_is_of_json",
    "mermaid": "test_a_diagram_is_drawn_from_a_table",
    "{eval-rst}": "sphinx-build, with warnings as errors",
    "{toctree}": "sphinx-build, with warnings as errors",
}
"""Who checks the blocks of a language."""

REST: Final[Mapping[str, Any]] = {
    "ledger": "ledger.db",
    "sink": {"kind": "sqlite", "path": "events.db"},
    "streams": {"any": {"provider": "satoriex"}},
}
"""Of a file of the relay's of which a page shows a part."""


CREDENTIALS: Final = f"""
-----BEGIN NATS USER JWT-----
any
------END NATS USER JWT------
-----BEGIN USER NKEY SEED-----
{SEED}
------END USER NKEY SEED------
"""
"""A secret that will do wherever one is read."""


def of(*languages: str) -> list[Any]:  # pytest's own
    found = [block for page in PAGES for language in languages for block in blocks(page, language)]
    return [pytest.param(block, id=block.place) for block in found]


def of_use_alone() -> list[list[str]]:
    """The commands that need no server, no file and no minutes."""
    found = [words for page in PAGES for language in SHELL for block in blocks(page, language) for words in written(block)]
    return [words for words in found if {"--trace", "--version"} & set(words)]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_block_is_of_a_language_that_is_checked(path: Path) -> None:
    unknown = [f"{block.place}: {block.language or 'no language'}" for block in blocks(path) if block.language not in CHECKED]
    assert unknown == []


@pytest.mark.parametrize("block", of(*SHELL))
def test_the_commands_on_the_pages_are_commands_that_there_are(block: Block) -> None:
    found = list(written(block))
    assert found
    assert [problem for words in found for problem in problems(words)] == []


@pytest.mark.parametrize("words", of_use_alone(), ids=" ".join)
def test_a_command_that_needs_nobody_is_run(words: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout


@pytest.mark.parametrize(
    "line, problem",
    [
        ("pushwire tail nobody", "nobody"),
        ("pushwire tail gelabs --colour", "--colour"),
        ("pushwire tail gelabs --subscribe ethereum", "ethereum"),
        ("pushwire tail gelabs --set resend_capp=3", "resend_capp"),
        ("pushwire sandbox gelabs --fault rain", "rain"),
        ("PUSHWIRE_GELABS_KEY=x pushwire doctor gelabs", "PUSHWIRE_GELABS_KEY"),
        ("pip install 'pushwire[metric]'", "metric"),
        (".venv/bin/nox -s test", "test"),
        ("python missing.py", "missing.py"),
        ("install -m 644 docs/deploy/missing /etc", "docs/deploy/missing"),
        ("systemctl enable missing@wallets", "missing@"),
        ("curl http://127.0.0.1", "curl"),
    ],
)
def test_a_command_that_there_is_not_is_noticed(line: str, problem: str) -> None:
    (words,) = written(Block(ROOT, 1, "sh", 1, line))
    found = problems(words)
    assert len(found) == 1
    assert problem in found[0]


def found_secret(source: SecretFrom) -> Secret:
    return Secret(CREDENTIALS)


@pytest.mark.parametrize("block", of("toml"))
async def test_the_settings_on_the_pages_are_settings_that_there_are(
    block: Block, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, nursery: trio.Nursery
) -> None:
    found = tomllib.loads(block.text)
    if "project" in found:
        return  # what a package declares: `test_adding_a_provider` installs it
    for name in ("GELABS_API_KEY", "BITPANDA_TOKEN", "SATORIEX_TOKEN"):
        monkeypatch.setenv(f"PUSHWIRE_{name}", "any")
    # The files that hold secrets are another machine's.
    monkeypatch.setattr(SecretFrom, "get", found_secret)
    config = parse({**REST, **found})
    assert config.streams
    if isinstance(config.sink, FileSinkSettings):  # the others are on other machines
        monkeypatch.chdir(tmp_path)
        assert await Check(config)(Ending(nursery)) == 0


@pytest.mark.parametrize("block", of("json"))
def test_the_json_on_the_pages_is_json(block: Block) -> None:
    for line in block.text.splitlines():
        json.loads(line)


@pytest.mark.parametrize("block", of("text"))
def test_a_transcript_on_a_page_is_of_json(block: Block) -> None:
    said = [line[2:] for line in block.text.splitlines() if line.startswith(("< ", "> "))]
    assert all(isinstance(json.loads(line), dict) for line in said)


@pytest.mark.parametrize("block", of("mermaid"))
def test_a_diagram_is_drawn_from_a_table(block: Block) -> None:
    drawn_elsewhere = block.page.name == "state-machines.md"  # by docs/build.py, which finds it stale where it is not
    assert drawn_elsewhere or block.text.strip() == LINK.mermaid()
