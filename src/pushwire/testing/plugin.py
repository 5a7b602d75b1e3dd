"""Fixtures for pytest. The plugin is found by itself where pushwire is installed; it is called `pushwire.testing.plugin`.

- `gelabs_sandbox`, `quantcite_sandbox`, `bitpanda_sandbox`, `pusher_sandbox`, `quickpay_sandbox`, `satoriex_sandbox`: a simulated
  provider, see `testing.sandboxes`. The marker `pushwire_sandbox(settings, faults=, seed=)` says how it should be.
- `sandboxes`: opens the sandbox of any provider by its name, also of one that another package declares.
- `memory_network`: a transport without sockets; pass it to `connect(transport=...)`, play the provider with `accept()`.

All are for tests that trio runs: with pytest-trio those marked `trio`, or all of them in its `trio_mode`.

Loading this loads nothing else of pushwire: pytest does so before it measures coverage, and for users who want none of it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

import pytest

if TYPE_CHECKING:
    from ..sandbox.faults import Fault
    from ..shell.memory import MemoryNetwork
    from .other_sandboxes import Sandboxes
    from .sandboxes import (
        BitpandaSandbox,
        GelabsSandbox,
        PusherSandbox,
        QuantciteSandbox,
        QuickPaySandbox,
        SatoriexSandbox,
    )

__all__ = [
    "bitpanda_sandbox",
    "gelabs_sandbox",
    "memory_network",
    "pusher_sandbox",
    "quantcite_sandbox",
    "quickpay_sandbox",
    "sandboxes",
    "satoriex_sandbox",
]

SettingsT = TypeVar("SettingsT")

MARKER: Final = "pushwire_sandbox"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(settings=None, *, faults=(), seed=0): how the test's sandboxes should be; with settings, that of their "
        "provider alone.",
    )


class _Wanted(NamedTuple, Generic[SettingsT]):
    """What a marker says."""

    settings: SettingsT | None = None
    faults: Sequence[Fault | str] = ()
    seed: int = 0


def _wanted(request: pytest.FixtureRequest, kind: type[SettingsT]) -> _Wanted[SettingsT]:
    """What the test's nearest marker for this provider says."""
    _check_trio()
    found: _Wanted[SettingsT] = _Wanted()
    node: pytest.Item = request.node
    for mark in node.iter_markers(MARKER):
        said: _Wanted[SettingsT] = _Wanted(*mark.args, **mark.kwargs)
        if said.settings is None or type(said.settings) is kind:
            found = said
            break
    return found


def _check_trio() -> None:
    import trio

    if not trio.lowlevel.in_trio_run():
        raise pytest.UsageError("the fixtures of pushwire are for tests that trio runs")


@pytest.fixture
async def gelabs_sandbox(request: pytest.FixtureRequest) -> AsyncGenerator[GelabsSandbox]:
    """A gelabs that keeps what it is told to `push` until it is ACKed."""
    from ..sandbox.gelabs_settings import GelabsSettings
    from .sandboxes import gelabs_sandbox as opened

    settings, faults, seed = _wanted(request, GelabsSettings)
    async with opened(settings, faults=faults, seed=seed) as sandbox:
        yield sandbox


@pytest.fixture
async def quantcite_sandbox(request: pytest.FixtureRequest) -> AsyncGenerator[QuantciteSandbox]:
    """A QuantCite that sends what it is told to `push` to those who follow the account."""
    from ..sandbox.quantcite_settings import QuantciteSettings
    from .sandboxes import quantcite_sandbox as opened

    settings, faults, seed = _wanted(request, QuantciteSettings)
    async with opened(settings, faults=faults, seed=seed) as sandbox:
        yield sandbox


@pytest.fixture
async def bitpanda_sandbox(request: pytest.FixtureRequest) -> AsyncGenerator[BitpandaSandbox]:
    """A Bitpanda that sends made-up prices of the pairs it is told to `push`."""
    from ..sandbox.bitpanda_settings import BitpandaSettings
    from .sandboxes import bitpanda_sandbox as opened

    settings, faults, seed = _wanted(request, BitpandaSettings)
    async with opened(settings, faults=faults, seed=seed) as sandbox:
        yield sandbox


@pytest.fixture
async def pusher_sandbox(request: pytest.FixtureRequest) -> AsyncGenerator[PusherSandbox]:
    """A Pusher that sends what it is told to `publish`."""
    from ..sandbox.pusher_settings import PusherSettings
    from .sandboxes import pusher_sandbox as opened

    settings, faults, seed = _wanted(request, PusherSettings)
    async with opened(settings, faults=faults, seed=seed) as sandbox:
        yield sandbox


@pytest.fixture
async def quickpay_sandbox(request: pytest.FixtureRequest) -> AsyncGenerator[QuickPaySandbox]:
    """A QuickPay that sends the events it is told to `publish`."""
    from ..sandbox.quickpay_settings import QuickPaySettings
    from .sandboxes import quickpay_sandbox as opened

    settings, faults, seed = _wanted(request, QuickPaySettings)
    async with opened(settings, faults=faults, seed=seed) as sandbox:
        yield sandbox


@pytest.fixture
async def satoriex_sandbox(request: pytest.FixtureRequest) -> AsyncGenerator[SatoriexSandbox]:
    """A SatoriEx that sends the events it is told to `push`."""
    from ..sandbox.satoriex_settings import SatoriexSettings
    from .sandboxes import satoriex_sandbox as opened

    settings, faults, seed = _wanted(request, SatoriexSettings)
    async with opened(settings, faults=faults, seed=seed) as sandbox:
        yield sandbox


@pytest.fixture
async def sandboxes() -> AsyncGenerator[Sandboxes]:
    """Opens sandboxes by the names of their providers, until the test ends."""
    _check_trio()
    import trio

    from .other_sandboxes import Sandboxes

    async with trio.open_nursery() as nursery:
        yield Sandboxes(nursery)
        nursery.cancel_scope.cancel()


@pytest.fixture
async def memory_network() -> MemoryNetwork:
    """A network whose every dial waits for the test's decision."""
    _check_trio()
    from ..shell.memory import MemoryNetwork

    return MemoryNetwork()
