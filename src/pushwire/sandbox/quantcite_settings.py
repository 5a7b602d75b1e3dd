"""The settings of the sandbox's QuantCite: whom it accepts, what it generates, and what the documents leave open."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from ..core.config import checked, count, flag, one_of, optional, text
from ..core.secrets import Secret
from .settings import SandboxSettings, as_secrets, not_empty

__all__ = ["QuantciteSettings"]

Success: TypeAlias = Literal["welcome", "short", "legacy"]
Refusal: TypeAlias = Literal["error", "authentication_error"]


def _whole(value: object) -> str | None:
    return None if value == 0 else count(value)


@attrs.frozen(kw_only=True)
class QuantciteSettings(SandboxSettings):
    """How the sandbox's QuantCite behaves. Raises `ConfigError` naming every wrong field."""

    keys: tuple[Secret, ...] | None = attrs.field(converter=as_secrets, metadata=checked(optional(not_empty)))
    """Accepted API keys; each stands for a user of its own. None: any key, and one user for all."""
    credentials: tuple[Secret, ...] | None = attrs.field(default=None, converter=as_secrets)
    """Accepted API keys of exchanges, in a caller's own credentials. None: any."""
    tier: str = attrs.field(default="premium", metadata=checked(text))
    """Of every user, as a success tells it."""
    history: int = attrs.field(default=5, metadata=checked(_whole))
    """Transactions an account has when it is first asked about."""
    history_limit: int = attrs.field(default=1000, metadata=checked(count))
    """Transactions that a subscription, or an HTTP query without a limit, returns at most: the latest."""
    requests_a_minute: int | None = attrs.field(default=None, metadata=checked(optional(count)))
    """Commands and HTTP calls that a user may make, within each minute of the clock; one more is refused."""
    retry_after: bool = attrs.field(default=True, metadata=checked(flag))
    """Whether such a refusal says when to try again. The document's shape has no place for it, another page's has."""
    greeting: bool = attrs.field(default=False, metadata=checked(flag))
    """Whether a socket is greeted before it has authenticated."""
    success: Success = attrs.field(default="welcome", metadata=checked(one_of("welcome", "short", "legacy")))
    """Which form of success is told: the document's, the one without a session, or `authentication_success`."""
    refusal: Refusal = attrs.field(default="error", metadata=checked(one_of("error", "authentication_error")))
    """Which form a refusal of the key has."""
    answers_pings: bool = attrs.field(default=True, metadata=checked(flag))
    """Whether a JSON ping is answered on a session for transactions."""
