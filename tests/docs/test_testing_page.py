"""The tests that `docs/testing-your-code.md` shows pass, in a run of their own, and fail in the way that it shows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import trio
from trio.testing import MockClock

import pushwire
from pushwire import gelabs
from pushwire.testing import gelabs as build
from pushwire.testing.scripted import Accept, Drop, Expect, Gone, ScriptedPeer, ScriptFailed, Send, Wait
from pushwire.testing.steps import Step
from tests.docs.pages import ROOT, blocks, page

PAGE: Final = page("testing-your-code.md")
TEXT: Final = PAGE.read_text(encoding="utf-8")

CONFTEST: Final = """
from hypothesis import settings
pytest_plugins = ["pushwire.testing.plugin"]
settings.register_profile("page", max_examples=10, deadline=None, derandomize=True, database=None)
settings.load_profile("page")
"""


async def record(journal: Path) -> None:
    """A night with two transactions and a cut between them."""
    script = [
        Accept(),
        *(Send(message) for message in (build.connected(), build.push(tx_hash="0x1"))),
        Expect({"type": "transactionACK"}),
        Wait(10),
        Drop(),
        Accept(),
        *(Send(message) for message in (build.connected(), build.push(tx_hash="0x2"))),
        Expect({"type": "transactionACK"}),
        Drop(),
    ]
    config = gelabs.Config(api_key=pushwire.Secret("any"))
    async with (
        ScriptedPeer(script).play() as peer,
        pushwire.connect(config, transport=peer.in_memory["transport"], journal=journal) as stream,
    ):
        async for event in stream:
            if isinstance(event, gelabs.Transaction):
                await stream.ack(event)
            if isinstance(event, gelabs.Down) and peer.finished:
                break


def test_the_pages_tests_pass(tmp_path: Path) -> None:
    trio.run(record, tmp_path / "night.journal", clock=MockClock(autojump_threshold=0))
    (tmp_path / "test_page.py").write_text("\n".join(block.text for block in blocks(PAGE, "python")), encoding="utf-8")
    (tmp_path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\naddopts = --strict-markers\n", encoding="utf-8")
    path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_page.py"]
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{TEXT.count('def test_')} passed" in done.stdout


async def test_a_failure_says_what_the_page_shows(autojump_clock: MockClock) -> None:
    script = [
        Accept(),
        Send({"id": "msg-1", "type": "connected", "code": 0}),
        Expect({"type": "unsubscribe", "id": "$id"}),
        Gone(),
    ]
    with pytest.raises(ScriptFailed) as caught:
        async with (
            ScriptedPeer(script).play() as peer,
            pushwire.connect(gelabs.Config(api_key=pushwire.Secret("any")), **peer.in_memory) as stream,
        ):
            await stream.call(gelabs.Subscribe("0xabc", "ethereum"))
    (shown,) = blocks(PAGE, "text")
    assert f"{caught.value}\n" == shown.text


def test_the_pages_script_can_be_read(tmp_path: Path) -> None:
    (shown,) = blocks(PAGE, "json")
    file = tmp_path / "script.jsonl"
    file.write_text(shown.text, encoding="utf-8")
    assert len(ScriptedPeer.load(file).steps) == len(shown.text.splitlines()) - 1
    assert json.loads(shown.text.splitlines()[0]) == {"transcript": 1}


def test_the_page_names_every_step() -> None:
    kinds = [kind.__name__ for kind in Step.__subclasses__()]
    table = TEXT[TEXT.index("| step |") :]
    assert [kind for kind in kinds if f"`{kind}(" not in table] == []
