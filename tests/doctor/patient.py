"""An examination in a test: whom to examine, and what was found, by step. Time jumps where a test says after which step."""

from __future__ import annotations

import random
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

import trio
import trio.testing

from pushwire.core.commands import AnyCommand
from pushwire.core.provider import ProviderConfig
from pushwire.core.secrets import Secret
from pushwire.doctor.run import examine
from pushwire.doctor.steps import Finding, Step, Trouble, Verdict, plan
from pushwire.providers import gelabs
from pushwire.sandbox import GelabsServer, GelabsSettings, with_faults
from pushwire.sandbox.base import ServerMachine
from pushwire.shell.entropy import Entropy

KEY: Final = "s3cret-of-the-test"
PATIENCE: Final = 30
"""Seconds until a test that hangs is given up; on a mock clock, more than any deadline."""

Found: TypeAlias = Mapping[Step, Finding]


def server(*faults: str, rate: float = 50.0) -> ServerMachine:
    """A gelabs that accepts `KEY` alone, behind faults."""
    return with_faults(GelabsServer(GelabsSettings(keys=[KEY], rate=rate), random.Random(7)), faults, random.Random(1))


def config(url: str, key: str = KEY) -> gelabs.Config:
    return gelabs.Config(api_key=Secret(key), url=url)


async def examined(
    config: ProviderConfig,
    command: AnyCommand | None = None,
    *,
    asked: str = "asked for",
    wait: float = 30.0,
    tls: ssl.SSLContext | None = None,
    proxy: str | Secret | None = None,
    wall: Callable[[], float] | None = None,
    jump: tuple[trio.testing.MockClock, Step] | None = None,
) -> Found:
    """What an examination finds. With `jump`, time jumps to the next deadline once that step was concluded."""

    told: list[Finding] = []

    def tell(finding: Finding) -> None:
        told.append(finding)
        if jump is not None and finding.step is jump[1]:
            jump[0].autojump_threshold = 0

    entropy = Entropy() if wall is None else Entropy(wall=wall)
    chart = await examine(config, command, tell, asked=asked, wait=wait, tls=tls, proxy=proxy, entropy=entropy)
    assert chart.findings == told
    assert {finding.step for finding in told} == set(plan(token_first=False))
    return {finding.step: finding for finding in told}


def failure(found: Found) -> tuple[Step, Trouble | None, str]:
    """The step that failed, how, and what is shown of it. Nothing before it failed, and nothing behind it was reached."""
    steps = list(found.values())
    (at,) = (place for place, finding in enumerate(steps) if finding.verdict is Verdict.FAILED)
    assert all(finding.verdict is Verdict.NOT_REACHED for finding in steps[at + 1 :])
    assert all(finding.verdict is not Verdict.NOT_REACHED for finding in steps[:at])
    assert steps[at].advice
    return steps[at].step, steps[at].trouble, steps[at].detail


def verdicts(found: Found, steps: Sequence[Step] = tuple(Step)) -> list[str]:
    return [found[step].verdict.value for step in steps]
