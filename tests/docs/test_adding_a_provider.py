"""The provider that `docs/adding-a-provider.md` builds, installed as a package of its own: what the page says of it is so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Generator
from pathlib import Path
from typing import Final

import pytest
from trio.testing import MockClock

from pushwire import connect, providers, registry
from pushwire.errors import LocalProtocolError
from pushwire.testing.other_sandboxes import Sandboxes
from tests.docs.pages import blocks, page

PAGE: Final = page("adding-a-provider.md")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder to import from, with the page's module and what an installation would have written beside it."""
    (tmp_path / "tides.py").write_text("\n".join(block.text for block in blocks(PAGE, "python")), encoding="utf-8")
    (declared,) = blocks(PAGE, "toml")
    groups = tomllib.loads(declared.text)["project"]["entry-points"]
    info = tmp_path / "tides-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tides\nVersion: 1.0\n", encoding="utf-8")
    lines = [f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in found.items()) for group, found in groups.items()]
    (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


@pytest.fixture
def environment(package: Path) -> dict[str, str]:
    """For processes that have it installed."""
    path = os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "TIDES_KEY": "any"}


@pytest.fixture
def url(environment: dict[str, str]) -> Generator[str]:
    """Where its sandbox is."""
    command = [sys.executable, "-m", "pushwire", "sandbox", "tides", "--port", "0", "--rate", "200", "--fault", "drop:every=50"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def test_its_messages_are_tailed_through_drops(environment: dict[str, str], url: str) -> None:
    command = [sys.executable, "-m", "pushwire", "tail", "tides", "--url", url, "--subscribe", "Brest", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        kinds: list[str] = []
        for line in process.stdout:
            kinds.append(json.loads(line)["event"])
            if kinds.count("gap") == 2 and kinds[-1] == "level":
                break
        process.kill()
    assert {"up", "level", "down", "gap"} <= set(kinds)


def test_it_is_simulated(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "pushwire", "simulate", "tides", "--seed", "1", "--runs", "20", "--workers", "1"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_doctor_examines_it(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "pushwire", "doctor", "tides", "--sandbox"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


async def test_its_sandbox_is_opened_in_tests(
    package: Path, monkeypatch: pytest.MonkeyPatch, sandboxes: Sandboxes, autojump_clock: MockClock
) -> None:
    monkeypatch.setattr(sys, "path", [str(package), *sys.path])
    monkeypatch.delitem(sys.modules, "tides", raising=False)
    sandbox = await sandboxes.open("tides", rate=5)
    async with connect(sandbox.config, **sandbox.in_memory) as stream:
        for command in sandbox.commands:
            await stream.call(command)
        async for event in stream:
            if type(event).__name__ == "Level":
                break
    assert sandbox.simulated.sent()


def test_it_is_named_with_the_others(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(package), *sys.path])
    assert registry.names() == (*providers.NAMES, "tides")
    with pytest.raises(LocalProtocolError, match="tides"):
        registry.load("nobody")


@pytest.mark.parametrize(
    "module, why",
    [
        ("raise ImportError('no such library')", "cannot be loaded from tides:TIDES: no such library"),
        ("", "cannot be loaded from tides:TIDES: module 'tides' has no attribute 'TIDES'"),
        ("TIDES = 1", "is no Provider of this name"),
        ("from pushwire.providers import load; TIDES = load('gelabs')", "is no Provider of this name"),
    ],
)
def test_a_package_that_does_not_have_what_it_declares_is_refused(
    package: Path, monkeypatch: pytest.MonkeyPatch, module: str, why: str
) -> None:
    (package / "tides.py").write_text(module, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(package), *sys.path])
    monkeypatch.delitem(sys.modules, "tides", raising=False)
    with pytest.raises(LocalProtocolError, match=why):
        registry.load("tides")


def test_it_may_not_take_the_name_of_one_of_ours(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = package / "tides-1.0.dist-info" / "entry_points.txt"
    file.write_text(file.read_text(encoding="utf-8").replace("tides = ", "gelabs = "), encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(package), *sys.path])
    assert registry.names() == providers.NAMES
    assert registry.load("gelabs").config.__module__ == "pushwire.providers.gelabs.config"
