"""The settings of a QuantCite connection, as its machine and its REST calls read them. What they make of them is theirs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias, TypeGuard, cast

import attrs

from ...core.config import ConnectionConfig, checked, count, flag, http_url, one_of, optional, seconds, websocket_url
from ...core.ratelimit import RateLimit
from ...core.secrets import Secret

__all__ = ["BUCKET", "PATHS", "TIERS", "Settings", "Tier"]

Tier: TypeAlias = Literal["basic", "premium", "developer", "enterprise"]

TIERS: Final[Mapping[Tier, int]] = MappingProxyType({"basic": 600, "premium": 1200, "developer": 1000, "enterprise": 10_000})
"""Requests a minute, for each key over all its connections (providers/quantcite.md, 8)."""

BUCKET: Final = "requests"
"""The one rate limit that all REST calls count against."""

KEY_PLACE: Final = "{api_key}"
PATHS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Authenticate": "/authenticate",
        "SessionStatus": "/session-status",
        "QueryTransactions": "/transactions",
        "CheckCredentials": "/transactions/validate-credentials",
        "TransactionTypes": "/transactions/types",
        "ListExchanges": "/exchanges",
        "CredentialSources": "/exchanges/credentials",
        "DataUsage": f"/data-usage/{KEY_PLACE}",
        "Health": "/health",
    }
)
"""Of REST calls, by their names (providers/quantcite.md, 3)."""


def _sendable(value: object) -> str | None:
    if not isinstance(value, Secret):
        return "must be a pushwire.Secret (Secret.env, Secret.file), never a plain string"
    try:
        value.reveal().encode()
    except UnicodeEncodeError:
        return "cannot be written as UTF-8"
    return None


def _parts(value: object) -> tuple[object, ...]:
    """Those of a tuple; of anything else, one that nobody takes."""
    return cast("tuple[object, ...]", value) if isinstance(value, tuple) else (None,)


def _names(value: object) -> str | None:
    right = all(isinstance(name, str) and name for name in _parts(value))
    return None if right else "must be a list of names"


def _codes(value: object) -> str | None:
    right = all(type(code) is int and 1000 <= code <= 4999 for code in _parts(value))
    return None if right else "must be a list of close codes, from 1000 to 4999"


def _is_texts(value: object) -> TypeGuard[Mapping[str, str]]:
    if not isinstance(value, Mapping):
        return False
    items = cast("Mapping[object, object]", value).items()
    return all(isinstance(name, str) and isinstance(path, str) for name, path in items)


def _as_paths(value: Mapping[str, str]) -> Mapping[str, str]:
    """The caller's paths beside the documented ones; what is none is left to the check."""
    return MappingProxyType({**PATHS, **value}) if value is not PATHS and _is_texts(value) else value


def _paths(value: object) -> str | None:
    if not _is_texts(value):
        return "must map names of calls to paths"
    for name, path in value.items():
        if name not in PATHS:
            return f"there is no call {name!r} (there are {', '.join(PATHS)})"
        plain = path.replace(KEY_PLACE, "") if name == "DataUsage" else path
        if not path.startswith("/") or any(character in plain for character in "?#{}") or not plain.isprintable() or " " in plain:
            return f"the path of {name} must begin with a slash, without query, fragment or places to fill"
    return None


@attrs.frozen(kw_only=True)
class Settings(ConnectionConfig):
    """What there is to set. Times are seconds."""

    api_key: Secret = attrs.field(metadata=checked(_sendable))
    url: str = attrs.field(default="wss://data.quantcite.com/api/v1/ws", metadata=checked(websocket_url))
    api_url: str = attrs.field(default="https://data.quantcite.com/api/v1", metadata=checked(http_url))
    """What the paths of REST calls are added to."""
    paths: Mapping[str, str] = attrs.field(default=PATHS, converter=_as_paths, metadata=checked(_paths))
    """Where REST calls go, by their names; those left out go where the document says."""
    testnet: bool = attrs.field(default=False, metadata=checked(flag))
    """For commands and calls that do not say."""
    auth: Literal["message", "query"] = attrs.field(default="message", metadata=checked(one_of("message", "query")))
    """How the key is sent. "query" puts it into the URL, which one page of the provider shows and others forbid."""
    greeting: Literal["ignore", "wait"] = attrs.field(default="ignore", metadata=checked(one_of("ignore", "wait")))
    """Whether to wait for the greeting of an unauthenticated socket before the key is sent."""
    legacy_success: bool = attrs.field(default=True, metadata=checked(flag))
    """Whether the two older forms of success are taken for it: `authentication_success`, and a welcome with `user_tier` alone."""
    ping: Literal["frame", "json"] = attrs.field(default="frame", metadata=checked(one_of("frame", "json")))
    """Pings of RFC 6455, or `{"type":"ping"}`: whether that is answered on a session for transactions is not documented."""
    max_message: int = attrs.field(default=2**24, metadata=checked(count))
    """Bytes; a whole history comes in one message."""
    remember: int = attrs.field(default=100_000, metadata=checked(count))
    """Transactions remembered, to recognise those that come again."""
    updates: bool = attrs.field(default=True, metadata=checked(flag))
    """Whether a transaction that comes again with another time, label, amount or fee is delivered, as `delivery="update"`."""
    passphrase_exchanges: tuple[str, ...] = attrs.field(default=(), metadata=checked(_names))
    """Exchanges whose credentials need a passphrase, beside those that `GetExchanges` names."""
    tier: Tier | None = attrs.field(default=None, metadata=checked(optional(one_of(*TIERS))))
    """The plan of the key, by whose limit commands and calls are paced, each on their own. None: commands are not paced, and
    calls as on the smallest plan."""
    rate_limit_pause: float = attrs.field(default=60.0, metadata=checked(seconds))
    """How long commands are held back by a refusal for their rate that does not say; the documented limits are by the minute."""
    fatal_closes: tuple[int, ...] = attrs.field(default=(), metadata=checked(_codes))
    """Close codes of the provider that end the session; it documents none."""

    @property
    def requests_a_second(self) -> float:
        """By the plan; infinity where none is given."""
        return math.inf if self.tier is None else TIERS[self.tier] / 60

    @property
    def rate_limits(self) -> Mapping[str, RateLimit]:
        return {BUCKET: RateLimit(TIERS[self.tier or "basic"], 60.0)}

    @property
    def requiring(self) -> frozenset[str]:
        """The names of `passphrase_exchanges` as they are compared."""
        return frozenset(name.lower() for name in self.passphrase_exchanges)

    def _mismatches(self) -> Iterable[str]:
        if "api_key=" in self.url:
            yield "url: must not hold the key, which would be shown; auth 'query' puts it there"
