"""The server of these tests itself: it answers, publishes, and comes back on its port."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soketi import npm
from tests.soketi.server import Soketi


async def test_it_comes_back_on_the_same_port(soketi: Soketi) -> None:
    before = soketi.url
    await soketi.restart()
    await soketi.restart(kill=True)
    assert soketi.url == before
    await soketi.publish("news", "greeting", "hello")
    assert await soketi.channels() == {}


def test_without_node_a_test_is_skipped_and_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(npm.REQUIRED, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pytest.skip.Exception, match="node is not installed"):
        npm.needed(Path(__file__).parent)


def test_without_node_a_test_fails_where_nothing_may_be_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(npm.REQUIRED, "1")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pytest.fail.Exception, match="node is not installed"):
        npm.needed(Path(__file__).parent)


def test_an_installation_that_fails_says_so_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home, package = tmp_path / "home", tmp_path / "package"
    package.mkdir()
    for name in ("package.json", "package-lock.json"):
        (package / name).write_text("{", encoding="utf-8")
    monkeypatch.setenv(npm.HOME, str(home))
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("node", "npm"):
        (programs / name).write_text("#!/bin/sh\necho no such package >&2\nexit 1\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/bin:/usr/bin")
    with pytest.raises(npm.Missing, match="no such package"):
        npm.installed(package)
    assert list(home.iterdir()) == []
