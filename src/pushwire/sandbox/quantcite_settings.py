"""The settings of the sandbox's QuantCite: whom it accepts, what it generates, and what the documents leave open."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

import attrs

from ..core.secrets import Secret
from ..errors import ConfigError

__all__ = ["QuantciteSettings"]


def _secrets(keys: Iterable[str | Secret] | None) -> tuple[Secret, ...] | None:
    return None if keys is None else tuple(key if isinstance(key, Secret) else Secret(key) for key in keys)


@attrs.frozen(kw_only=True)
class QuantciteSettings:
    """How the sandbox's QuantCite behaves. Raises `ConfigError` naming every wrong field."""

    keys: tuple[Secret, ...] | None = attrs.field(converter=_secrets)
    """Accepted API keys; each stands for a user of its own. None: any key, and one user for all."""
    credentials: tuple[Secret, ...] | None = attrs.field(default=None, converter=_secrets)
    """Accepted API keys of exchanges, in a caller's own credentials. None: any."""
    tier: str = "premium"
    rate: float = 0.0
    """Transactions generated a second, over all accounts that are subscribed to; 0: only what `push` is given."""
    history: int = 5
    """Transactions an account has when it is first asked about."""
    history_limit: int = 1000
    """Transactions that a subscription, or an HTTP query without a limit, returns at most: the latest."""
    max_messages: int | None = None
    """Generate no more than this many, the history not counted."""
    drop_every: int | None = None
    """Cut all connections each time this many transactions were generated."""
    requests_a_minute: int | None = None
    """Commands and HTTP calls that a user may make, within each minute of the clock; one more is refused."""
    retry_after: bool = True
    """Whether such a refusal says when to try again. The document's shape has no place for it, another page's has."""
    greeting: bool = False
    """Whether a socket is greeted before it has authenticated."""
    success: Literal["welcome", "short", "legacy"] = "welcome"
    """Which form of success is told: the document's, the one without a session, or `authentication_success`."""
    refusal: Literal["error", "authentication_error"] = "error"
    """Which form a refusal of the key has."""
    answers_pings: bool = True
    """Whether a JSON ping is answered on a session for transactions."""

    def __attrs_post_init__(self) -> None:
        above = {
            "history_limit": self.history_limit,
            "max_messages": self.max_messages,
            "drop_every": self.drop_every,
            "requests_a_minute": self.requests_a_minute,
        }
        problems = [f"{name} must be above 0" for name, value in above.items() if value is not None and not value > 0]
        never_below = {"rate": self.rate, "history": self.history}
        problems += [f"{name} must be 0 or more" for name, value in never_below.items() if not 0 <= value < math.inf]
        if self.success not in {"welcome", "short", "legacy"}:
            problems.append("success must be welcome, short or legacy")
        if self.refusal not in {"error", "authentication_error"}:
            problems.append("refusal must be error or authentication_error")
        if self.keys is not None and not self.keys:
            problems.append("keys must name at least one API key")
        if problems:
            raise ConfigError(problems)
