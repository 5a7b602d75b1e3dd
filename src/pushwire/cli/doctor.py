"""`pushwire doctor`: each step from a provider's name to a message, with its time, and what to do about the one that fails."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import attrs
import trio

from ..core.describing import encode
from ..core.secrets import Secret
from ..doctor.habits import HABITS, STRANGER
from ..doctor.run import examine
from ..doctor.steps import Chart, Finding, Verdict
from ..registry import load
from ..sandbox.server import serve
from ..sandbox.simulated import MADE_UP, Wanted
from .output import Output
from .running import Ending
from .sandboxes import simulate
from .target import Target, target

if TYPE_CHECKING:
    from .doctor_table import DoctorTable

__all__ = ["Doctor", "as_text"]

RATE: Final = 10.0
"""Messages a second of a sandbox."""

FAILED: Final = 1
MISUSED: Final = 2

_WIDTH: Final = max(len(verdict.value) for verdict in Verdict)


@attrs.define
class Doctor:
    """One run of the command. `spec` None: what the provider has for anybody; `wait` is seconds."""

    provider: str
    url: str | None
    settings: Sequence[str]
    spec: str | None
    wait: float
    proxy: str | Secret | None
    sandbox: bool
    json: bool

    async def __call__(self, ending: Ending) -> int:
        """Print the steps as they end. Returns 1 where one failed, 2 where that was by what was asked for.

        Raises `ConfigError` naming all that is wrong with the settings, and `OSError` of standard output.
        """
        async with self._goal() as (goal, spec):
            with self._table() as table:
                chart = await self._examine(goal, spec, table)
        return MISUSED if chart.misused else FAILED if chart.failed else 0

    async def _examine(self, goal: Target, spec: str | None, table: DoctorTable | None) -> Chart:
        output = Output()
        # Findings must not wait for a reader; there are as many as steps.
        send, receive = trio.open_memory_channel[Finding](math.inf)
        tell: Callable[[Finding], None] = send.send_nowait if table is None else table.add
        command = goal.commands[0] if goal.commands else None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._print, output, receive)
            with send:
                return await examine(goal.config, command, tell, asked=spec or "", wait=self.wait, proxy=self.proxy)

    async def _print(self, output: Output, findings: trio.MemoryReceiveChannel[Finding]) -> None:
        async for finding in findings:
            await output.write([as_json(self.provider, finding)] if self.json else as_text(finding))

    @asynccontextmanager
    async def _goal(self) -> AsyncGenerator[tuple[Target, str | None]]:
        """Whom to examine, and the spelling of what to subscribe to; a sandbox is served meanwhile."""
        if not self.sandbox:
            spec = HABITS.get(self.provider, STRANGER).spec if self.spec is None else self.spec
            yield self._target(spec, url=self.url, settings=self.settings), spec
            return
        simulated = simulate(self.provider, Wanted(RATE))
        async with serve(simulated.machine) as server:
            spec = next(iter(simulated.specs), None) if self.spec is None else self.spec
            secrets = {**dict.fromkeys(load(self.provider).secrets, MADE_UP), **simulated.secrets}
            settings = (*simulated.settings(server.url), *self.settings)
            goal = self._target(spec, url=server.url, settings=settings, secrets=secrets)
            yield goal, spec

    def _target(
        self, spec: str | None, *, url: str | None, settings: Sequence[str], secrets: dict[str, Secret] | None = None
    ) -> Target:
        return target(self.provider, url=url, settings=settings, specs=[] if spec is None else [spec], secrets=secrets)

    def _table(self) -> contextlib.AbstractContextManager[DoctorTable | None]:
        if self.json or not sys.stdout.isatty():
            return contextlib.nullcontext()
        from .doctor_table import DoctorTable

        return DoctorTable(self.provider)


def as_json(provider: str, finding: Finding) -> str:
    """One object a step."""
    return encode(
        {
            "provider": provider,
            "step": finding.step.value,
            "verdict": finding.verdict.value,
            "ms": None if finding.seconds is None else round(finding.seconds * 1000, 1),
            "detail": finding.detail,
            "trouble": None if finding.trouble is None else finding.trouble.value,
            "advice": finding.advice or None,
        }
    )


def as_text(finding: Finding) -> Sequence[str]:
    """For people: the step, and in a line of its own what to do."""
    parts = (f"{finding.step.value:9} {finding.verdict.value:{_WIDTH}} {elapsed(finding):>10}", finding.detail)
    line = "  ".join(parts).rstrip()
    return [line, f"{'':9} -> {finding.advice}"] if finding.advice else [line]


def elapsed(finding: Finding) -> str:
    """The time of a step, for people; empty where it has none."""
    return "" if finding.seconds is None else f"{finding.seconds * 1000:.1f} ms"
