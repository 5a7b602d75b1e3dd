"""What goes wrong, at its time: the plan's troubles happen to a world."""

from __future__ import annotations

from functools import partial
from typing import Final

from ..core.config import ConnectionConfig
from .judge import Judge
from .link import Link
from .plan import Plan, Trouble
from .world import World

__all__ = ["schedule"]

RESET: Final = "reset"
SLACK: Final = 5.0
"""Seconds beyond the client's own deadlines within which it must have left a broken connection."""


def schedule(plan: Plan, world: World, judge: Judge) -> None:
    """Put the plan's troubles on the agenda."""
    for trouble in plan.troubles:
        world.agenda.after(trouble.at, partial(_happen, trouble, world, judge))


def _happen(trouble: Trouble, world: World, judge: Judge) -> None:
    world.tell("world", lambda: f"{trouble.kind} for {trouble.seconds:.2f} s")
    link, store, after = world.link, world.store, world.agenda.after
    match trouble.kind:
        case "unreachable":
            world.be_unreachable(trouble.seconds)
            if link is not None:
                link.cut(RESET)
        case "restart" | "goodbye":
            world.restart_server(politely=trouble.kind == "restart")
        case "slow caller":
            world.be_deaf(trouble.seconds)
        case "crash":
            world.crash(trouble.seconds)
        case "expire":
            world.errands.expire(trouble.seconds)
        case "store fails":
            store.failing = True
            after(trouble.seconds, lambda: setattr(store, "failing", False))
        case "store slow":
            store.delay = trouble.seconds / 10
            after(trouble.seconds, lambda: setattr(store, "delay", 0.001))
        case _ if link is None:
            # There is no connection that it could happen to.
            pass
        case "cut":
            link.cut(RESET)
        case "half-open":
            link.vanish()
            after(_patience(world), partial(_check_noticed, world, judge, link, world.agenda.now))
        case "corrupt":
            link.down.damage_next = True
        case "stall up":
            link.up.blocked = True
            after(trouble.seconds, link.up.unblock)
        case "stall down":
            link.down.blocked = True
            after(trouble.seconds, partial(_unblock_down, world, link))


def _unblock_down(world: World, link: Link) -> None:
    if link is not world.link or not world.unread:
        link.down.unblock()


def _check_noticed(world: World, judge: Judge, link: Link, broken: float) -> None:
    """While the caller takes nothing, the peer owes nothing: only one who reads can notice."""
    if link is world.link and world.read_since < broken:
        judge.unnoticed()


def _patience(world: World) -> float:
    """Seconds within which a broken connection must have been left."""
    config = world.subject.config
    assert isinstance(config, ConnectionConfig), "a machine's config"
    return config.ping_interval + config.pong_timeout + config.close_within + SLACK
