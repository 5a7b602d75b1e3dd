"""The plugin as pytest finds it where pushwire is installed: in runs of others, which may want nothing of it."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent.parent


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """An environment with the entry point that pyproject.toml declares."""
    declared: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"][
        "pytest11"
    ]
    info = tmp_path / "site" / "pushwire_again-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pushwire-again\nVersion: 1.0\n", encoding="utf-8")
    lines = "".join(f"{name} = {value}\n" for name, value in declared.items())
    (info / "entry_points.txt").write_text(f"[pytest11]\n{lines}", encoding="utf-8")
    path = os.pathsep.join(filter(None, [str(tmp_path / "site"), str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "PYTEST_ADDOPTS": ""}


def run(folder: Path, environment: dict[str, str], test: str, *arguments: str) -> str:
    """What pytest says of a file."""
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\naddopts = --strict-markers\n", encoding="utf-8")
    (folder / "test_it.py").write_text(test, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments, "test_it.py"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=False)
    return done.stdout + done.stderr


FIVE_LINES: Final = """
import pushwire, pytest
from pushwire import gelabs

@pytest.mark.trio
@pytest.mark.pushwire_sandbox(faults=["duplicate:1"])
async def test_five_lines(gelabs_sandbox, autojump_clock):
    message = gelabs_sandbox.push()
    async with pushwire.connect(gelabs_sandbox.config, **gelabs_sandbox.in_memory, ack="after") as stream:
        async for event in stream:
            if isinstance(event, gelabs.Transaction):
                break
"""


def test_a_users_test_needs_no_more_than_a_marker(tmp_path: Path, installed: dict[str, str]) -> None:
    # Named once more by the user, as where plugins are not looked for.
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["pushwire.testing.plugin"]\n', encoding="utf-8")
    assert "1 passed" in run(tmp_path, installed, FIVE_LINES)


def test_it_is_there_where_plugins_are_not_looked_for_and_one_names_it(tmp_path: Path, installed: dict[str, str]) -> None:
    alone = {**installed, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    assert "1 passed" in run(tmp_path, alone, FIVE_LINES, "-p", "pytest_trio.plugin", "-p", "pushwire.testing.plugin")


UNTOUCHED: Final = """
import asyncio, sys

def test_nothing_was_loaded_but_the_plugin():
    ours = {name for name in sys.modules if name.startswith("pushwire")}
    lazy = {"pushwire", "pushwire.lazy"}
    assert ours == lazy | {"pushwire.testing", "pushwire.testing.plugin"}
    assert not {"trio", "hypothesis", "pytest_trio"} & set(sys.modules)

def test_asyncio_runs_as_ever():
    asyncio.run(asyncio.sleep(0))
"""


def test_who_wants_nothing_of_it_gets_nothing(tmp_path: Path, installed: dict[str, str]) -> None:
    # Nor is anything of pushwire loaded before coverage is measured, which begins behind the plugins.
    alone = {**installed, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    assert "2 passed" in run(tmp_path, alone, UNTOUCHED, "-p", "pushwire.testing.plugin")


ANYIO: Final = """
import pushwire, pytest

@pytest.fixture(params=["trio", "asyncio"])
def anyio_backend(request):
    return request.param

@pytest.mark.anyio
async def test_it(gelabs_sandbox):
    async with pushwire.connect(gelabs_sandbox.config):
        pass
"""


def test_anyio_on_trio_will_do_and_on_asyncio_it_is_said_what_is_wrong(tmp_path: Path, installed: dict[str, str]) -> None:
    said = run(tmp_path, installed, ANYIO, "-p", "no:trio")
    assert "1 passed, 1 error" in said
    assert "the fixtures of pushwire are for tests that trio runs" in said
