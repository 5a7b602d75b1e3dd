"""The providers' sandboxes, as commands use them: a server machine with its faults, and what it knows it sent.

One builder a provider; the commands are the same for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from random import Random
from typing import Final, TypeAlias

import attrs

from ..core.effects import Identity
from ..core.secrets import Secret
from ..errors import ConfigError
from ..providers import load
from ..sandbox.base import ServerMachine
from ..sandbox.faults import parse_faults, with_faults
from ..sandbox.gelabs import GelabsServer
from ..sandbox.gelabs_settings import GelabsSettings
from .settings import collect, read_fields, read_pairs

__all__ = ["Simulated", "Wanted", "accepted_key", "simulate"]


@attrs.frozen
class Wanted:
    """What a sandbox should be like. `rate` is messages a second; `key` None: any key; `settings` are `KEY=VALUE` each."""

    rate: float
    key: Secret | None = None
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
    """A sandbox, not served yet. `stop` ends its generator; `sent` gives what it generated, with the POSIX seconds of that, under
    what `key` gives for the event; `unacked` counts what no ACK has cleared.

    The rest is what a client of it needs in the demo: what it subscribes to, its settings (by the URL), and its secrets,
    by field. `distinct`: whether a message sent twice can be told from two.
    """

    machine: ServerMachine
    stop: Callable[[], None]
    sent: Callable[[], Mapping[Hashable, float]]
    key: Callable[[object], Hashable | None] = _identity
    unacked: Callable[[], int] = int
    distinct: bool = True
    specs: Sequence[str] = ()
    settings: Callable[[str], Sequence[str]] = _nothing
    secrets: Mapping[str, Secret] = attrs.Factory(dict[str, Secret])


def accepted_key(provider: str) -> Secret | None:
    """The key in the provider's environment variable, None where it is not set.

    Raises `ConfigError` for a file that cannot be read, `LocalProtocolError` for an unknown provider.
    """
    known = load(provider)
    for name in (*known.secrets.values(), *known.optional_secrets.values()):
        found = Secret.find(name)
        if found is not None:
            return found
    return None


Builder: TypeAlias = Callable[[Wanted, Random, list[str]], Simulated | None]


def simulate(provider: str, wanted: Wanted) -> Simulated:
    """The sandbox of `provider`. Raises `ConfigError` naming all that is wrong with what is wanted."""
    builder = BUILDERS.get(provider)
    if builder is None:
        raise ConfigError([f"there is no sandbox for {provider!r}; there are: {', '.join(BUILDERS)}"])
    # Without a seed it is one from the system: two sandboxes should differ.
    rng = Random(wanted.seed)
    problems: list[str] = []
    simulated = builder(wanted, rng, problems)
    faults = collect(problems, parse_faults, wanted.faults)
    if simulated is None or faults is None or problems:
        raise ConfigError(problems)
    return attrs.evolve(simulated, machine=with_faults(simulated.machine, faults, rng))


def _gelabs(wanted: Wanted, rng: Random, problems: list[str]) -> Simulated | None:
    elsewhere = {"rate": "is set by --rate", "keys": "come from PUSHWIRE_GELABS_API_KEY, never from an argument"}
    fields = read_fields(GelabsSettings, read_pairs(wanted.settings, problems), problems, elsewhere=elsewhere)
    keys = None if wanted.key is None else [wanted.key]
    settings = collect(problems, GelabsSettings, **fields, keys=keys, rate=wanted.rate)
    if settings is None:
        return None
    server = GelabsServer(settings, rng)
    return Simulated(
        machine=server,
        stop=server.stop,
        sent=lambda: {message.identity: message.at for message in server.messages.values()},
        unacked=lambda: len(server.unacked()),
    )


BUILDERS: Final[Mapping[str, Builder]] = {"gelabs": _gelabs}
