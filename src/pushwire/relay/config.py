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
from typing import Any, Final, Literal, TypeVar, cast

import attrs
import cattrs

from ..core.commands import AnyCommand
from ..core.config import check_all, checked, count, text
from ..core.provider import Provider, ProviderConfig, config_from_settings
from ..core.secrets import PLACEHOLDER, Secret
from ..core.strict import strict_converter
from ..errors import ConfigError, LocalProtocolError
from ..providers import load
from ..shell.connect import AckStreamConfig
from .lanes import Limits
from .loop import Timing
from .sinks.base import ListedSink

__all__ = ["PostgresSettings", "RelayConfig", "SinkSettings", "StreamSettings", "parse", "read"]

T = TypeVar("T")

POSTGRES_PASSWORD: Final = "PUSHWIRE_POSTGRES_PASSWORD"


@attrs.frozen(kw_only=True)
class SinkSettings:
    """`[sink]` in files. `rotate` (bytes), `zstd` and `remember` (keys) are for JSON lines alone."""

    kind: Literal["jsonl", "sqlite"]
    path: str = attrs.field(metadata=checked(text))
    rotate: int | None = attrs.field(default=None, metadata=checked(lambda value: None if value is None else count(value)))
    zstd: bool = False
    remember: int | None = attrs.field(default=None, metadata=checked(lambda value: None if value is None else count(value)))

    def __attrs_post_init__(self) -> None:
        check_all(self, self._mismatches)

    def _mismatches(self) -> Sequence[str]:
        given = {"rotate": self.rotate is not None, "zstd": self.zstd, "remember": self.remember is not None}
        return [f"{name}: is for jsonl alone" for name, is_given in given.items() if is_given and self.kind != "jsonl"]

    def make(self) -> ListedSink:
        """The sink, not open. Raises `ConfigError` where an extra is not installed."""
        if self.kind == "sqlite":
            from .sinks.sqlite import SqliteSink

            return SqliteSink(self.path)
        from .sinks.jsonl import JsonlSink

        numbers = {name: value for name, value in {"rotate": self.rotate, "remember": self.remember}.items() if value is not None}
        return JsonlSink(self.path, zstd=self.zstd, **numbers)


@attrs.frozen(kw_only=True)
class PostgresSettings:
    """`[sink]` with `kind = "postgres"`. `password` says where it is, as the `secrets` of a stream do; without it it comes from
    PUSHWIRE_POSTGRES_PASSWORD, or libpq finds it by itself."""

    kind: Literal["postgres"]
    conninfo: str = ""
    schema: str = "public"
    password: Mapping[str, object] = attrs.field(factory=dict[str, object])

    def __attrs_post_init__(self) -> None:
        self.make()

    def make(self) -> ListedSink:
        """The sink, not open. Raises `ConfigError` naming all that is wrong."""
        try:
            from .sinks.postgres import PostgresSink
        except ImportError as error:
            raise ConfigError([f"kind: {error}"]) from None
        problems: list[str] = []
        source = _structure("password", self.password, _SecretFrom, problems) if self.password else None
        password = None
        try:
            password = Secret.find(POSTGRES_PASSWORD) if source is None else source.get()
        except ConfigError as error:
            problems += (f"password: {problem}" for problem in error.problems)
        try:
            sink = PostgresSink(self.conninfo, password=password, schema=self.schema)
        except ConfigError as error:
            raise ConfigError([*problems, *error.problems]) from None
        if problems:
            raise ConfigError(problems)
        return sink


@attrs.frozen
class StreamSettings:
    """One stream, ready to be opened."""

    name: str
    config: ProviderConfig
    commands: Sequence[AnyCommand]

    @property
    def acks(self) -> bool:
        """Whether its provider wants ACKs."""
        return isinstance(self.config, AckStreamConfig)


@attrs.frozen
class RelayConfig:
    """What a file says. `ledger` is the path of the ACK ledger's SQLite file, None where no stream needs one."""

    streams: Sequence[StreamSettings]
    sink: SinkSettings | PostgresSettings
    ledger: str | None
    limits: Limits
    timing: Timing


@attrs.frozen(kw_only=True)
class _SecretFrom:
    env: str | None = None
    file: str | None = None

    def get(self) -> Secret:
        if self.env is not None and self.file is None:
            return Secret.env(self.env)
        if self.file is not None and self.env is None:
            return Secret.file(self.file)
        raise ConfigError(["must be { env = NAME } or { file = PATH }"])


@attrs.frozen(kw_only=True)
class _Stream:
    provider: str
    subscribe: tuple[str, ...] = ()
    settings: Mapping[str, object] = attrs.field(factory=dict[str, object])
    secrets: Mapping[str, object] = attrs.field(factory=dict[str, object])


_KNOWN: Final = ("ledger", "sink", "limits", "timing", "streams")
_MARK: Final = "\0"
_CONVERTER: Final = strict_converter()
_CONVERTER.register_structure_hook_func(lambda kind: kind == Mapping[str, object], lambda value, _: _table(value))


def read(path: str | os.PathLike[str]) -> RelayConfig:
    """The config in a file. Raises `OSError`, and `ConfigError` naming all that is wrong."""
    try:
        found = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"{os.fspath(path)}: {error}"]) from None
    return parse(found)


def parse(found: Mapping[str, object]) -> RelayConfig:
    """The config in a decoded file. Secrets are read. Raises `ConfigError` naming all that is wrong."""
    problems = [f"{name}: there is no such setting; there are: {', '.join(_KNOWN)}" for name in found if name not in _KNOWN]
    sink = _sink(found.get("sink", {}), problems)
    limits = _structure("limits", found.get("limits", {}), Limits, problems)
    timing = _structure("timing", found.get("timing", {}), Timing, problems)
    streams: list[StreamSettings] = []
    ledger = found.get("ledger")
    if ledger is not None and text(ledger) is not None:
        problems.append("ledger: must be the path of a file")
    try:
        tables = _table(found.get("streams", {}))
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
    return RelayConfig(streams, sink, ledger if isinstance(ledger, str) else None, limits, timing)


def _sink(value: object, problems: list[str]) -> SinkSettings | PostgresSettings | None:
    try:
        kind = _table(value).get("kind")
    except TypeError as error:
        problems.append(f"sink: {error}")
        return None
    if kind == "postgres":
        return _structure("sink", value, PostgresSettings, problems)
    return _structure("sink", value, SinkSettings, problems)


def _conflicts(streams: Sequence[StreamSettings], sink: SinkSettings | PostgresSettings | None, ledger: object) -> list[str]:
    problems: list[str] = []
    acked = [stream.name for stream in streams if stream.acks]
    if acked and ledger is None:
        problems.append(f"ledger: is needed: what {', '.join(acked)} has ACKed must be known after a restart")
    if isinstance(sink, SinkSettings) and isinstance(ledger, str) and os.path.realpath(ledger) == os.path.realpath(sink.path):
        problems.append("ledger: must be another file than the sink's")
    names: dict[str, str] = {}
    for stream in streams:
        other = names.setdefault(stream.config.namespace, stream.name)
        if stream.acks and other != stream.name:
            problems.append(f"streams.{stream.name}: is the same account at the same place as {other}")
    return problems


def _table(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise TypeError("not a table")
    return cast("dict[str, object]", value)


def _structure(place: str, value: object, kind: type[T], problems: list[str]) -> T | None:
    try:
        return _CONVERTER.structure(_table(value), kind)
    except cattrs.BaseValidationError as error:
        for line in cattrs.transform_error(error, format_exception=_explain):
            what, _, where = line.rpartition(" @ $")
            problems += (f"{place}{where}{part}" for part in what.split(_MARK))
    except TypeError as error:
        problems.append(f"{place}: {error}")
    return None


def _explain(error: BaseException, kind: type | None) -> str:
    """What is wrong, without the value; of a class whose fields do not fit, each of them."""
    if isinstance(error, ConfigError):
        return _MARK.join(f".{problem}" for problem in error.problems)
    if isinstance(error, TypeError | ValueError) and not isinstance(error, cattrs.errors.ForbiddenExtraKeysError):
        return f": {error}"
    return f": {cattrs.v.format_exception(error, kind)}"


def _stream(name: str, table: object, problems: list[str]) -> StreamSettings | None:
    place = f"streams.{name}"
    wanted = _structure(place, table, _Stream, problems)
    if wanted is None:
        return None
    try:
        provider = load(wanted.provider)
    except LocalProtocolError as error:
        problems.append(f"{place}.provider: {error}")
        return None
    before = len(problems)
    secrets = _secrets(place, provider, wanted.secrets, problems)
    config = None
    try:
        settings = {field: _as_text(value) for field, value in wanted.settings.items()}
        config = config_from_settings(provider, settings, secrets)
    except ConfigError as error:
        problems += (f"{place}.{problem}" for problem in error.problems)
    commands: list[AnyCommand] = []
    for spec in wanted.subscribe:
        try:
            commands.append(provider.parse_spec(spec))
        except LocalProtocolError as error:
            problems.append(f"{place}.subscribe: {error}")
    return None if config is None or len(problems) > before else StreamSettings(name, config, commands)


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
        source = _structure(where, cast("object", value), _SecretFrom, problems)
        try:
            found[field] = found[field] if source is None else source.get()
        except ConfigError as error:
            problems += (f"{where}: {problem}" for problem in error.problems)
    return found


def _as_text(value: Any) -> str:  # whatever TOML holds
    """A setting as the command line would have it."""
    return value if isinstance(value, str) else json.dumps(value, default=str)
