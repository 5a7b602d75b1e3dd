"""What `tail` and `demo` connect to: a provider's config and first commands, from what the caller gave as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from ..core.commands import AnyCommand
from ..core.provider import ProviderConfig, config_from_settings
from ..core.secrets import Secret
from ..errors import ConfigError
from ..registry import load
from .advice import misspelled
from .settings import collect, read_pairs

__all__ = ["Target", "target"]


@attrs.frozen
class Target:
    """A config, and the commands to begin with."""

    provider: str
    config: ProviderConfig
    commands: Sequence[AnyCommand]


def target(
    name: str,
    *,
    url: str | None = None,
    settings: Sequence[str] = (),
    specs: Sequence[str] = (),
    secrets: Mapping[str, Secret] | None = None,
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
    return Target(name, config, [command for command in commands if command is not None])
