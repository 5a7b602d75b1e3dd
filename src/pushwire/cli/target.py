"""What `tail` and `demo` connect to: a provider's config and first commands, from what the caller gave as text.

Where there are several connections, each has a name, and what is said of one begins with it: `--set NAME.KEY=VALUE`,
`--subscribe NAME:SPEC`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from ..core.commands import AnyCommand
from ..core.provider import ProviderConfig, config_from_settings
from ..core.secrets import Secret
from ..errors import ConfigError
from ..registry import load
from .advice import misspelled
from .settings import collect, read_pairs

__all__ = ["Asked", "Target", "apart", "target", "targets"]

NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
"""What a connection may be called: without what parts its name from what is said of it."""


@attrs.frozen
class Target:
    """A config, and the commands to begin with. `name` is what the connection is called: as its provider, if nothing else."""

    provider: str
    config: ProviderConfig
    commands: Sequence[AnyCommand]
    name: str


@attrs.frozen
class Asked:
    """What a caller said of one connection."""

    name: str
    provider: str
    settings: Sequence[str]
    specs: Sequence[str]


def target(
    name: str,
    *,
    url: str | None = None,
    settings: Sequence[str] = (),
    specs: Sequence[str] = (),
    secrets: Mapping[str, Secret] | None = None,
    called: str | None = None,
) -> Target:
    """`settings` are `KEY=VALUE` each, `specs` what to subscribe to, as the provider spells it.

    `secrets`, by field, come instead of those in the environment. Raises one `ConfigError` naming all that is wrong, and
    `LocalProtocolError` for an unknown provider.
    """
    provider = load(name)
    problems: list[str] = []
    pairs = read_pairs(settings, problems)
    if url is not None and "url" in pairs:
        problems.append("url: is set twice, by --url and --set")
    given = pairs if url is None else {**pairs, "url": url}
    config = collect(problems, config_from_settings, provider, given, secrets)
    commands = [collect(problems, provider.parse_spec, spec) for spec in specs]
    if config is None or problems:
        raise ConfigError([*problems, *(misspelled(provider) if secrets is None else ())])
    return Target(name, config, [command for command in commands if command is not None], called or name)


def targets(named: Sequence[str], *, url: str | None, settings: Sequence[str], specs: Sequence[str]) -> Sequence[Target]:
    """Of one or several connections, each `PROVIDER` or `NAME=PROVIDER`. Raises as `target` does, of all that is wrong."""
    problems: list[str] = []
    asked = apart(named, settings, specs, problems)
    if len(asked) == 1 and not problems:
        (one,) = asked
        return [target(one.provider, url=url, settings=one.settings, specs=one.specs, called=one.name)]
    if url is not None:
        problems.append("--url: is of one connection; where there are several: --set NAME.url=URL")
    found: list[Target] = []
    for one in asked:
        try:
            found.append(target(one.provider, settings=one.settings, specs=one.specs, called=one.name))
        except ConfigError as error:
            problems += (f"{one.name}: {problem}" for problem in error.problems)
    if problems:
        raise ConfigError(problems)
    return found


def apart(named: Sequence[str], settings: Sequence[str], specs: Sequence[str], problems: list[str]) -> Sequence[Asked]:
    """What is said of which connection: of a single one all of it. What is wrong is added to `problems`.

    Raises `LocalProtocolError` for an unknown provider.
    """
    providers = _by_name(named, problems)
    if len(named) == 1:
        return [Asked(name, provider, settings, specs) for name, provider in providers.items()]
    settings_of = _parted("--set", settings, ".", "KEY=VALUE", providers, problems)
    specs_of = _parted("--subscribe", specs, ":", "SPEC", providers, problems)
    return [Asked(name, provider, settings_of[name], specs_of[name]) for name, provider in providers.items()]


def _by_name(named: Sequence[str], problems: list[str]) -> Mapping[str, str]:
    """The providers by the names of their connections."""
    providers: dict[str, str] = {}
    for text in named:
        name, equals, provider = text.partition("=")
        if equals and not NAME.fullmatch(name):
            problems.append(f"{text}: a connection's name has letters, digits, - and _")
        elif name in providers:
            problems.append(f"{name}: is named twice; call each otherwise: NAME={provider or name}")
        else:
            load(provider or name)
            providers[name] = provider or name
    return providers


def _parted(
    option: str, given: Sequence[str], sign: str, rest: str, names: Mapping[str, str], problems: list[str]
) -> Mapping[str, list[str]]:
    """What is given with an option, by the connection whose name it begins with.

    Nothing of it is shown: it may be a secret in the wrong place.
    """
    parts: dict[str, list[str]] = {name: [] for name in names}
    for text in given:
        name, found, about = text.partition(sign)
        if found and name in parts:
            parts[name].append(about)
        else:
            problems.append(f"{option}: must begin with a connection's name, as {next(iter(names), 'NAME')}{sign}{rest}")
    return parts
