"""What the settings of all sandboxes have in common: the feed, how secrets are given, and the checks.

A provider's settings derive from `SandboxSettings`. What one provider alone has, lives with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sized

import attrs

from ..core.config import check_all, checked, count, optional
from ..core.secrets import Secret
from ..errors import ConfigError

__all__ = ["SandboxSettings", "as_secret", "as_secrets", "close_code", "never_negative", "not_empty", "share"]


def as_secret(value: str | Secret | None) -> Secret | None:
    """A secret, which tests may write as text."""
    return Secret(value) if isinstance(value, str) else value


def as_secrets(values: Secret | Iterable[str | Secret] | None) -> tuple[Secret, ...] | None:
    """As `as_secret`, for several, or for one alone."""
    if isinstance(values, Secret):
        return (values,)
    return None if values is None else tuple(Secret(value) if isinstance(value, str) else value for value in values)


def never_negative(value: object) -> str | None:
    right = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
    return None if right else "must be 0 or more"


def share(value: object) -> str | None:
    right = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
    return None if right else "must be between 0 and 1"


def not_empty(value: object) -> str | None:
    return None if isinstance(value, Sized) and len(value) else "must name at least one"


def close_code(value: object) -> str | None:
    """Of those that a close frame may have, or that are a provider's own."""
    right = isinstance(value, int) and not isinstance(value, bool) and 1000 <= value <= 4999
    return None if right else "must be a close code (1000 to 4999)"


@attrs.frozen(kw_only=True)
class SandboxSettings:
    """How a sandbox behaves. Times are seconds. Raises `ConfigError` naming every wrong field."""

    rate: float = attrs.field(default=0.0, metadata=checked(never_negative))
    """Messages generated a second, over all accounts and subscriptions; 0: only what the test's side is given."""
    max_messages: int | None = attrs.field(default=None, metadata=checked(optional(count)))
    """Generate no more than this many."""
    drop_every: int | None = attrs.field(default=None, metadata=checked(optional(count)))
    """Cut all connections each time this many were generated."""

    def __attrs_post_init__(self) -> None:
        problems: list[str] = []
        try:
            check_all(self)
        except ConfigError as error:
            problems += error.problems
        problems += self._mismatches()
        if problems:
            raise ConfigError(problems)

    def _mismatches(self) -> Iterable[str]:
        """What is wrong with several fields together, whether or not each is right by itself."""
        return ()
