"""Fixtures for pytest with pytest-trio: name this module in `pytest_plugins`.

- `memory_network`: a transport without sockets; pass it to `connect(transport=...)`, play the provider with `accept()`.
- `gelabs_sandbox`: a simulated gelabs on a real socket; its `config` is ready for `connect`.
"""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator

import attrs

from pytest_trio import trio_fixture

from ..core.secrets import Secret
from ..providers import gelabs
from ..sandbox.gelabs import GelabsServer
from ..sandbox.gelabs_settings import GelabsSettings
from ..sandbox.server import SandboxServer, serve
from ..shell.memory import MemoryNetwork

__all__ = ["GelabsSandbox", "gelabs_sandbox", "memory_network"]


@attrs.frozen
class GelabsSandbox:
    """A simulated gelabs that is being served.

    `machine` is the provider itself: `push` sends a transaction, `messages` and `unacked()` say what became of it. Call
    `server.pump()` after using it, so that what it wants to send is sent.
    """

    machine: GelabsServer
    server: SandboxServer
    config: gelabs.Config


@trio_fixture
async def memory_network() -> MemoryNetwork:
    """A network whose every dial waits for the test's decision."""
    return MemoryNetwork()


@trio_fixture
async def gelabs_sandbox() -> AsyncGenerator[GelabsSandbox, None]:
    """A gelabs that accepts one key, pushes what it is told to, and resends what is not ACKed."""
    key = Secret("sandbox-key")
    machine = GelabsServer(GelabsSettings(keys=(key,)), random.Random(0))
    async with serve(machine) as server:
        yield GelabsSandbox(machine, server, gelabs.Config(api_key=key, url=server.url))
