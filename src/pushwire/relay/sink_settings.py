"""`[sink]` of the relay's TOML file: which kind of sink, and its settings.

A new kind is a class here with `kind` and `make`, and a row of `_KINDS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

import attrs

from ..core.config import check_all, checked, count, text
from ..core.secrets import Secret
from ..errors import ConfigError
from .sinks.base import ListedSink
from .tables import SecretFrom, as_table, structure

__all__ = ["AnySinkSettings", "FileSinkSettings", "PostgresSettings", "sink_settings"]

POSTGRES_PASSWORD: Final = "PUSHWIRE_POSTGRES_PASSWORD"


@attrs.frozen(kw_only=True)
class FileSinkSettings:
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
        source = structure("password", self.password, SecretFrom, problems) if self.password else None
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


AnySinkSettings: TypeAlias = FileSinkSettings | PostgresSettings

_KINDS: Final[Mapping[str, type[AnySinkSettings]]] = {
    "jsonl": FileSinkSettings,
    "sqlite": FileSinkSettings,
    "postgres": PostgresSettings,
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
