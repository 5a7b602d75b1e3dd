"""The settings of the sandbox's SatoriEx: whom it lets in, what it generates, and what the document leaves open."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

import attrs

from ..core.secrets import Secret
from ..errors import ConfigError

__all__ = ["SatoriexSettings", "Spelling"]

Spelling: TypeAlias = Literal["top", "payload", "both"]
"""Where the name of an event stands: at the top (the document's code), in `payload` (its prose), or once here and once there."""


def _secrets(tokens: Iterable[str | Secret] | None) -> tuple[Secret, ...] | None:
    return None if tokens is None else tuple(token if isinstance(token, Secret) else Secret(token) for token in tokens)


@attrs.frozen(kw_only=True)
class SatoriexSettings:
    """How the sandbox's SatoriEx behaves. Raises `ConfigError` naming every wrong field."""

    tokens: tuple[Secret, ...] | None = attrs.field(converter=_secrets)
    """Accepted tokens; each stands for an account of its own. None: any token, and one account for all."""
    passwords: Mapping[str, Secret] | None = None
    """Who may log in, by e-mail address, for the first account. None: anybody."""
    token_lifetime: float = 300.0
    """Seconds that a token lives which a login gave."""
    markets: tuple[str, ...] = ("mkt_abc123", "mkt_def456")
    rate: float = 0.0
    """Events generated a second, over all accounts; 0: only what `push` is given, and what orders lead to."""
    max_messages: int | None = None
    """Generate no more than this many."""
    wait_for_client: bool = True
    """Whether generation begins with the first connection, or with the first timer."""
    drop_every: int | None = None
    """Cut all connections each time this many events were generated."""
    spelling: Spelling = "both"
    orderbook_name: str = "orderbook_update"
    """What order-book updates are called."""
    auth_close: int = 4001
    """The close code of a connection whose token is revoked."""
    fill_after: float | None = None
    """Seconds after which an order is filled; None: it rests."""
    balance: int = 1_000_000
    """Of every account, in basis points of a dollar."""

    def __attrs_post_init__(self) -> None:
        above = {
            "max_messages": self.max_messages,
            "drop_every": self.drop_every,
            "fill_after": self.fill_after,
            "token_lifetime": self.token_lifetime,
        }
        problems = [f"{name} must be above 0" for name, value in above.items() if value is not None and not value > 0]
        if not 0 <= self.rate < math.inf:
            problems.append("rate must be 0 or more")
        if self.spelling not in {"top", "payload", "both"}:
            problems.append("spelling must be top, payload or both")
        if self.tokens is not None and not self.tokens:
            problems.append("tokens must name at least one token")
        if not self.markets:
            problems.append("markets must name at least one market")
        if not 1000 <= self.auth_close <= 4999:
            problems.append("auth_close must be a close code")
        if problems:
            raise ConfigError(problems)
