"""What is known of a sandbox by whoever need not know which it is: its machine, what it sent, and what a client of it needs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from random import Random
from typing import Any, Final, TypeAlias

import attrs

from ..core.effects import Identity
from ..core.secrets import Secret
from .base import ServerMachine
from .faults import Fault, with_faults

__all__ = ["MADE_UP", "Builder", "Simulated", "Wanted"]

MADE_UP: Final = Secret("of no value: the sandbox takes any")


@attrs.frozen
class Wanted:
    """What a sandbox should be like. `rate` is messages a second; `settings` are `KEY=VALUE` each.

    `secrets`, by the fields of a client's config, are the only ones that are accepted; any, where there is none.
    """

    rate: float
    secrets: Mapping[str, Secret] = attrs.Factory(dict[str, Secret])
    seed: int | None = None
    faults: Sequence[str] = ()
    settings: Sequence[str] = ()


def _identity(event: object) -> Hashable | None:
    """What a ledger knows an event by."""
    identity: object = getattr(event, "identity", None)
    return identity if isinstance(identity, Identity) else None


def _nothing(url: str) -> Sequence[str]:
    return ()


@attrs.frozen(kw_only=True)
class Simulated:
    """A sandbox, not served yet. `stop` ends its generator; `sent` gives what it generated, with the POSIX seconds at which it
    was sent, under what `key` gives for the event; `unacked`, by the same, what no ACK has cleared.

    `subscribed` is what the live connections have subscribed to. `expire` no longer accepts this token, at so many seconds of the
    driver's clock; None: what this provider takes does not expire. `exact`: an ACK clears the very message that it names, and no
    other of its key. `distinct`: whether a message sent twice can be told from two; `answers`: whether commands are answered;
    `leaves`: whether a subscription can be given up.

    The rest is what a client of it needs in the demo: what it subscribes to, its settings (by the URL), and its secrets,
    by field.
    """

    machine: ServerMachine
    stop: Callable[[], None]
    sent: Callable[[], Mapping[Any, float]]  # by any hashable: a mapping of one kind of key is none of another
    key: Callable[[object], Hashable | None] = _identity
    unacked: Callable[[], Collection[Hashable]] = tuple
    subscribed: Callable[[], Collection[Hashable]] = tuple
    expire: Callable[[Secret, float], None] | None = None
    exact: bool = True
    distinct: bool = True
    answers: bool = True
    leaves: bool = True
    specs: Sequence[str] = ()
    settings: Callable[[str], Sequence[str]] = _nothing
    secrets: Mapping[str, Secret] = attrs.Factory(dict[str, Secret])

    def disturbed(self, faults: Sequence[Fault | str], rng: Random) -> Simulated:
        """The same, behind faults. Raises `ConfigError` for one that is none."""
        return attrs.evolve(self, machine=with_faults(self.machine, faults, rng))


Builder: TypeAlias = Callable[[Wanted, Random, list[str]], Simulated | None]
"""Makes a sandbox; all its randomness is from the generator. What is wrong with what is wanted goes into the list, and where that
leaves none, it gives None. The command line finds one for each provider."""
