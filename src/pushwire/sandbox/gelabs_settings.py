"""The settings of the sandbox's gelabs: whom it accepts, what it generates, and what the document leaves open."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import attrs

from ..core.secrets import Secret
from ..errors import ConfigError
from .gelabs_feed import Mix

__all__ = ["GelabsSettings"]


def _secrets(keys: Iterable[str | Secret] | None) -> tuple[Secret, ...] | None:
    return None if keys is None else tuple(key if isinstance(key, Secret) else Secret(key) for key in keys)


@attrs.frozen(kw_only=True)
class GelabsSettings:
    """How the sandbox's gelabs behaves. Raises `ConfigError` naming every wrong field."""

    keys: tuple[Secret, ...] | None = attrs.field(converter=_secrets)
    """Accepted API keys; each stands for an account of its own: `app-1`, `app-2`, ... None: any key, and one account for all."""
    addresses: Mapping[str, Sequence[str]] | None = None
    """The persistent address list of every account, by chain type. None: made up from the seed, different for each account."""
    rate: float = 0.0
    """Messages generated a second, over all accounts and versions; 0: only what `push` is given."""
    mix: Mix = attrs.field(factory=Mix)
    max_messages: int | None = None
    """Generate no more than this many."""
    wait_for_client: bool = True
    """Whether generation begins with the first connection, or with the first timer."""
    drop_every: int | None = None
    """Cut all connections each time this many messages were generated."""
    broadcast: Literal["all", "matching"] = "all"
    """Whether a push goes to all connections of its account, or only to those whose own subscriptions, or the list, match."""
    ack_scope: Literal["message", "key"] = "message"
    """What an ACK with a `messageId` clears: that message alone, or all of its transaction. One without clears the latter."""
    resend_every: float | None = None
    """Seconds after which an un-ACKed message is sent again on a live connection; None: only after a reconnect."""
    default_window: float = 180.0
    """Seconds of resend window when the handshake does not ask for one ("Request notes")."""
    row_ids: bool = True
    """Whether rows of queries have the `id` that the document pages by, and its own sample does not show."""
    history: int = 1_000_000
    """Messages remembered; of more, the oldest are forgotten, ACKed or not."""

    def __attrs_post_init__(self) -> None:
        shares = {f"mix.{name}": getattr(self.mix, name) for name in ("pending", "failed", "reorg", "sparse")}
        problems = [f"{name} must be between 0 and 1" for name, share in shares.items() if not 0 <= share <= 1]
        above = {"max_messages": self.max_messages, "drop_every": self.drop_every, "resend_every": self.resend_every}
        problems += [f"{name} must be above 0" for name, value in above.items() if value is not None and not value > 0]
        never_below = {"rate": self.rate, "default_window": self.default_window, "mix.confirm_after": self.mix.confirm_after}
        problems += [f"{name} must be 0 or more" for name, value in never_below.items() if not 0 <= value < math.inf]
        if self.keys is not None and not self.keys:
            problems.append("keys must name at least one API key")
        if self.history < 1:
            problems.append("history must be above 0")
        if problems:
            raise ConfigError(problems)
