"""The settings of a SatoriEx connection."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Iterable, Mapping
from types import MappingProxyType
from typing import TypeGuard, cast
from urllib.parse import parse_qsl, urlsplit

import attrs

from ...core.config import (
    ConnectionConfig,
    as_websocket_url,
    checked,
    http_url,
    optional,
    seconds,
    token_or_source,
    websocket_url,
)
from ...core.effects import Restored
from ...core.ratelimit import RateLimit
from ...core.secrets import Secret
from ...core.tokens import TokenSource
from .commands import PLACE, fill
from .hosts import RATE_LIMITS, STAGING, api_beside
from .login import Login
from .machine import AUTH_CLOSES, SatoriexMachine
from .messages import EVENTS, ORDERBOOK_NAMES, PriceUpdate, Push, kinds, topic
from .topics import Channel
from .values import decode

__all__ = ["Config"]


def _is_texts(value: object) -> TypeGuard[tuple[str, ...]]:
    return isinstance(value, tuple) and all(isinstance(part, str) and part for part in cast("tuple[object, ...]", value))


def _texts(value: object) -> str | None:
    return None if _is_texts(value) else "must be a tuple of non-empty strings"


def _is_aliases(value: object) -> TypeGuard[Mapping[str, str]]:
    if not isinstance(value, Mapping):
        return False
    items = cast("Mapping[object, object]", value).items()
    return all(isinstance(alias, str) and name in EVENTS for alias, name in items)


def _aliases(value: object) -> str | None:
    return None if _is_aliases(value) else "must map names to documented names of events"


def _close_codes(value: object) -> str | None:
    codes = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (None,)
    right = all(isinstance(code, int) and not isinstance(code, bool) and 1000 <= code <= 4999 for code in codes)
    return None if right else "must be a tuple of close codes (1000 to 4999)"


def _template(value: object) -> str | None:
    problem = f"must be a JSON object in which {PLACE} stands for the market's id, quotes included"
    if not isinstance(value, str) or PLACE not in value:
        return problem
    try:
        decode(fill(value, "ID"))
    except ValueError:  # what is no JSON, and what is no text
        return problem
    return None


def _is_limits(value: object) -> TypeGuard[Mapping[str, RateLimit]]:
    if not isinstance(value, Mapping):
        return False
    items = cast("Mapping[object, object]", value).items()
    return all(name in RATE_LIMITS and isinstance(limit, RateLimit) for name, limit in items)


def _limits(value: object) -> str | None:
    return None if _is_limits(value) else f"must map some of {', '.join(RATE_LIMITS)} to a RateLimit"


def _as_limits(value: Mapping[str, RateLimit]) -> Mapping[str, RateLimit]:
    """The documented limits, with the caller's in their place; what is none is left to the check."""
    return MappingProxyType({**RATE_LIMITS, **value}) if value is not RATE_LIMITS and _is_limits(value) else value


def _as_aliases(value: Mapping[str, str]) -> Mapping[str, str]:
    """The caller's mapping, copied; what is none is left to the check."""
    return MappingProxyType(dict(value)) if _is_aliases(value) else value


def _login(value: object) -> str | None:
    return None if value is None or isinstance(value, Login) else "must be a satoriex.Login"


def _no_aliases() -> Mapping[str, str]:
    return MappingProxyType({})


@attrs.frozen(kw_only=True)
class Config(ConnectionConfig):
    """How to reach SatoriEx and as whom. Raises `ConfigError` naming every wrong field."""

    token: Secret | TokenSource | None = attrs.field(default=None, metadata=checked(optional(token_or_source)))
    """The access token, or what gives one: it is asked for before every dial, and for a new one where the last was refused."""
    login: Login | None = attrs.field(default=None, metadata=checked(_login))
    """In place of `token`: whose tokens to get, and to renew."""
    url: str = attrs.field(default=STAGING, metadata=checked(websocket_url))
    """Of the socket, without the token. The default is the *staging* system, since no other host is documented."""
    api_url: str | None = attrs.field(default=None, metadata=checked(optional(http_url)))
    """Of REST; None: `/api/v1` on the host of `url`."""
    ping_interval: float = attrs.field(default=25.0, metadata=checked(seconds))
    orderbook_names: tuple[str, ...] = attrs.field(default=ORDERBOOK_NAMES, metadata=checked(_texts))
    """Names that are taken for an order-book update."""
    aliases: Mapping[str, str] = attrs.field(factory=_no_aliases, converter=_as_aliases, metadata=checked(_aliases))
    """Other names of documented events, for the time between a renaming there and a release here."""
    unsubscribe_market: str | None = attrs.field(default=None, metadata=checked(optional(_template)))
    """The frame that ends a `market` subscription, `$market_id` standing for the market's id with its quotes. None: nothing is
    sent, and what still comes is not delivered."""
    unsubscribe_marketdata: str | None = attrs.field(default=None, metadata=checked(optional(_template)))
    """The same for `marketdata`."""
    auth_closes: tuple[int, ...] = attrs.field(default=AUTH_CLOSES, metadata=checked(_close_codes))
    """Close codes by which the token is refused: a new one is fetched once, a second refusal ends the session."""
    limits: Mapping[str, RateLimit] = attrs.field(default=RATE_LIMITS, converter=_as_limits, metadata=checked(_limits))
    """Of REST calls, by the names that endpoints count against; those not named here are the documented ones."""

    def _mismatches(self) -> Iterable[str]:
        if (self.token is None) is (self.login is None):
            yield "token: either it or a login is needed"
        if any(name == "token" for name, _ in parse_qsl(urlsplit(self.url).query, keep_blank_values=True)):
            yield "url: must not hold the token, which would be shown"

    @property
    def provider(self) -> str:
        return "satoriex"

    @property
    def namespace(self) -> str:
        """Nothing of this connection is stored; the URL tells whose it is."""
        return f"satoriex {as_websocket_url(self.url)}"

    @property
    def api(self) -> str:
        """Where REST is, without a slash at the end."""
        return (self.api_url or api_beside(self.url)).rstrip("/")

    def machine(self, *, rng: random.Random, ids: Callable[[], str], restored: Restored | None = None) -> SatoriexMachine:
        """The protocol as a machine; `ids` gives what pings carry."""
        templates: dict[Channel, str | None] = {"market": self.unsubscribe_market, "marketdata": self.unsubscribe_marketdata}
        return SatoriexMachine(
            self,
            url=as_websocket_url(self.url),
            known=kinds(self.orderbook_names, self.aliases),
            unsubscribe={channel: template for channel, template in templates.items() if template is not None},
            auth_closes=self.auth_closes,
            rng=rng,
            ids=ids,
        )

    def credential(self, name: str) -> Secret | TokenSource | None:
        return self.token if name == "token" else None

    def grant(self) -> Login | None:
        return None if self.login is None else attrs.evolve(self.login, api_url=self.login.api_url or self.api)

    @property
    def rate_limits(self) -> Mapping[str, RateLimit]:
        return self.limits

    def topics(self, event: object) -> tuple[Hashable, ...]:
        about = topic(event) if isinstance(event, Push) else None
        return () if about is None else (about,)

    def expendable(self, event: object) -> Hashable | None:
        """The prices of an outcome (of a market, where a message names no outcome) replace those before them."""
        if isinstance(event, PriceUpdate) and event.market_id is not None:
            return (event.market_id, event.outcome_id)
        return None
