"""What must be known of a provider to serve it without knowing which one it is: the command line and a journal ask here.

The providers' own values live with them (`providers.load` finds one by its name). Nothing here knows any of them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final, Protocol

import attrs
import cattrs

from ..errors import ConfigError
from .closes import CloseTable
from .commands import AnyCommand
from .config import check_given
from .effects import Restored
from .machine import Machine
from .secrets import PLACEHOLDER, Secret
from .strict import read_json, strict_converter
from .transitions import Table

__all__ = ["Provider", "ProviderConfig", "config_from_settings"]


class ProviderConfig(attrs.AttrsInstance, Protocol):
    """What every provider's config has; `connect` takes it."""

    @property
    def provider(self) -> str:
        """The provider's name."""
        ...

    @property
    def namespace(self) -> str:
        """What this connection's ledger is stored under; holds no secret."""
        ...

    def machine(self, *, rng: random.Random, ids: Callable[[], str], restored: Restored | None = None) -> Machine[object]:
        """The protocol, not started."""
        ...

    def expendable(self, event: object) -> Hashable | None:
        """The key under which a later event makes this one superfluous; None for what must never be let go."""
        ...

    def topics(self, event: object) -> tuple[Hashable, ...]:
        """The topics of subscriptions an event may belong to."""
        ...

    def identity(self, event: object) -> str | None:
        """The idempotency key of an event, unique among those of this account; None: the document names no ids."""
        ...

    def said_at(self, event: object) -> float | None:
        """When it was sent, or happened, by the provider's clock, in POSIX seconds; None: it does not say."""
        ...


@attrs.frozen
class Provider:
    """One provider. `commands` are all that its streams take, by their names, without those of `core.commands`.

    `secrets` names, for each field of the config that is a needed secret, the environment variable it comes from;
    `optional_secrets` those that are taken where they are set, and the config says what it lacks without them. `parse_spec`
    reads what to subscribe to from a text in the form that `spec` shows; it raises `LocalProtocolError` where it cannot.
    `tables` are the machine's own transition tables by their titles, `closes` its close table: the docs are drawn from them.
    `unidentified` says which messages have no `identity`, and are therefore delivered at least once; empty where all have one.
    """

    name: str
    config: type[ProviderConfig]
    commands: Mapping[str, type[AnyCommand]]
    secrets: Mapping[str, str]
    spec: str
    parse_spec: Callable[[str], AnyCommand]
    tables: Mapping[str, Table[Any, Any]]
    closes: CloseTable
    optional_secrets: Mapping[str, str] = attrs.field(factory=dict[str, str])
    unidentified: str = "its document names no ids"


def config_from_settings(
    provider: Provider, settings: Mapping[str, str], secrets: Mapping[str, Secret] | None = None
) -> ProviderConfig:
    """A config from text: numbers, `true` and `false`, plain text, and JSON for what has parts.

    `secrets`, by field, come instead of those in the environment. Raises one `ConfigError` that names all fields that are wrong,
    unknown or missing, and shows no value.
    """
    attrs.resolve_types(provider.config)
    fields = {field.name: field for field in attrs.fields(provider.config)}
    problems: list[str] = []
    values: dict[str, object] = {}
    variables = {**provider.secrets, **provider.optional_secrets}
    for name, text in settings.items():
        if name in variables:
            problems.append(f"{name}: comes from the environment variable {variables[name]}, never from a setting")
        elif name not in fields:
            there_are = ", ".join(known for known in fields if known not in variables)
            problems.append(f"{name}: there is no such setting; there are: {there_are}")
        else:
            values[name] = _read(text, fields[name].type)
    for name, variable in provider.secrets.items():
        values[name] = _secret(name, variable, secrets, problems)
    for name, variable in provider.optional_secrets.items():
        values[name] = _optional(name, variable, secrets, problems)
    config = None
    missing = [name for name, field in fields.items() if field.default is attrs.NOTHING and name not in values]
    problems += (f"{name}: is needed" for name in missing if name not in settings)
    try:
        if missing:
            problems += check_given(provider.config, values)
        else:
            config = provider.config(**values)
    except ConfigError as error:
        problems += error.problems
    if config is None or problems:
        raise ConfigError(problems)
    return config


def _secret(name: str, variable: str, secrets: Mapping[str, Secret] | None, problems: list[str]) -> Secret:
    try:
        if secrets is None:
            return Secret.env(variable)
        if name in secrets:
            return secrets[name]
        problems.append(f"{name}: is needed")
    except ConfigError as error:
        problems += (f"{name}: {problem}" for problem in error.problems)
    # It lets the other fields be checked too.
    return Secret(PLACEHOLDER)


def _optional(name: str, variable: str, secrets: Mapping[str, Secret] | None, problems: list[str]) -> Secret | None:
    if secrets is not None:
        return secrets.get(name)
    try:
        return Secret.find(variable)
    except ConfigError as error:
        problems += (f"{name}: {problem}" for problem in error.problems)
    return None


def _read(text: str, kind: Any) -> object:  # a field's type, whatever it is
    """The value of this type that `text` spells. Text that spells none is returned as it is: the field's own check refuses it,
    and says what it must be."""
    for reading in (str, read_json):
        try:
            value: object = _CONVERTER.structure(reading(text), kind)
        except (cattrs.BaseValidationError, ValueError, TypeError, AttributeError):
            continue
        return value
    return text


_CONVERTER: Final = strict_converter()
