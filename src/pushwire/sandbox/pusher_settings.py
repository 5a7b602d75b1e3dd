"""The settings of the sandbox's Pusher: its app, what it generates, and which of the known servers it behaves like."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import attrs

from ..core.secrets import Secret
from ..errors import ConfigError, LocalProtocolError
from ..providers.pusher.signing import decode_key, shared_secret

__all__ = ["DataAs", "PusherSettings", "RefuseBy"]

RefuseBy: TypeAlias = Literal["subscription_error", "internal", "error", "null", "silence"]
"""How a signature that does not fit is refused: `pusher:subscription_error` (soketi), the same under `pusher_internal:`,
`pusher:error` 4009 without a channel (Reverb), or with code null (Pusher), or not at all."""
DataAs: TypeAlias = Literal["text", "object"]


def _secret(secret: str | Secret | None) -> Secret | None:
    return Secret(secret) if isinstance(secret, str) else secret


@attrs.frozen(kw_only=True)
class PusherSettings:
    """How the sandbox's Pusher behaves. Raises `ConfigError` naming every wrong field."""

    key: str = "sandbox"
    secret: Secret | None = attrs.field(default=None, converter=_secret)
    """The app's. None: any signature will do."""
    encryption_master_key: Secret | None = attrs.field(default=None, converter=_secret)
    """In base64; without it no event goes out on an encrypted channel."""
    activity_timeout: int = 120
    """Seconds, as the greeting says."""
    data_as: DataAs = "text"
    """Whether data of the server's own messages is JSON in a string, as is usual."""
    rate: float = 0.0
    """Events generated a second, over all channels that are subscribed to; 0: only what `publish` is given."""
    max_messages: int | None = None
    """Generate no more than this many."""
    wait_for_client: bool = True
    """Whether generation begins with the first subscription, or with the first timer."""
    drop_every: int | None = None
    """Cut all connections each time this many events were generated."""
    protocol: str | None = "7"
    """What the URL's query must say of the protocol; None: anything, or nothing."""
    enabled: bool = True
    """Whether the app is; else connections end with 4003."""
    tls_only: bool = False
    """End connections with 4000."""
    quota: int | None = None
    """More connections end with 4004."""
    capacity: int | None = None
    """More connections end with 4100."""
    errors: Literal["both", "error"] = "both"
    """Whether a connection that is refused is closed with the code as well (soketi), or left to the client to close (Reverb)."""
    refuse_by: RefuseBy = "subscription_error"
    duplicates: Literal["consent", "error"] = "error"
    """What a second subscription to a channel, or a first unsubscription from none, is answered with."""
    garbage: Literal["error", "silence"] = "error"
    """What a message that cannot be read is answered with: error 4200 on an open connection (Reverb), or nothing (soketi)."""
    client_events: bool = True
    client_event_rate: int = 10
    """In any second; more are answered with error 4301."""
    subscription_counts: bool = False
    cache_for: float = 1800.0
    """Seconds."""
    ping_every: float | None = None
    """Seconds without a message after which the server pings."""
    idle_after: float | None = None
    """Seconds without a message of the client after which the connection ends with 4201 (where it was pinged) or 4202."""
    auth_path: str = "/pusher/auth"
    user_auth_path: str = "/pusher/user-auth"
    forbidden: tuple[str, ...] = ()
    """Channels that the endpoint authorises nobody for."""

    def __attrs_post_init__(self) -> None:
        above = {
            "activity_timeout": self.activity_timeout,
            "max_messages": self.max_messages,
            "drop_every": self.drop_every,
            "quota": self.quota,
            "capacity": self.capacity,
            "client_event_rate": self.client_event_rate,
            "ping_every": self.ping_every,
            "idle_after": self.idle_after,
        }
        problems = [f"{name} must be above 0" for name, value in above.items() if value is not None and not value > 0]
        choices = {
            "data_as": (self.data_as, ("text", "object")),
            "errors": (self.errors, ("both", "error")),
            "refuse_by": (self.refuse_by, ("subscription_error", "internal", "error", "null", "silence")),
            "duplicates": (self.duplicates, ("consent", "error")),
            "garbage": (self.garbage, ("error", "silence")),
        }
        problems += [
            f"{name} must be one of {', '.join(known)}" for name, (value, known) in choices.items() if value not in known
        ]
        if not 0 <= self.rate < math.inf:
            problems.append("rate must be 0 or more")
        if not self.key:
            problems.append("key must not be empty")
        if self.encryption_master_key is not None and decode_key(self.encryption_master_key.reveal()) is None:
            problems.append("encryption_master_key must be 32 bytes in base64")
        if problems:
            raise ConfigError(problems)

    def key_of(self, channel: str) -> bytes:
        """The key of an encrypted channel. Raises `LocalProtocolError` where there is no master key."""
        master = None if self.encryption_master_key is None else decode_key(self.encryption_master_key.reveal())
        if master is None:
            raise LocalProtocolError(f"{channel} needs encryption_master_key")
        return shared_secret(channel, master)
