"""The settings of the sandbox's QuickPay: a Pusher server of the kind it very likely is, and whom its endpoint serves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import attrs

from ..core.secrets import Secret
from ..errors import ConfigError
from ..providers.quickpay.config import APP_KEY
from .pusher_settings import PusherSettings

__all__ = ["AUTH_PATH", "QuickPaySettings"]

AUTH_PATH: Final = "/v1/websocket/auth"


def _secrets(values: Iterable[str | Secret] | None) -> tuple[Secret, ...] | None:
    return None if values is None else tuple(value if isinstance(value, Secret) else Secret(value) for value in values)


@attrs.frozen(kw_only=True)
class QuickPaySettings(PusherSettings):
    """How the sandbox's QuickPay behaves. Raises `ConfigError` naming every wrong field.

    What is not set behaves like soketi: no query is wanted, garbage is passed over, a second subscription succeeds again.
    """

    key: str = APP_KEY
    activity_timeout: int = 30
    protocol: str | None = None
    duplicates: Literal["consent", "error"] = "consent"
    garbage: Literal["error", "silence"] = "silence"
    auth_path: str = AUTH_PATH
    api_keys: tuple[Secret, ...] | None = attrs.field(default=None, converter=_secrets)
    """Accepted API keys; None: any, and none."""
    tokens: tuple[Secret, ...] | None = attrs.field(default=None, converter=_secrets)
    """Accepted bearer tokens, where they are not verified; None: any."""
    public_key: str | None = None
    """The merchants' public key in PEM form: tokens are verified by it."""
    broken_greeting: bool = True
    """Whether the greeting is not valid JSON, as the document prints it."""
    wrapped: bool = True
    """Whether generated events come in the envelope of webhooks, with an `event_id`."""

    def __attrs_post_init__(self) -> None:
        problems: list[str] = []
        try:
            super().__attrs_post_init__()
        except ConfigError as error:
            problems += error.problems
        if self.public_key is not None and self.tokens is not None:
            problems.append("tokens are of no use beside public_key")
        if problems:
            raise ConfigError(problems)
