"""What `tail` and `demo` connect to: a provider's config and first commands, from what the caller gave as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from ..core.commands import Command
from ..core.secrets import PLACEHOLDER, Secret
from ..errors import ConfigError
from ..shell.connect import StreamConfig
from .known import PROVIDERS
from .settings import collect, read_fields, read_pairs

__all__ = ["Target", "target"]


@attrs.frozen
class Target:
    """A config, and the commands to begin with."""

    provider: str
    config: StreamConfig[object]
    commands: Sequence[Command[object, object]]


def target(
    provider: str,
    *,
    url: str | None = None,
    settings: Sequence[str] = (),
    specs: Sequence[str] = (),
    secrets: Mapping[str, Secret] | None = None,
) -> Target:
    """`settings` are `KEY=VALUE` each, `specs` what to subscribe to, as the provider spells it.

    `secrets`, by field, come instead of those in the environment. Raises one `ConfigError` naming all that is wrong.
    """
    known = PROVIDERS.get(provider)
    if known is None:
        raise ConfigError([f"there is no provider {provider!r}; there are: {', '.join(PROVIDERS)}"])
    problems: list[str] = []
    pairs = read_pairs(settings, problems)
    if url is not None and "url" in pairs:
        problems.append("url: is set twice, by --url and --set")
    elsewhere = {field: f"comes from {name}, never from an argument" for field, name in known.secrets.items()}
    fields = read_fields(known.fields, pairs if url is None else {**pairs, "url": url}, problems, elsewhere=elsewhere)
    for field, name in known.secrets.items():
        given = None if secrets is None else secrets.get(field)
        # The placeholder lets the other fields be checked too.
        fields[field] = given or collect(problems, Secret.env, name) or Secret(PLACEHOLDER)
    config = collect(problems, known.config, **fields)
    commands = [collect(problems, known.parse_spec, spec) for spec in specs]
    if config is None or problems:
        raise ConfigError(problems)
    return Target(provider, config, [command for command in commands if command is not None])
