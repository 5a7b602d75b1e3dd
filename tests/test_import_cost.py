"""Importing a provider is cheap: who only needs its values and its machine never loads an event loop, TLS or a database."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

from pushwire.providers import NAMES

HEAVY = ("trio", "trio_websocket", "websockets", "httpx2", "httpcore2", "asyncio", "ssl", "sqlite3")
BUILT_ON = {"quickpay": {"pusher"}}
"""Whose providers are part of whose."""
UNUSED = {
    "bitpanda": {"provider"},
    "gelabs": {"provider", "rest", "spellings", "webhook"},
    "pusher": {"provider"},
    "quantcite": {"provider", "replies", "rest"},
    "quickpay": {"provider", "webhook"},
    "satoriex": {"provider", "records", "rest"},
}
"""The modules of each that a stream has no use for: REST, webhooks, what the command line wants to know."""


def modules_after(statement: str) -> set[str]:
    """All modules that a fresh interpreter has after `statement`."""
    program = f"{statement}; import sys; print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(answer.stdout.split())


def loaded_by(statement: str) -> set[str]:
    """Which heavy modules a fresh interpreter has after `statement`."""
    return modules_after(statement).intersection(HEAVY)


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


@pytest.mark.parametrize("provider", NAMES)
def test_importing_a_provider_loads_what_its_stream_needs_and_nothing_of_others(provider: str) -> None:
    loaded = modules_after(f"from pushwire import {provider}; {provider}.Config")
    home = "pushwire.providers"
    others = set(NAMES) - {provider} - BUILT_ON.get(provider, set())
    assert loaded.isdisjoint({f"{home}.{other}" for other in others})
    assert {f"{home}.{provider}.machine", f"{home}.{provider}.config"} <= loaded
    unused = {f"{home}.{provider}.{module}" for module in UNUSED[provider]}
    assert all(map(find_spec, unused))
    assert loaded.isdisjoint(unused)
    assert not any(name.startswith(("pushwire.shell", "pushwire.stores", "pushwire.wire")) for name in loaded)


@pytest.mark.parametrize("name", ["connect", "open_api", "TokenKeeper"])
def test_the_http_library_is_not_loaded_before_the_first_request(name: str) -> None:
    assert loaded_by(f"import pushwire; pushwire.{name}").isdisjoint({"httpx2", "httpcore2"})


def test_a_heavy_import_would_be_noticed() -> None:
    assert "trio" in loaded_by("import trio")
