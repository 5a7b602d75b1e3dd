"""A machine with what its caller wants around it: receipts, and a gate. Built alike for a run and for its replay."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, runtime_checkable

from .effects import Identity, Restored
from .events import Delivery
from .gate import gated
from .holding import Holding
from .holds import HoldLimits, Receivable, acked_already
from .machine import Machine

__all__ = ["Acked", "assembled"]

EventT = TypeVar("EventT")
EventT_co = TypeVar("EventT_co", covariant=True)


class _Config(Protocol[EventT_co]):
    """The config of any provider."""

    def machine(self, *, rng: random.Random, ids: Callable[[], str], restored: Restored | None = None) -> Machine[EventT_co]:
        """The protocol, not started."""
        ...


@runtime_checkable
class Acked(Protocol):
    """The config of a provider that wants ACKs."""

    def acked(self) -> type[Receivable]:
        """The type of the events that are ACKed."""
        ...

    def revive(self, raw: str, identity: Identity, delivery: Delivery, received: float) -> Any:  # one of its events
        """The event that a message held, once more. Raises `ValueError` where it no longer decodes."""
        ...


def assembled(
    config: _Config[EventT],
    *,
    rng: random.Random,
    ids: Callable[[], str],
    restored: Restored,
    receipts: HoldLimits | None = None,
    hold: int | None = None,
) -> Machine[Any]:  # of its events, and those of a gate
    """The machine of `config`: with receipts where there are limits to what is held (its provider must want ACKs), behind a gate
    where `hold` says how many events that may keep."""
    machine: Machine[Any] = config.machine(rng=rng, ids=ids, restored=acked_already(restored))
    if receipts is not None:
        assert isinstance(config, Acked), "its provider wants ACKs"
        machine = Holding(machine, rng=rng, ledgered=config.acked(), revive=config.revive, restored=restored, limits=receipts)
    return machine if hold is None else gated(machine, config, rng=rng, hold=hold)
