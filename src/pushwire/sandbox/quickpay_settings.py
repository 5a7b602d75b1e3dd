"""The settings of the sandbox's QuickPay: a Pusher server of the kind it very likely is, and whom its endpoint serves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

from ..core.config import checked, count, flag, optional
from ..core.secrets import Secret
from ..providers.quickpay.config import APP_KEY
from .pusher_settings import Duplicates, Garbage, PusherSettings, duplicates_known, garbage_known
from .settings import as_secrets, not_empty

__all__ = ["AUTH_PATH", "QuickPaySettings"]

AUTH_PATH: Final = "/v1/websocket/auth"


@attrs.frozen(kw_only=True)
class QuickPaySettings(PusherSettings):
    """How the sandbox's QuickPay behaves. Raises `ConfigError` naming every wrong field.

    What is not set behaves like soketi: no query is wanted, garbage is passed over, a second subscription succeeds again.
    """

    key: str = APP_KEY
    activity_timeout: int = attrs.field(default=30, metadata=checked(count))
    protocol: str | None = None
    duplicates: Duplicates = attrs.field(default="consent", metadata=checked(duplicates_known))
    garbage: Garbage = attrs.field(default="silence", metadata=checked(garbage_known))
    auth_path: str = AUTH_PATH
    api_keys: tuple[Secret, ...] | None = attrs.field(default=None, converter=as_secrets, metadata=checked(optional(not_empty)))
    """Accepted API keys; None: any, and none."""
    tokens: tuple[Secret, ...] | None = attrs.field(default=None, converter=as_secrets, metadata=checked(optional(not_empty)))
    """Accepted bearer tokens, where they are not verified; None: any."""
    public_key: str | None = None
    """The merchants' public key in PEM form: tokens are verified by it."""
    broken_greeting: bool = attrs.field(default=True, metadata=checked(flag))
    """Whether the greeting is not valid JSON, as the document prints it."""
    wrapped: bool = attrs.field(default=True, metadata=checked(flag))
    """Whether generated events come in the envelope of webhooks, with an `event_id`."""

    def _mismatches(self) -> Iterable[str]:
        if self.public_key is not None and self.tokens is not None:
            yield "tokens: are of no use beside public_key"
