"""The relay's TOML file: which streams go to which sink. Every wrong field is named at once, and no secret stands in it.

ledger = "ledger.db"

[sink]
kind = "sqlite"
path = "events.db"

[streams.wallets]
provider = "gelabs"
subscribe = ["ethereum:0x..."]
settings = { resend_cap = 3600 }
secrets = { api_key = { file = "/run/secrets/gelabs" } }
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

import attrs

from ..core.acks import AckConfig
from ..core.commands import AnyCommand
from ..core.config import path as is_path
from ..core.provider import Provider, ProviderConfig, config_from_settings
from ..core.secrets import PLACEHOLDER, Secret
from ..errors import ConfigError, LocalProtocolError
from ..registry import load
from ..shell.connect import AckStreamConfig
from ..shell.proxy import proxy_of
from .lanes import Limits
from .loop import Timing
from .serving import HttpSettings
from .sink_settings import AnySinkSettings, FileSinkSettings, sink_settings
from .sinks.base import ListedSink
from .tables import SecretFrom, as_table, structure

__all__ = ["RelayConfig", "StreamSettings", "parse", "read", "twice_stored"]


@attrs.frozen
class StreamSettings:
    """One stream, ready to be opened."""

    name: str
    config: ProviderConfig
    commands: Sequence[AnyCommand]
    unidentified: str = "it is not known which of them have an id"
    """Which of its messages have no idempotency key, as `Provider.unidentified` says."""
    accept_duplicates: bool = False
    """Whether several relays may bring it though each stores what has no key."""
    proxy: str | Secret | None = None
    """The URL of the proxy on the way to the provider."""

    @property
    def acks(self) -> bool:
        """Whether its provider wants ACKs."""
        return isinstance(self.config, AckStreamConfig)


@attrs.frozen
class RelayConfig:
    """What a file says. `ledger` is the path of the ACK ledger's SQLite file, None where no stream needs one."""

    streams: Sequence[StreamSettings]
    sink: AnySinkSettings
    ledger: str | None
    limits: Limits
    timing: Timing
    http: HttpSettings | None = None

    @property
    def active_active(self) -> bool:
        """Whether other relays bring the same streams at the same time."""
        return self.sink.active_active

    @property
    def horizon(self) -> float:
        """Seconds within which a provider may send again what it has sent; 0 where none does."""
        configs = (stream.config for stream in self.streams)
        return max((config.resend_cap + config.resend_margin for config in configs if isinstance(config, AckConfig)), default=0.0)

    def make_sink(self) -> ListedSink:
        """The sink, not open."""
        return self.sink.make(self.horizon)


@attrs.frozen(kw_only=True)
class _Stream:
    provider: str
    subscribe: tuple[str, ...] = ()
    settings: Mapping[str, object] = attrs.field(factory=dict[str, object])
    secrets: Mapping[str, object] = attrs.field(factory=dict[str, object])
    accept_duplicates: bool = False
    proxy: str | None = None


_KNOWN: Final = ("ledger", "sink", "limits", "timing", "http", "streams")


def read(path: str | os.PathLike[str]) -> RelayConfig:
    """The config in a file. Raises `OSError`, and `ConfigError` naming all that is wrong."""
    try:
        found = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except RecursionError:
        raise ConfigError([f"{os.fspath(path)}: nested too deeply"]) from None
    except ValueError as error:
        # TOML that is none, text that is not UTF-8, a number of thousands of digits.
        raise ConfigError([f"{os.fspath(path)}: {error}"]) from None
    return parse(found)


def parse(found: Mapping[str, object]) -> RelayConfig:
    """The config in a decoded file. Secrets are read. Raises `ConfigError` naming all that is wrong."""
    problems = [f"{name}: there is no such setting; there are: {', '.join(_KNOWN)}" for name in found if name not in _KNOWN]
    sink = sink_settings(found.get("sink", {}), problems)
    limits = structure("limits", found.get("limits", {}), Limits, problems)
    timing = structure("timing", found.get("timing", {}), Timing, problems)
    http = structure("http", found["http"], HttpSettings, problems) if "http" in found else None
    streams: list[StreamSettings] = []
    ledger = found.get("ledger")
    if ledger is not None and (wrong := is_path(ledger)) is not None:
        problems.append(f"ledger: {wrong}")
    try:
        tables = as_table(found.get("streams", {}))
    except TypeError:
        tables = {}
    if not tables:
        problems.append("streams: there must be one at least, as [streams.NAME]")
    for name, table in tables.items():
        stream = _stream(name, table, problems)
        if stream is not None:
            streams.append(stream)
    problems += _conflicts(streams, sink, ledger)
    if problems or sink is None or limits is None or timing is None:
        raise ConfigError(problems)
    return RelayConfig(streams, sink, ledger if isinstance(ledger, str) else None, limits, timing, http)


def _conflicts(streams: Sequence[StreamSettings], sink: AnySinkSettings | None, ledger: object) -> list[str]:
    problems: list[str] = []
    acked = [stream.name for stream in streams if stream.acks]
    if acked and ledger is None:
        problems.append(f"ledger: is needed: what {', '.join(acked)} has ACKed must be known after a restart")
    if isinstance(sink, FileSinkSettings) and isinstance(ledger, str) and is_path(ledger) is None and _same(ledger, sink.path):
        problems.append("ledger: must be another file than the sink's")
    if sink is not None and sink.active_active:
        problems += twice_stored(streams)
    names: dict[str, str] = {}
    for stream in streams:
        other = names.setdefault(stream.config.namespace, stream.name)
        if stream.acks and other != stream.name:
            problems.append(f"streams.{stream.name}: is the same account at the same place as {other}")
    return problems


def _same(path: str, other: str) -> bool:
    return os.path.realpath(path) == os.path.realpath(other)


def twice_stored(streams: Sequence[StreamSettings]) -> list[str]:
    """What speaks against several relays that bring these streams at the same time."""
    return [
        f"streams.{stream.name}: {stream.config.provider} is at least once, since {stream.unidentified}: with active_active each "
        "relay stores the same message. accept_duplicates = true says that whoever reads the sink knows"
        for stream in streams
        if stream.unidentified and not stream.accept_duplicates
    ]


def _stream(name: str, table: object, problems: list[str]) -> StreamSettings | None:
    place = f"streams.{name}"
    wanted = structure(place, table, _Stream, problems)
    if wanted is None:
        return None
    try:
        provider = load(wanted.provider)
    except LocalProtocolError as error:
        problems.append(f"{place}.provider: {error}")
        return None
    before = len(problems)
    secrets = _secrets(place, provider, wanted.secrets, problems)
    settings = _settings(place, wanted.settings, problems)
    config = None
    try:
        config = config_from_settings(provider, settings, secrets)
    except ConfigError as error:
        problems += (f"{place}.{problem}" for problem in error.problems)
    proxy = None
    try:
        proxy = proxy_of(wanted.proxy, "proxy")
    except ConfigError as error:
        problems += (f"{place}.{problem}" for problem in error.problems)
    commands: list[AnyCommand] = []
    for spec in wanted.subscribe:
        try:
            commands.append(provider.parse_spec(spec))
        except LocalProtocolError as error:
            problems.append(f"{place}.subscribe: {error}")
    return (
        None
        if config is None or len(problems) > before
        else StreamSettings(name, config, commands, provider.unidentified, wanted.accept_duplicates, proxy)
    )


def _secrets(place: str, provider: Provider, named: Mapping[str, object], problems: list[str]) -> Mapping[str, Secret] | None:
    """Those that the file says where to find, and else those of the provider's own variables; None: these alone."""
    variables = {**provider.secrets, **provider.optional_secrets}
    if not named:
        return None
    found: dict[str, Secret] = {}
    for field, variable in variables.items():
        secret = None
        try:
            secret = Secret.find(variable)
        except ConfigError as error:
            problems += (f"{place}.{field}: {problem}" for problem in error.problems)
        if secret is not None:
            found[field] = secret
    for field, value in named.items():
        where = f"{place}.secrets.{field}"
        if field not in variables:
            problems.append(f"{where}: there is no such secret; there are: {', '.join(variables)}")
            continue
        # It lets the other fields be checked too.
        found[field] = Secret(PLACEHOLDER)
        if not isinstance(value, dict):
            problems.append(f"{where}: must be {{ env = NAME }} or {{ file = PATH }}, never the secret itself")
            continue
        source = structure(where, cast("object", value), SecretFrom, problems)
        try:
            found[field] = found[field] if source is None else source.get()
        except ConfigError as error:
            problems += (f"{where}: {problem}" for problem in error.problems)
    return found


def _settings(place: str, named: Mapping[str, object], problems: list[str]) -> Mapping[str, str]:
    """Those of the provider, as texts."""
    found: dict[str, str] = {}
    for field, value in named.items():
        try:
            found[field] = _as_text(value)
        except RecursionError:
            # Dots in the name of a key make tables, one within the other, without the decoder's noticing.
            problems.append(f"{place}.{field}: nested too deeply")
    return found


def _as_text(value: Any) -> str:  # whatever TOML holds
    """A setting as the command line would have it."""
    return value if isinstance(value, str) else json.dumps(value, default=str)
