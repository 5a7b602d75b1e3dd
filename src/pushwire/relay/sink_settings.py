"""`[sink]` of the relay's TOML file: which kind of sink, and its settings.

A new kind is a class here with `kind` and `make`, and a row of `_KINDS`.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias

import attrs

from ..core.config import check_all, checked, count, path
from ..errors import ConfigError
from .sinks.base import ListedSink
from .tables import as_table, secret_from, structure

__all__ = ["AnySinkSettings", "FileSinkSettings", "NatsSettings", "PostgresSettings", "sink_settings"]

POSTGRES_PASSWORD: Final = "PUSHWIRE_POSTGRES_PASSWORD"
NATS_SECRETS: Final = {name: f"PUSHWIRE_NATS_{name.upper()}" for name in ("password", "token", "nkey", "creds")}


@attrs.frozen(kw_only=True)
class FileSinkSettings:
    """`[sink]` in files. `rotate` (bytes), `zstd` and `remember` (keys) are for JSON lines alone."""

    kind: Literal["jsonl", "sqlite"]
    path: str = attrs.field(metadata=checked(path))
    rotate: int | None = attrs.field(default=None, metadata=checked(lambda value: None if value is None else count(value)))
    zstd: bool = False
    active_active: bool = False
    remember: int | None = attrs.field(default=None, metadata=checked(lambda value: None if value is None else count(value)))

    def __attrs_post_init__(self) -> None:
        check_all(self, self._mismatches)

    def _mismatches(self) -> Iterator[str]:
        if self.active_active:
            yield f"active_active: a {self.kind} sink is for one relay; for several there are: postgres, nats"
        given = {"rotate": self.rotate is not None, "zstd": self.zstd, "remember": self.remember is not None}
        yield from (f"{name}: is for jsonl alone" for name, is_given in given.items() if is_given and self.kind != "jsonl")

    def make(self, horizon: float = 0.0) -> ListedSink:
        """The sink, not open, for providers that send the same again within `horizon` seconds.

        Raises `ConfigError` where an extra is not installed.
        """
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
    active_active: bool = False
    """Whether other relays bring the same streams at the same time."""
    password: Mapping[str, object] = attrs.field(factory=dict[str, object])

    def __attrs_post_init__(self) -> None:
        self.make()

    def make(self, horizon: float = 0.0) -> ListedSink:
        """The sink, not open, for providers that send the same again within `horizon` seconds.

        Raises `ConfigError` naming all that is wrong.
        """
        try:
            from .sinks.postgres import PostgresSink
        except ImportError as error:
            raise ConfigError([f"kind: {error}"]) from None
        problems: list[str] = []
        password = secret_from("password", self.password, POSTGRES_PASSWORD, problems)
        try:
            sink = PostgresSink(self.conninfo, password=password, schema=self.schema)
        except ConfigError as error:
            raise ConfigError([*problems, *error.problems]) from None
        if problems:
            raise ConfigError(problems)
        return sink


@attrs.frozen(kw_only=True)
class NatsSettings:
    """`[sink]` with `kind = "nats"`; see `NatsSink`. `password`, `token`, `nkey` and `creds` say where they are, as the
    `secrets` of a stream do; without any they come from PUSHWIRE_NATS_PASSWORD and so on. `tls_...` are paths of PEM files."""

    kind: Literal["nats"]
    servers: tuple[str, ...]
    stream: str
    subject: str | None = None
    active_active: bool = False
    """Whether other relays bring the same streams at the same time. NATS has no lock that would find out."""
    create: bool = False
    replicas: int | None = None
    window: float | None = None
    monitor: tuple[str, ...] = ()
    accept: tuple[str, ...] = ()
    user: str | None = None
    password: Mapping[str, object] = attrs.field(factory=dict[str, object])
    token: Mapping[str, object] = attrs.field(factory=dict[str, object])
    nkey: Mapping[str, object] = attrs.field(factory=dict[str, object])
    creds: Mapping[str, object] = attrs.field(factory=dict[str, object])
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None

    def __attrs_post_init__(self) -> None:
        self.make()

    def make(self, horizon: float = 0.0) -> ListedSink:
        """The sink, not open, for providers that send the same again within `horizon` seconds.

        Raises `ConfigError` naming all that is wrong.
        """
        from .sinks.nats import NatsSink
        from .sinks.nats_login import Login

        problems: list[str] = []
        named = {"password": self.password, "token": self.token, "nkey": self.nkey, "creds": self.creds}
        any_named = any(named.values())
        secrets = {
            name: secret_from(name, source, None if any_named else NATS_SECRETS[name], problems) for name, source in named.items()
        }
        login = tls = sink = None
        try:
            login = Login(user=self.user, **secrets)
        except ConfigError as error:
            problems += error.problems
        try:
            tls = self._tls()
        except (OSError, ssl.SSLError, ValueError) as error:
            problems.append(
                f"tls_ca, tls_cert, tls_key: {type(error).__name__}: {getattr(error, 'strerror', None) or 'cannot be used'}"
            )
        given = {"subject": self.subject, "replicas": self.replicas, "window": self.window}
        options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}  # of several types, by name
        try:
            sink = NatsSink(
                self.servers,
                self.stream,
                create=self.create,
                horizon=horizon,
                monitors=self.monitor,
                accept=self.accept,
                login=login,
                tls=tls,
                **options,
            )
        except ConfigError as error:
            problems += error.problems
        if problems or sink is None:
            raise ConfigError(problems)
        return sink

    def _tls(self) -> ssl.SSLContext | None:
        """None: the system's certificates."""
        if self.tls_ca is None and self.tls_cert is None:
            if self.tls_key is not None:
                raise ValueError
            return None
        context = ssl.create_default_context(cafile=self.tls_ca)
        if self.tls_cert is not None:
            context.load_cert_chain(self.tls_cert, self.tls_key)
        return context


AnySinkSettings: TypeAlias = FileSinkSettings | NatsSettings | PostgresSettings

_KINDS: Final[Mapping[str, type[AnySinkSettings]]] = {
    "jsonl": FileSinkSettings,
    "sqlite": FileSinkSettings,
    "postgres": PostgresSettings,
    "nats": NatsSettings,
}


def sink_settings(value: object, problems: list[str]) -> AnySinkSettings | None:
    """The settings that `[sink]` holds; None, and what is wrong added to `problems`, where they do not fit."""
    try:
        kind = as_table(value).get("kind")
    except TypeError as error:
        problems.append(f"sink: {error}")
        return None
    settings = _KINDS.get(kind) if isinstance(kind, str) else None
    if settings is None:
        said = "is needed" if kind is None else "there is no such kind"
        problems.append(f"sink.kind: {said}; there are: {', '.join(_KINDS)}")
        return None
    return structure("sink", value, settings, problems)
