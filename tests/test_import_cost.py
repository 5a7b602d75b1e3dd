"""Importing a provider is cheap: who only needs its values and its machine never loads an event loop, TLS or a database."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("trio", "trio_websocket", "websockets", "httpx2", "httpcore2", "asyncio", "ssl", "sqlite3")


def loaded_by(statement: str) -> set[str]:
    """Which heavy modules a fresh interpreter has after `statement`."""
    program = f"import sys; {statement}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(answer.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import pushwire",
        "import pushwire.errors",
        "import pushwire.core.session",
        "import pushwire.providers.gelabs",
        "from pushwire import gelabs; gelabs.Config",
    ],
)
def test_importing_what_decides_loads_nothing_that_acts(statement: str) -> None:
    assert loaded_by(statement) == set()


@pytest.mark.parametrize("name", ["connect", "open_api", "TokenKeeper"])
def test_the_http_library_is_not_loaded_before_the_first_request(name: str) -> None:
    assert loaded_by(f"import pushwire; pushwire.{name}").isdisjoint({"httpx2", "httpcore2"})


def test_a_heavy_import_would_be_noticed() -> None:
    assert "trio" in loaded_by("import trio")
