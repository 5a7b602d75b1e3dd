"""The tutorial does what it says: its program, its provider, the kill, and the count."""

from __future__ import annotations

import re
import shlex
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from tests.docs.pages import block

PAGE: Final = "tutorial.md"
URL: Final = "ws://127.0.0.1:8765/"
ENOUGH: Final = 40


@pytest.fixture
def url() -> Generator[str]:
    """Where the page's provider is, on a free port and in a hurry."""
    command = block(PAGE, "console", "pushwire sandbox").text.removeprefix("$ pushwire ").strip()
    for told, done in (("--port 8765", "--port 0"), ("--rate 10", "--rate 200"), ("every=100", "every=30")):
        assert told in command
        command = command.replace(told, done)
    with subprocess.Popen(
        [sys.executable, "-m", "pushwire", *shlex.split(command)], stdout=subprocess.PIPE, text=True
    ) as provider:
        assert provider.stdout is not None
        try:
            yield provider.stdout.readline().strip()
        finally:
            provider.kill()


def test_what_the_tutorial_books_is_there_once_through_a_kill(tmp_path: Path, url: str) -> None:
    program = block(PAGE, "python", "stream.ack").text
    assert URL in program
    book = tmp_path / "book.py"
    book.write_text(program.replace(URL, url).replace("ENOUGH = 200", f"ENOUGH = {ENOUGH}"), encoding="utf-8")

    def run(*, killed: bool) -> None:
        with subprocess.Popen([sys.executable, "-u", book.name], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            if killed:
                assert process.stdout.readline().startswith("Up("), "it has begun"
                process.kill()
            process.stdout.read()
        assert process.returncode == (-signal.SIGKILL if killed else 0)

    run(killed=False)
    run(killed=True)
    run(killed=False)
    (count,) = re.findall(r"execute\(\'(SELECT .+?)\'\)", block(PAGE, "console", "SELECT").text)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as db:
        rows, versions = db.execute(count).fetchone()
    assert rows == versions
    assert rows >= 2 * ENOUGH
