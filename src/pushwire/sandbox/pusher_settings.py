"""The settings of the sandbox's Pusher: its app, what it generates, and which of the known servers it behaves like."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import attrs

from ..core.config import checked, count, flag, one_of, optional, positive, text
from ..core.secrets import Secret
from ..errors import LocalProtocolError
from ..providers.pusher.signing import decode_key, shared_secret
from .settings import SandboxSettings, as_secret

__all__ = ["DataAs", "Duplicates", "Garbage", "PusherSettings", "RefuseBy", "duplicates_known", "garbage_known"]

RefuseBy: TypeAlias = Literal["subscription_error", "internal", "error", "null", "silence"]
DataAs: TypeAlias = Literal["text", "object"]
Duplicates: TypeAlias = Literal["consent", "error"]
Garbage: TypeAlias = Literal["error", "silence"]

_refuse_by: Final = one_of("subscription_error", "internal", "error", "null", "silence")
duplicates_known: Final = one_of("consent", "error")
garbage_known: Final = one_of("error", "silence")


def _key32(value: object) -> str | None:
    right = isinstance(value, Secret) and decode_key(value.reveal()) is not None
    return None if right else "must be 32 bytes in base64"


@attrs.frozen(kw_only=True)
class PusherSettings(SandboxSettings):
    """How the sandbox's Pusher behaves. Raises `ConfigError` naming every wrong field."""

    key: str = attrs.field(default="sandbox", metadata=checked(text))
    """The app's, which is part of the URL."""
    secret: Secret | None = attrs.field(default=None, converter=as_secret)
    """The app's. None: any signature will do."""
    encryption_master_key: Secret | None = attrs.field(default=None, converter=as_secret, metadata=checked(optional(_key32)))
    """In base64; without it no event goes out on an encrypted channel."""
    activity_timeout: int = attrs.field(default=120, metadata=checked(count))
    """Seconds, as the greeting says."""
    data_as: DataAs = attrs.field(default="text", metadata=checked(one_of("text", "object")))
    """Whether data of the server's own messages is JSON in a string, as is usual."""
    wait_for_client: bool = True
    """Whether generation begins with the first subscription, or with the first timer."""
    protocol: str | None = "7"
    """What the URL's query must say of the protocol; None: anything, or nothing."""
    enabled: bool = True
    """Whether the app is; else connections end with 4003."""
    tls_only: bool = False
    """End connections with 4000."""
    quota: int | None = attrs.field(default=None, metadata=checked(optional(count)))
    """More connections end with 4004."""
    capacity: int | None = attrs.field(default=None, metadata=checked(optional(count)))
    """More connections end with 4100."""
    errors: Literal["both", "error"] = attrs.field(default="both", metadata=checked(one_of("both", "error")))
    """Whether a connection that is refused is closed with the code as well (soketi), or left to the client to close (Reverb)."""
    refuse_by: RefuseBy = attrs.field(default="subscription_error", metadata=checked(_refuse_by))
    """How a signature that does not fit is refused: `pusher:subscription_error` (soketi), the same under `pusher_internal:`,
    `pusher:error` 4009 without a channel (Reverb), the same with code null (Pusher), or not at all."""
    duplicates: Duplicates = attrs.field(default="error", metadata=checked(duplicates_known))
    """What a second subscription to a channel, or a first unsubscription from none, is answered with."""
    garbage: Garbage = attrs.field(default="error", metadata=checked(garbage_known))
    """What a message that cannot be read is answered with: error 4200 on an open connection (Reverb), or nothing (soketi)."""
    client_events: bool = attrs.field(default=True, metadata=checked(flag))
    """Whether the app has client events switched on."""
    client_event_rate: int = attrs.field(default=10, metadata=checked(count))
    """In any second; more are answered with error 4301."""
    subscription_counts: bool = attrs.field(default=False, metadata=checked(flag))
    """Whether the app tells how many connections listen to a channel."""
    cache_for: float = attrs.field(default=1800.0, metadata=checked(positive))
    """Seconds that a cache channel keeps its last event."""
    ping_every: float | None = attrs.field(default=None, metadata=checked(optional(positive)))
    """Seconds without a message after which the server pings."""
    idle_after: float | None = attrs.field(default=None, metadata=checked(optional(positive)))
    """Seconds without a message of the client after which the connection ends with 4201 (where it was pinged) or 4202."""
    auth_path: str = "/pusher/auth"
    """Where the endpoint authorises channels, by HTTP on the same port."""
    user_auth_path: str = "/pusher/user-auth"
    """Where it authorises users to sign in."""
    forbidden: tuple[str, ...] = ()
    """Channels that the endpoint authorises nobody for."""

    def key_of(self, channel: str) -> bytes:
        """The key of an encrypted channel. Raises `LocalProtocolError` where there is no master key."""
        master = None if self.encryption_master_key is None else decode_key(self.encryption_master_key.reveal())
        if master is None:
            raise LocalProtocolError(f"{channel} needs encryption_master_key")
        return shared_secret(channel, master)
