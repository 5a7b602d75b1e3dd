"""Configuration: attrs classes whose every wrong field is named at once.

What lives here: the settings all connections share, and the checks. A provider's config derives from `ConnectionConfig`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast
from urllib.parse import urlsplit

import attrs

from ..errors import ConfigError
from .backoff import BackoffPolicy
from .secrets import Secret
from .tokens import Grant, TokenSource

if TYPE_CHECKING:
    from .ratelimit import RateLimit  # it needs the checks of this module

__all__ = [
    "ConnectionConfig",
    "check_all",
    "check_given",
    "count",
    "flag",
    "http_url",
    "one_of",
    "optional",
    "path",
    "positive",
    "seconds",
    "secret",
    "text",
    "token_or_source",
    "websocket_url",
]

Check: TypeAlias = Callable[[object], str | None]
"""Says what is wrong with a value, None: nothing."""

_LARGEST: Final = 10**300
"""Whole numbers far beyond it do not fit a float."""
_CHECK: Final = "pushwire check"


def checked(check: Check) -> dict[str, Check]:
    """The metadata of a field with a check."""
    return {_CHECK: check}


def check_all(config: attrs.AttrsInstance, also: Callable[[], Iterable[str]] = tuple) -> None:
    """Run the checks of all fields, then `also`, which may rely on them.

    Raises one `ConfigError` that names all that is wrong, and no secret.
    """
    problems = _problems((field, getattr(config, field.name)) for field in attrs.fields(type(config))) or list(also())
    if problems:
        raise ConfigError(problems)


def check_given(kind: type[attrs.AttrsInstance], values: Mapping[str, object]) -> list[str]:
    """What is wrong with some values of a config that cannot be made yet, since it needs others as well."""
    given = [(field, values[field.name]) for field in attrs.fields(kind) if field.name in values]
    return _problems((field, value if field.converter is None else field.converter(value)) for field, value in given)


def _problems(values: Iterable[tuple[attrs.Attribute[Any], object]]) -> list[str]:  # of any type
    found: list[str] = []
    for field, value in values:
        check: Check | None = field.metadata.get(_CHECK)
        problem = None if check is None else check(value)
        if problem is not None:
            found.append(f"{field.name}: {problem}")
    return found


def _number(value: object) -> float | None:
    """A number that fits a float, other than NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    fits = -_LARGEST < value < _LARGEST or value in {math.inf, -math.inf}
    return float(value) if fits else None


def seconds(value: object) -> str | None:
    """A finite positive number of seconds."""
    number = _number(value)
    return None if number is not None and 0 < number < math.inf else "must be a positive number of seconds"


def positive(value: object) -> str | None:
    """A positive number; `math.inf` switches the limit off."""
    number = _number(value)
    return None if number is not None and number > 0 else "must be a positive number"


def count(value: object) -> str | None:
    return None if isinstance(value, int) and not isinstance(value, bool) and value > 0 else "must be a positive whole number"


def flag(value: object) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def text(value: object) -> str | None:
    return None if isinstance(value, str) and value else "must be a non-empty string"


def path(value: object) -> str | None:
    return None if isinstance(value, str) and value and "\0" not in value else "must be the path of a file"


def secret(value: object) -> str | None:
    return None if isinstance(value, Secret) else "must be a pushwire.Secret (Secret.env, Secret.file), never a plain string"


def optional(check: Check) -> Check:
    """The same check, with None allowed."""
    return lambda value: None if value is None else check(value)


def one_of(*allowed: object) -> Check:
    shown = ", ".join(repr(value) for value in allowed)
    return lambda value: None if value in allowed else f"must be one of {shown}"


def websocket_url(value: object) -> str | None:
    """A `ws://` or `wss://` URL; `http` and `https` are taken for them, since providers' pages print those."""
    return _url(value, {"ws", "wss", "http", "https"}, "must be a ws:// or wss:// URL with a host")


def http_url(value: object) -> str | None:
    """An `http://` or `https://` URL, to which paths can be added."""
    problem = _url(value, {"http", "https"}, "must be an http:// or https:// URL with a host")
    if problem is None and isinstance(value, str) and ("?" in value or "#" in value):
        return "must have neither a query nor a fragment"
    return problem


def token_or_source(value: object) -> str | None:
    """A `Secret`, or a `TokenSource` that gives one."""
    if isinstance(value, Secret) or callable(value):
        return None
    return "must be a pushwire.Secret (Secret.env, Secret.file) or a token source, never a plain string"


def _url(value: object, schemes: Collection[str], problem: str) -> str | None:
    if not isinstance(value, str):
        return problem
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return problem
    if parts.username is not None or parts.password is not None:
        return "must not hold a user name or password"
    return None if parts.scheme in schemes and parts.hostname else problem


def as_websocket_url(url: str) -> str:
    """The same URL with the scheme a WebSocket dial needs."""
    scheme, colon, rest = url.partition(":")
    return scheme.lower().replace("http", "ws") + colon + rest


@attrs.frozen(kw_only=True)
class ConnectionConfig:
    """What every connection needs. Times are seconds, sizes bytes.

    Raises `ConfigError` naming every wrong field.
    """

    connect_timeout: float = attrs.field(default=30.0, metadata=checked(seconds))
    """For TCP, proxy, TLS and the opening handshake together."""
    auth_timeout: float = attrs.field(default=10.0, metadata=checked(seconds))
    """From the open connection to the provider's acceptance."""
    reply_timeout: float = attrs.field(default=10.0, metadata=checked(seconds))
    """For the reply to every command."""
    ping_interval: float = attrs.field(default=30.0, metadata=checked(seconds))
    pong_timeout: float = attrs.field(default=10.0, metadata=checked(seconds))
    close_within: float = attrs.field(default=5.0, metadata=checked(seconds))
    """For the last ACKs and the closing handshake."""
    stale_after: float = attrs.field(default=math.inf, metadata=checked(positive))
    """A topic without data for longer is reported as `Stale`; infinity: never."""
    max_message: int = attrs.field(default=2**20, metadata=checked(count))
    compression: bool = attrs.field(default=False, metadata=checked(flag))
    backoff_first: float = attrs.field(default=1.0, metadata=checked(seconds))
    backoff_cap: float = attrs.field(default=60.0, metadata=checked(seconds))
    stable_after: float = attrs.field(default=30.0, metadata=checked(seconds))
    """Readiness, with an answer of the peer, after which the back-off starts anew."""
    send_rate: float = attrs.field(default=math.inf, metadata=checked(positive))
    """Commands a second; heartbeats and ACKs are never held back."""
    send_burst: int = attrs.field(default=10, metadata=checked(count))

    def __attrs_post_init__(self) -> None:
        check_all(self, self._mismatches)

    def _mismatches(self) -> Iterable[str]:
        """What is wrong with fields that are right by themselves."""
        return ()

    def expendable(self, event: object) -> Hashable | None:
        """The key under which a later event makes `event` superfluous for a reader who falls behind; None: it is never let go."""
        return None

    def topics(self, event: object) -> tuple[Hashable, ...]:
        """The topics of subscriptions an event may belong to."""
        return ()

    def identity(self, event: object) -> str | None:
        """The idempotency key of an event, unique among those of this account: made of what the provider itself documents as
        immutable, never of a receive time or a connection's number. None: its document names no ids."""
        return None

    @property
    def secrets(self) -> Iterator[Secret]:
        """Every secret that a field holds, or a mapping in one."""
        for value in attrs.asdict(self, recurse=False).values():
            parts: Iterable[object] = cast("Mapping[object, object]", value).values() if isinstance(value, Mapping) else (value,)
            yield from (part for part in parts if isinstance(part, Secret))

    def said_at(self, event: object) -> float | None:
        """When the provider says that it sent the event, or else when it happened, in POSIX seconds by its clock; None: it does
        not say. What our own clock shows less this is how late it came, as far as both clocks are right."""
        time = getattr(event, "time", None)
        return time.timestamp() if isinstance(time, datetime) else None

    def credential(self, name: str) -> Secret | TokenSource | None:
        """Where the credential that the machine asks for by this name comes from; None: not from here."""
        return None

    def grant(self) -> Grant | None:
        """How access tokens are got, where the credential "token" is one of those and comes from nowhere else."""
        return None

    @property
    def rate_limits(self) -> Mapping[str, RateLimit]:
        """The limits of REST calls, by the names that endpoints have in their `buckets`."""
        return {}

    @property
    def backoff(self) -> BackoffPolicy:
        return BackoffPolicy(self.backoff_first, self.backoff_cap, self.stable_after)
