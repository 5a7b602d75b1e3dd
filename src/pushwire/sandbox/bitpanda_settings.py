"""The settings of the sandbox's Bitpanda: whom it lets in, what its domain holds, and what the document leaves open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal, cast

import attrs

from ..core.config import checked, count, one_of, optional, positive
from ..core.secrets import Secret
from .settings import SandboxSettings, as_secrets, close_code, not_empty

__all__ = ["BitpandaSettings"]

ASSETS: Final = ("cr/BTC", "cr/ETH", "cr/SOL", "s/AAPL", "s/TSLA", "co/XAU", "i/BCI5")


def _assets(value: object) -> str | None:
    assets = cast("tuple[object, ...]", value) if isinstance(value, tuple) else ()
    parts = [str(asset).split("/") for asset in assets]
    right = parts and all(len(part) == 2 and all(part) for part in parts)
    return None if right else "must name at least one asset, each as type/SYMBOL"


@attrs.frozen(kw_only=True)
class BitpandaSettings(SandboxSettings):
    """How the sandbox's Bitpanda behaves. Raises `ConfigError` naming every wrong field."""

    tokens: tuple[Secret, ...] | None = attrs.field(converter=as_secrets, metadata=checked(optional(not_empty)))
    """Access tokens that are accepted, beside those that the token endpoint gave. None: any but an expired one of these."""
    token_parameter: str | None = None
    """The query parameter that carries the token; None: the header `Authorization: Bearer`."""
    clients: Mapping[str, Secret] | None = None
    """Who gets tokens, with the client's secret. None: anybody."""
    token_lifetime: float = attrs.field(default=600.0, metadata=checked(positive))
    """Seconds that an access token lives."""
    refresh_lifetime: float = attrs.field(default=86_400.0, metadata=checked(positive))
    """Seconds that a refresh token lives, unless it is used before."""
    assets: tuple[str, ...] = attrs.field(default=ASSETS, metadata=checked(_assets))
    """The assets of the partner's domain, with their types."""
    fiats: tuple[str, ...] = attrs.field(default=("EUR", "USD", "CHF", "GBP"), metadata=checked(not_empty))
    """Those the assets have prices in."""
    change_fiats: tuple[str, ...] = ("EUR",)
    """Those fiats that have price changes; the others are accepted there, and silent."""
    wait_for_client: bool = True
    """Whether generation begins with the first connection, or with the first timer."""
    merge: Literal["add", "replace"] = attrs.field(default="add", metadata=checked(one_of("add", "replace")))
    """What a second subscribe on a channel does to the first."""
    idle_after: float = attrs.field(default=60.0, metadata=checked(positive))
    """Seconds without a byte of the client, a ping for one, after which its connection is closed."""
    idle_close: int = attrs.field(default=1001, metadata=checked(close_code))
    """The close code of that."""
    history: int = attrs.field(default=1_000_000, metadata=checked(count))
    """Updates remembered in `sent`; of more, the oldest are forgotten."""

    def _mismatches(self) -> Iterable[str]:
        if not set(self.change_fiats) <= set(self.fiats):
            yield "change_fiats: must be among fiats"
