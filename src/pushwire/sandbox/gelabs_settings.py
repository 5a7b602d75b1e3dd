"""The settings of the sandbox's gelabs: whom it accepts, what it generates, and what the document leaves open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import attrs

from ..core.config import checked, count, flag, one_of, optional, positive
from ..core.secrets import Secret
from .gelabs_feed import Mix
from .settings import SandboxSettings, as_secrets, never_negative, not_empty, share

__all__ = ["GelabsSettings"]


@attrs.frozen(kw_only=True)
class GelabsSettings(SandboxSettings):
    """How the sandbox's gelabs behaves. Raises `ConfigError` naming every wrong field."""

    keys: tuple[Secret, ...] | None = attrs.field(converter=as_secrets, metadata=checked(optional(not_empty)))
    """Accepted API keys; each stands for an account of its own: `app-1`, `app-2`, ... None: any key, and one account for all."""
    addresses: Mapping[str, Sequence[str]] | None = None
    """The persistent address list of every account, by chain type. None: made up from the seed, different for each account."""
    mix: Mix = attrs.field(factory=Mix)
    """What is generated."""
    wait_for_client: bool = True
    """Whether generation begins with the first connection, or with the first timer."""
    broadcast: Literal["all", "matching"] = attrs.field(default="all", metadata=checked(one_of("all", "matching")))
    """Whether a push goes to all connections of its account, or only to those whose own subscriptions, or the list, match."""
    ack_scope: Literal["message", "key"] = attrs.field(default="message", metadata=checked(one_of("message", "key")))
    """What an ACK with a `messageId` clears: that message alone, or all of its transaction. One without clears the latter."""
    resend_every: float | None = attrs.field(default=None, metadata=checked(optional(positive)))
    """Seconds after which an un-ACKed message is sent again on a live connection; None: only after a reconnect."""
    default_window: float = attrs.field(default=180.0, metadata=checked(never_negative))
    """Seconds of resend window when the handshake does not ask for one ("Request notes")."""
    row_ids: bool = attrs.field(default=True, metadata=checked(flag))
    """Whether rows of queries have the `id` that the document pages by, and its own sample does not show."""
    history: int = attrs.field(default=1_000_000, metadata=checked(count))
    """Messages remembered; of more, the oldest are forgotten, ACKed or not."""

    def _mismatches(self) -> Iterable[str]:
        checks = dict.fromkeys(("pending", "failed", "reorg", "sparse"), share) | {"confirm_after": never_negative}
        for name, check in checks.items():
            problem = check(getattr(self.mix, name))
            if problem is not None:
                yield f"mix.{name}: {problem}"
