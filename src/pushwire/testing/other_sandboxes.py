"""The sandbox of any provider, by its name: ours, and those that other packages declare (`pushwire.sandboxes`).

What is known of such a one is what the command line knows: text. For ours `sandboxes` has more.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Final

import attrs
import trio

from ..cli.sandboxes import simulate
from ..cli.target import target
from ..core.commands import AnyCommand
from ..core.provider import ProviderConfig
from ..registry import load
from ..sandbox.base import ServerMachine
from ..sandbox.faults import Fault
from ..sandbox.server import SandboxServer
from ..sandbox.simulated import MADE_UP, Simulated, Wanted
from .in_memory import InMemory
from .on_demand import OnDemand
from .sandboxes import FIRST_BACKOFF, LONGEST_BACKOFF, Sandbox, served

__all__ = ["AnySandbox", "Sandboxes", "open_sandbox"]

_SETTINGS: Final = (f"backoff_first={FIRST_BACKOFF}", f"backoff_cap={LONGEST_BACKOFF}")


@attrs.frozen
class AnySandbox(Sandbox[ServerMachine, ProviderConfig]):
    """A simulated provider. `commands` are what a client of it subscribes to in a demonstration. `simulated` tells what was
    generated (`sent`), and what no ACK has cleared (`unacked`); its `stop` ends the generator."""

    commands: Sequence[AnyCommand]
    simulated: Simulated


@asynccontextmanager
async def open_sandbox(
    provider: str, *, rate: float = 0.0, settings: Sequence[str] = (), faults: Sequence[Fault | str] = (), seed: int = 0
) -> AsyncGenerator[AnySandbox]:
    """Serve the sandbox of `provider`, which generates `rate` messages a second. `settings` are `KEY=VALUE` each, as for
    `pushwire sandbox --set`. It accepts any credential.

    Raises `ConfigError` naming all that is wrong, for a provider without a sandbox as well.
    """
    simulated = simulate(provider, Wanted(rate, seed=seed, settings=settings))
    secrets = {**dict.fromkeys(load(provider).secrets, MADE_UP), **simulated.secrets}

    def reach(url: str) -> tuple[ProviderConfig, Sequence[AnyCommand]]:
        wanted = (*_SETTINGS, *simulated.settings(url))
        goal = target(provider, url=url, settings=wanted, specs=simulated.specs, secrets=secrets)
        return goal.config, goal.commands

    def made(
        machine: ServerMachine,
        goal: tuple[ProviderConfig, Sequence[AnyCommand]],
        server: SandboxServer,
        options: InMemory,
        trouble: OnDemand,
    ) -> AnySandbox:
        config, commands = goal
        return AnySandbox(machine, config, server, options, trouble, commands, simulated)

    async with served(made, simulated.machine, reach, faults, seed) as sandbox:
        yield sandbox


class Sandboxes:
    """Opens sandboxes that live as long as `nursery`."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery

    async def open(
        self, provider: str, *, rate: float = 0.0, settings: Sequence[str] = (), faults: Sequence[Fault | str] = (), seed: int = 0
    ) -> AnySandbox:
        """As `open_sandbox`, without a block."""
        opener = partial(open_sandbox, provider, rate=rate, settings=settings, faults=faults, seed=seed)
        sandbox: AnySandbox = await self._nursery.start(_keep, opener)
        return sandbox


async def _keep(
    opener: Callable[[], AbstractAsyncContextManager[AnySandbox]], *, task_status: trio.TaskStatus[AnySandbox]
) -> None:
    async with opener() as sandbox:
        task_status.started(sandbox)
        await trio.sleep_forever()
