"""The sandboxes by their providers' names: one builder each, which is all that a command must know of a provider."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from random import Random
from typing import Final, TypeAlias, TypeVar

import attrs

from ..core.secrets import Secret
from ..errors import ConfigError
from ..providers import load, satoriex
from ..providers.bitpanda import PRICES
from ..sandbox.bitpanda import BitpandaServer
from ..sandbox.bitpanda_settings import BitpandaSettings
from ..sandbox.faults import parse_faults, with_faults
from ..sandbox.gelabs import GelabsServer
from ..sandbox.gelabs_settings import GelabsSettings
from ..sandbox.quantcite import QuantciteServer
from ..sandbox.quantcite_settings import QuantciteSettings
from ..sandbox.satoriex import SatoriexServer
from ..sandbox.satoriex_settings import SatoriexSettings
from .settings import collect, read_fields, read_pairs
from .simulated import Simulated, Wanted

__all__ = ["BUILDERS", "accepted_key", "simulate"]

Builder: TypeAlias = Callable[[Wanted, Random, list[str]], Simulated | None]
SettingsT = TypeVar("SettingsT", bound=attrs.AttrsInstance)


def accepted_key(provider: str) -> Secret | None:
    """The key in the provider's environment variable, None where it is not set.

    Raises `ConfigError` for a file that cannot be read, `LocalProtocolError` for an unknown provider.
    """
    for name in _variables(provider):
        found = Secret.find(name)
        if found is not None:
            return found
    return None


def _variables(provider: str) -> Sequence[str]:
    known = load(provider)
    return (*known.secrets.values(), *known.optional_secrets.values())


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


def _read(kind: type[SettingsT], provider: str, wanted: Wanted, problems: list[str], **secret: object) -> SettingsT | None:
    """The settings of a sandbox; its rate, and its field `secret`, come from elsewhere."""
    elsewhere = {"rate": "is set by --rate"}
    elsewhere |= dict.fromkeys(secret, f"{' or '.join(_variables(provider))} says, never an argument")
    fields = read_fields(kind, read_pairs(wanted.settings, problems), problems, elsewhere=elsewhere)
    return collect(problems, kind, **fields, **secret, rate=wanted.rate)


def _accepted(wanted: Wanted) -> list[Secret] | None:
    return None if wanted.key is None else [wanted.key]


def _quantcite(wanted: Wanted, rng: Random, problems: list[str]) -> Simulated | None:
    settings = _read(QuantciteSettings, "quantcite", wanted, problems, keys=_accepted(wanted))
    if settings is None:
        return None
    server = QuantciteServer(settings, rng)
    return Simulated(
        machine=server,
        stop=server.stop,
        sent=server.sent,
        specs=["bybit:deposits,withdrawals,trades"],
    )


def _bitpanda(wanted: Wanted, rng: Random, problems: list[str]) -> Simulated | None:
    settings = _read(BitpandaSettings, "bitpanda", wanted, problems, tokens=_accepted(wanted))
    if settings is None:
        return None
    server = BitpandaServer(settings, rng)
    return Simulated(machine=server, stop=server.stop, sent=lambda: server.sent, distinct=False, specs=[PRICES])


def _gelabs(wanted: Wanted, rng: Random, problems: list[str]) -> Simulated | None:
    settings = _read(GelabsSettings, "gelabs", wanted, problems, keys=_accepted(wanted))
    if settings is None:
        return None
    server = GelabsServer(settings, rng)
    return Simulated(
        machine=server,
        stop=server.stop,
        sent=lambda: {message.identity: message.at for message in server.messages.values()},
        unacked=lambda: len(server.unacked()),
    )


def _satoriex(wanted: Wanted, rng: Random, problems: list[str]) -> Simulated | None:
    settings = _read(SatoriexSettings, "satoriex", wanted, problems, tokens=_accepted(wanted))
    if settings is None:
        return None
    server = SatoriexServer(settings, rng)

    def serial(event: object) -> Hashable | None:
        return event.fields.get("serial") if isinstance(event, satoriex.Push) else None

    return Simulated(
        machine=server,
        stop=server.stop,
        sent=lambda: {sent.serial: sent.at for sent in server.sent},
        key=serial,
        distinct=False,
        specs=[f"{kind}:{market}" for market in settings.markets for kind in ("market", "marketdata")],
    )


BUILDERS: Final[Mapping[str, Builder]] = {
    "quantcite": _quantcite,
    "bitpanda": _bitpanda,
    "gelabs": _gelabs,
    "satoriex": _satoriex,
}
