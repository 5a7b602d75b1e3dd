"""The settings of the sandbox's SatoriEx: whom it lets in, what it generates, and what the document leaves open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import attrs

from ..core.config import checked, one_of, optional, positive
from ..core.secrets import Secret
from .settings import SandboxSettings, as_secrets, close_code, not_empty

__all__ = ["SatoriexSettings", "Spelling"]

Spelling: TypeAlias = Literal["top", "payload", "both"]


@attrs.frozen(kw_only=True)
class SatoriexSettings(SandboxSettings):
    """How the sandbox's SatoriEx behaves. Raises `ConfigError` naming every wrong field."""

    tokens: tuple[Secret, ...] | None = attrs.field(converter=as_secrets, metadata=checked(optional(not_empty)))
    """Accepted tokens; each stands for an account of its own. None: any token, and one account for all."""
    passwords: Mapping[str, Secret] | None = None
    """Who may log in, by e-mail address, for the first account. None: anybody."""
    token_lifetime: float = attrs.field(default=300.0, metadata=checked(positive))
    """Seconds that a token lives which a login gave."""
    markets: tuple[str, ...] = attrs.field(default=("mkt_abc123", "mkt_def456"), metadata=checked(not_empty))
    """The ids of those there are."""
    wait_for_client: bool = True
    """Whether generation begins with the first connection, or with the first timer."""
    spelling: Spelling = attrs.field(default="both", metadata=checked(one_of("top", "payload", "both")))
    """Where the name of an event stands: at the top (the document's code), in `payload` (its prose), or once here, once there."""
    orderbook_name: str = "orderbook_update"
    """What order-book updates are called."""
    auth_close: int = attrs.field(default=4001, metadata=checked(close_code))
    """The close code of a connection whose token is revoked."""
    fill_after: float | None = attrs.field(default=None, metadata=checked(optional(positive)))
    """Seconds after which an order is filled; None: it rests."""
    balance: int = 1_000_000
    """Of every account, in basis points of a dollar."""
