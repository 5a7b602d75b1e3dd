"""The settings of the sandbox's Bitpanda: whom it lets in, what its domain holds, and what the document leaves open."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Literal

import attrs

from ..core.secrets import Secret
from ..errors import ConfigError

__all__ = ["BitpandaSettings"]


def _secrets(tokens: Iterable[str | Secret] | None) -> tuple[Secret, ...] | None:
    return None if tokens is None else tuple(token if isinstance(token, Secret) else Secret(token) for token in tokens)


@attrs.frozen(kw_only=True)
class BitpandaSettings:
    """How the sandbox's Bitpanda behaves. Raises `ConfigError` naming every wrong field."""

    tokens: tuple[Secret, ...] | None = attrs.field(converter=_secrets)
    """Access tokens that are accepted, beside those that the token endpoint gave. None: any but an expired one of these."""
    token_parameter: str | None = None
    """The query parameter that carries the token; None: the header `Authorization: Bearer`."""
    clients: Mapping[str, Secret] | None = None
    """Who gets tokens, with the client's secret. None: anybody."""
    token_lifetime: float = 600.0
    """Seconds that an access token lives."""
    refresh_lifetime: float = 86_400.0
    """Seconds that a refresh token lives, unless it is used before."""
    assets: tuple[str, ...] = ("cr/BTC", "cr/ETH", "cr/SOL", "s/AAPL", "s/TSLA", "co/XAU", "i/BCI5")
    """The assets of the partner's domain, with their types."""
    fiats: tuple[str, ...] = ("EUR", "USD", "CHF", "GBP")
    change_fiats: tuple[str, ...] = ("EUR",)
    """Those fiats that have price changes; the others are accepted there, and silent."""
    rate: float = 0.0
    """Updates generated a second, over all that is subscribed to; 0: only what `push` is given."""
    max_messages: int | None = None
    """Generate no more than this many."""
    wait_for_client: bool = True
    """Whether generation begins with the first connection, or with the first timer."""
    drop_every: int | None = None
    """Cut all connections each time this many updates were generated."""
    merge: Literal["add", "replace"] = "add"
    """What a second subscribe on a channel does to the first."""
    idle_after: float = 60.0
    """Seconds without a byte of the client, a ping for one, after which its connection is closed."""
    idle_close: int = 1001
    """The close code of that."""
    history: int = 1_000_000
    """Updates remembered in `sent`; of more, the oldest are forgotten."""

    def __attrs_post_init__(self) -> None:
        above = {
            "token_lifetime": self.token_lifetime,
            "refresh_lifetime": self.refresh_lifetime,
            "max_messages": self.max_messages,
            "drop_every": self.drop_every,
            "idle_after": self.idle_after,
            "history": self.history,
        }
        problems = [f"{name} must be above 0" for name, value in above.items() if value is not None and not value > 0]
        if not 0 <= self.rate < math.inf:
            problems.append("rate must be 0 or more")
        if self.merge not in {"add", "replace"}:
            problems.append("merge must be add or replace")
        if not self.fiats:
            problems.append("fiats must name at least one fiat")
        if not self.assets or not all(asset.count("/") == 1 and all(asset.split("/")) for asset in self.assets):
            problems.append("assets must name at least one asset, each as type/SYMBOL")
        if not set(self.change_fiats) <= set(self.fiats):
            problems.append("change_fiats must be among fiats")
        if not 1000 <= self.idle_close <= 4999:
            problems.append("idle_close must be a close code")
        if self.tokens is not None and not self.tokens:
            problems.append("tokens must name at least one token")
        if problems:
            raise ConfigError(problems)
