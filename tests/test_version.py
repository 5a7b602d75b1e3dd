"""The version is the installed package's, and a source tree that was never installed says so."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Generator

import pytest

import pushwire
from pushwire.version import UNKNOWN, release, version


@pytest.fixture
def afresh() -> Generator[None]:
    version.cache_clear()
    yield
    version.cache_clear()


@pytest.mark.usefixtures("afresh")
def test_the_version_is_that_of_the_installed_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", {"pushwire": "1.2.3"}.__getitem__)
    assert pushwire.__version__ == "1.2.3"


@pytest.mark.usefixtures("afresh")
def test_a_tree_that_is_not_installed_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert pushwire.__version__ == UNKNOWN


@pytest.mark.usefixtures("afresh")
@pytest.mark.parametrize(
    "installed, numbers", [("1.2.3", "1.2.3"), ("0.2.0.dev14+g1a2b3c4", "0.2.0"), ("2.0.0rc1", "2.0.0"), (UNKNOWN, "0")]
)
def test_a_peer_is_told_the_numbers_of_a_release(monkeypatch: pytest.MonkeyPatch, installed: str, numbers: str) -> None:
    monkeypatch.setattr(importlib.metadata, "version", {"pushwire": installed}.__getitem__)
    assert release() == numbers
