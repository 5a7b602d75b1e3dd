"""One story from its seed."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping

import attrs

from ..core.acks import AckSession
from ..core.config import ConnectionConfig
from ..core.machine import Phase
from .agenda import WALL
from .caller import Caller
from .judge import Judge, Violation
from .plan import CHAOS, HEALED, QUIET, Plan, draw
from .story import Story
from .subject import SubjectMaker
from .troubles import schedule
from .world import World

__all__ = ["Outcome", "play"]

DRAIN = 120.0
"""Seconds that what was sent last may take to arrive."""


LEAVING = 20.0
"""Seconds within which what is given back must have been unsubscribed from."""


@attrs.frozen
class Outcome:
    """`violation` is None where all was well; `story` is empty unless it was wanted."""

    violation: str | None
    counts: Mapping[str, int]
    plan: Plan
    story: tuple[str, ...] = ()


def play(make: SubjectMaker, seed: str, *, tell: bool = False) -> Outcome:
    """Let it happen. The same seed and the same `make` are always the same story."""
    rng = random.Random(seed)
    subject = make(random.Random(rng.getrandbits(64)))
    ledger = isinstance(subject.config.machine(rng=random.Random(0), ids=str), AckSession)
    plan = draw(rng, ledger=ledger, distinct=subject.simulated.distinct, answers=subject.simulated.answers)
    story = Story(wanted=tell)
    config = subject.config
    assert isinstance(config, ConnectionConfig), "a machine's config"
    judge = Judge(
        subject.simulated,
        ledger,
        {secret.reveal() for secret in config.secrets},
        config.backoff_cap,
        receipts=plan.receipts is not None,
        held=math.inf if plan.receipts is None else plan.receipts.rows,
        out=math.inf if plan.receipts is None else plan.receipts.out,
    )
    world = World(subject, plan, rng, judge, story)
    caller = Caller(subject, world, plan, rng, judge)
    schedule(plan, world, judge)
    judge.counts.update(trouble.kind for trouble in plan.troubles if trouble.kind != "crash")
    judge.counts["faulty servers"] += bool(plan.faults)
    judge.counts["with receipts"] += plan.receipts is not None
    violation = None
    try:
        _play(world, caller, judge, subject.simulated.stop, hold=plan.hold)
    except Violation as found:
        violation = str(found)
    except Exception as error:
        violation = f"{type(error).__name__}: {error}"
        if tell:
            raise
    judge.counts["seconds"] += round(world.agenda.now)
    if violation is not None:
        story.tell(world.agenda.now, "judge", lambda: violation)
    return Outcome(violation, dict(judge.counts), plan, tuple(story.lines))


def _play(world: World, caller: Caller, judge: Judge, stop: Callable[[], None], *, hold: float) -> None:
    caller.begin()
    world.advance(CHAOS)
    world.calm_down()
    caller.calm_down()
    world.advance(CHAOS + HEALED)
    _check_ready(world)
    judge.healed()
    world.advance(CHAOS + HEALED + QUIET)
    stop()
    over = CHAOS + HEALED + QUIET + DRAIN
    world.advance(over)
    _check_ready(world)
    if caller.subscribed is None:
        raise Violation("never subscribed")
    judge.verdict(world.store.finished(), subscribed=caller.subscribed, well_from=WALL + CHAOS + HEALED, hold=hold)
    judge.at_rest(world.weight())
    caller.leave()
    world.advance(over + LEAVING)
    judge.left()
    world.client.stop(world.agenda.now)
    world.drain()
    world.advance(over + LEAVING + 60.0)
    if not world.client.finished:
        raise Violation("does not end when it is stopped")


def _check_ready(world: World) -> None:
    status = world.client.status()
    if status.phase is not Phase.READY:
        raise Violation(f"{status.phase.value} though nothing went wrong any more: {world.client.failure or status.last_error}")
