"""The sandboxes by their providers' names: one builder each, which is all that a command must know of a provider."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from importlib.metadata import entry_points
from random import Random
from typing import Final, TypeVar
from urllib.parse import urlsplit

import attrs

from ..core.secrets import Secret
from ..errors import ConfigError
from ..providers import pusher, quickpay, satoriex
from ..providers.bitpanda import PRICES
from ..providers.quickpay.messages import MessageEvent
from ..providers.quickpay.signing import read_private_key
from ..registry import load
from ..sandbox.bitpanda import BitpandaServer
from ..sandbox.bitpanda_settings import BitpandaSettings
from ..sandbox.faults import parse_faults
from ..sandbox.gelabs import GelabsServer
from ..sandbox.gelabs_settings import GelabsSettings
from ..sandbox.pusher import PusherServer
from ..sandbox.pusher_rooms import is_cache
from ..sandbox.pusher_settings import PusherSettings
from ..sandbox.quantcite import QuantciteServer
from ..sandbox.quantcite_settings import QuantciteSettings
from ..sandbox.quickpay import QuickPayServer
from ..sandbox.quickpay_events import event_id
from ..sandbox.quickpay_settings import QuickPaySettings
from ..sandbox.satoriex import SatoriexServer
from ..sandbox.satoriex_settings import SatoriexSettings
from ..sandbox.simulated import MADE_UP, Builder, Simulated, Wanted
from .settings import collect, read_fields, read_pairs

__all__ = ["BUILDERS", "accepted_secrets", "simulate"]

SettingsT = TypeVar("SettingsT", bound=attrs.AttrsInstance)

GROUP: Final = "pushwire.sandboxes"
"""The entry points of builders for providers that do not come with pushwire."""
MERCHANT: Final = "merchant_001"


def accepted_secrets(provider: str) -> Mapping[str, Secret]:
    """The secrets in the provider's environment variables, by fields of its config; without those that are not set.

    Raises `ConfigError` for a file that cannot be read, `LocalProtocolError` for an unknown provider.
    """
    found = {field: Secret.find(variable) for field, variable in _variables(provider).items()}
    return {field: secret for field, secret in found.items() if secret is not None}


def _variables(provider: str) -> Mapping[str, str]:
    known = load(provider)
    return {**known.secrets, **known.optional_secrets}


def simulate(provider: str, wanted: Wanted) -> Simulated:
    """The sandbox of `provider`. Raises `ConfigError` naming all that is wrong with what is wanted."""
    builder = BUILDERS.get(provider) or _installed(provider)
    # Without a seed it is one from the system: two sandboxes should differ.
    rng = Random(wanted.seed)
    problems: list[str] = []
    simulated = builder(wanted, rng, problems)
    faults = collect(problems, parse_faults, wanted.faults)
    if simulated is None or faults is None or problems:
        raise ConfigError(problems)
    return simulated.disturbed(faults, rng)


def _installed(provider: str) -> Builder:
    """What the package of another provider declares."""
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if provider not in found:
        raise ConfigError([f"there is no sandbox for {provider!r}; there are: {', '.join((*BUILDERS, *sorted(found)))}"])
    try:
        builder: Builder = found[provider].load()
    except (ImportError, AttributeError) as error:
        raise ConfigError([f"the sandbox of {provider!r} cannot be loaded from {found[provider].value}: {error}"]) from error
    return builder


def _read(
    kind: type[SettingsT], provider: str, wanted: Wanted, problems: list[str], accepts: Mapping[str, str], **made: object
) -> SettingsT | None:
    """The settings of a sandbox. Its rate comes from elsewhere, and so does what is `made`.

    `accepts` names, for fields that say what is accepted, the secret of a client's config: that one alone is, any where it is
    not set.
    """
    variables = _variables(provider)
    elsewhere = {"rate": "is set by --rate", **dict.fromkeys(made, "follows from the environment")}
    for field, name in accepts.items():
        elsewhere[field] = f"comes from the environment variable {variables[name]}, never from an argument"
        made[field] = wanted.secrets.get(name)
    fields = read_fields(kind, read_pairs(wanted.settings, problems), problems, elsewhere=elsewhere)
    return collect(problems, kind, **fields, **made, rate=wanted.rate)


def _http(url: str) -> str:
    """The sandbox's HTTP side, which is on the port of its WebSocket."""
    return f"http://{urlsplit(url).netloc}"


def _quantcite(wanted: Wanted, rng: Random, problems: list[str]) -> Simulated | None:
    settings = _read(QuantciteSettings, "quantcite", wanted, problems, {"keys": "api_key"})
    if settings is None:
        return None
    server = QuantciteServer(settings, rng)
    return Simulated(
        machine=server,
        stop=server.stop,
        sent=server.sent,
        subscribed=lambda: server.subscribed,
        expire=lambda token, now: server.expire(),
        leaves=False,
        specs=["bybit:deposits,withdrawals,spot_orders"],
    )


def _bitpanda(wanted: Wanted, rng: Random, problems: list[str]) -> Simulated | None:
    settings = _read(BitpandaSettings, "bitpanda", wanted, problems, {"tokens": "token"})
    if settings is None:
        return None
    server = BitpandaServer(settings, rng)
    return Simulated(
        machine=server,
        stop=server.stop,
        sent=lambda: server.sent,
        subscribed=lambda: [topic for conn in server.connections for topic in server.topics(conn)],
        expire=lambda token, now: server.tokens.revoke(token),
        distinct=False,
        specs=[PRICES],
    )


def _gelabs(wanted: Wanted, rng: Random, problems: list[str]) -> Simulated | None:
    settings = _read(GelabsSettings, "gelabs", wanted, problems, {"keys": "api_key"})
    if settings is None:
        return None
    server = GelabsServer(settings, rng)
    return Simulated(
        machine=server,
        stop=server.stop,
        sent=lambda: {message.identity: message.at for message in server.messages.values()},
        unacked=lambda: [message.identity for message in server.unacked()],
        subscribed=lambda: server.subscribed,
        exact=settings.ack_scope == "message",
    )


def _pusher(wanted: Wanted, rng: Random, problems: list[str]) -> Simulated | None:
    accepts = {name: name for name in ("secret", "encryption_master_key")}
    settings = _read(PusherSettings, "pusher", wanted, problems, accepts)
    if settings is None:
        return None
    server = PusherServer(settings, rng)
    cached: set[Hashable] = set()

    def serial(event: object) -> Hashable | None:
        if not isinstance(event, pusher.ChannelEvent) or not isinstance(event.data, dict):
            return None
        found = event.data.get("serial")
        if not isinstance(found, int) or found in cached:
            return None
        if is_cache(event.channel):
            # Such a channel says its last event again to whoever subscribes: that is no second delivery.
            cached.add(found)
        return found

    return Simulated(
        machine=server,
        stop=server.stop,
        sent=lambda: {sent.serial: sent.at for sent in server.sent},
        key=serial,
        subscribed=lambda: server.channels,
        distinct=False,
        specs=["news", "private-orders", "presence-desk", "cache-prices"],
        settings=lambda url: [f"auth_url={_http(url)}{settings.auth_path}"],
    )


def _quickpay(wanted: Wanted, rng: Random, problems: list[str]) -> Simulated | None:
    private = wanted.secrets.get("private_key")
    made = {} if private is None else {"public_key": collect(problems, _public_key, private)}
    settings = _read(QuickPaySettings, "quickpay", wanted, problems, {"api_keys": "api_key", "tokens": "jwt"}, **made)
    if settings is None:
        return None
    server = QuickPayServer(settings, rng)

    def known(event: object) -> Hashable | None:
        return event.event_id if isinstance(event, MessageEvent) else None

    return Simulated(
        machine=server,
        stop=server.stop,
        sent=lambda: {event_id(sent.serial): sent.at for sent in server.sent},
        key=known,
        subscribed=lambda: server.channels,
        distinct=False,
        specs=[f"{kind}:{MERCHANT}" for kind in ("merchant", "payments", "notifications")] + [quickpay.TEST_CHANNEL],
        settings=lambda url: [f"api_url={_http(url)}"],
        secrets={"jwt": MADE_UP},
    )


def _public_key(private: Secret) -> str:
    """What verifies the tokens of whoever has this key, in PEM form. Raises `ConfigError`."""
    try:
        key = read_private_key(private)
    except ConfigError as error:
        raise ConfigError([f"private_key: {problem}" for problem in error.problems]) from None
    if key is None:
        raise ConfigError(["private_key: is a secret's placeholder"])
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _satoriex(wanted: Wanted, rng: Random, problems: list[str]) -> Simulated | None:
    settings = _read(SatoriexSettings, "satoriex", wanted, problems, {"tokens": "token"})
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
        subscribed=lambda: [topic for conn in server.connections for topic in server.topics(conn)],
        expire=server.revoke,
        distinct=False,
        answers=False,
        leaves=False,
        specs=[f"{kind}:{market}" for market in settings.markets for kind in ("market", "marketdata")],
    )


BUILDERS: Final[Mapping[str, Builder]] = {
    "quantcite": _quantcite,
    "bitpanda": _bitpanda,
    "gelabs": _gelabs,
    "pusher": _pusher,
    "quickpay": _quickpay,
    "satoriex": _satoriex,
}
