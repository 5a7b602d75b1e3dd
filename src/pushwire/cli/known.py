"""What the command line knows of each provider: its config, where its secrets come from, and how a subscription is spelled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from ..core.commands import Command
from ..errors import ConfigError
from ..providers import gelabs
from ..shell.connect import StreamConfig

__all__ = ["PROVIDERS", "Known"]


@attrs.frozen
class Known:
    """`secrets` names the environment variable of each secret field; `parse_spec` reads `--subscribe`, raising `ConfigError`."""

    fields: type[attrs.AttrsInstance]
    config: Callable[..., StreamConfig[object]]
    secrets: Mapping[str, str]
    parse_spec: Callable[[str], Command[Any, Any]]  # of whichever provider it is


def _gelabs_spec(text: str) -> gelabs.Subscribe:
    chain, colon, address = text.partition(":")
    if not (chain and colon and address):
        raise ConfigError([f"subscription {text!r}: must be chain_type:address"])
    return gelabs.Subscribe(address=address, chain_type=chain)


PROVIDERS: Final[Mapping[str, Known]] = {
    "gelabs": Known(gelabs.Config, gelabs.Config, {"api_key": "PUSHWIRE_GELABS_API_KEY"}, _gelabs_spec),
}
