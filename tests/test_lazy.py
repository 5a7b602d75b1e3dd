"""A lazy package loads what is asked for, and nothing else."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Generator
from pathlib import Path
from types import ModuleType

import pytest

import pushwire
from pushwire import sandbox
from pushwire.providers import NAMES

INIT = """
from pushwire.lazy import lazily
here = 1
__all__ = ["apple", "here", "peach", "pear", "tools"]
__getattr__, __dir__ = lazily(__name__, __all__, "fruits", "inner.tools", homes={"orchard": ["pear"]})
"""
FILES = {
    "__init__.py": INIT,
    "fruits.py": "__all__ = ['apple', 'plum']\napple, plum, peach = 'apple', 'plum', 'not ours'",
    "orchard.py": "__all__ = ['pear']\npear = 'pear'",
    "inner/__init__.py": "",
    "inner/tools.py": "__all__ = ['peach']\npeach = 'peach'",
}


@pytest.fixture
def pantry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[ModuleType]:
    for name, text in FILES.items():
        path = tmp_path / "pantry" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield importlib.import_module("pantry")
    for name in [name for name in sys.modules if name.partition(".")[0] == "pantry"]:
        del sys.modules[name]


def loaded() -> set[str]:
    return {name.removeprefix("pantry.") for name in sys.modules if name.startswith("pantry.")}


def test_nothing_is_loaded_before_it_is_asked_for(pantry: ModuleType) -> None:
    assert pantry.here == 1
    assert loaded() == set()


def test_a_name_whose_home_is_known_loads_that_alone(pantry: ModuleType) -> None:
    assert pantry.pear == "pear"
    assert loaded() == {"orchard"}


def test_another_name_is_found_in_the_first_module_that_exports_it(pantry: ModuleType) -> None:
    assert pantry.apple == "apple"
    assert loaded() == {"fruits"}
    assert pantry.peach == "peach"
    assert loaded() == {"fruits", "inner", "inner.tools"}


def test_a_module_is_found_by_the_end_of_its_name(pantry: ModuleType) -> None:
    assert pantry.tools is sys.modules["pantry.inner.tools"]
    assert loaded() == {"inner", "inner.tools"}


def test_what_was_found_is_not_looked_for_again(pantry: ModuleType) -> None:
    assert "pear" not in vars(pantry)
    found: object = pantry.pear
    assert vars(pantry)["pear"] is found


@pytest.mark.parametrize("name", ["cherry", "plum"])
def test_no_other_name_is_there_and_none_is_looked_for(pantry: ModuleType, name: str) -> None:
    with pytest.raises(AttributeError, match=f"module 'pantry' has no attribute '{name}'") as caught:
        getattr(pantry, name)
    assert (caught.value.name, caught.value.obj) == (name, pantry)
    assert loaded() == set()


def test_a_public_name_that_no_module_has_is_missing(pantry: ModuleType) -> None:
    vars(pantry)["__all__"].append("ghost")
    assert not hasattr(pantry, "ghost")


def test_all_names_are_listed_loaded_or_not(pantry: ModuleType) -> None:
    assert dir(pantry) == ["apple", "here", "peach", "pear", "tools"]


@pytest.mark.parametrize(
    "package",
    [pushwire, sandbox, *(importlib.import_module(f"pushwire.providers.{name}") for name in NAMES)],
    ids=lambda package: package.__name__,
)
def test_every_public_name_is_there(package: ModuleType) -> None:
    assert [name for name in package.__all__ if not hasattr(package, name)] == []
