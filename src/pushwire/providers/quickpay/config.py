"""The settings of a QuickPay connection."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Hashable, Iterable, Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeGuard, cast
from urllib.parse import urlsplit

import attrs

from ...core.config import checked, flag, http_url, one_of, optional, secret, text, websocket_url
from ...core.effects import Restored
from ...core.secrets import Secret
from ...errors import ConfigError
from ..pusher.auth import AuthBody
from ..pusher.config import ProtocolConfig, app_url
from .auth import QuickPayAuthoriser, QuickPayEndpoint
from .machine import QuickPayDialect, QuickPayMachine
from .messages import ExchangeRate, Kyc, MessageEvent, Notification, Payment
from .signing import MAX_LIFETIME, RequestSigner, read_private_key

__all__ = ["APP_KEY", "Config", "Environment"]

Environment = Literal["sandbox", "production"]

APP_KEY: Final = "pagCMLx6TXrb"
"""The same in both environments; no secret."""
_HOSTS: Final = {
    "sandbox": ("wss://sandbox-ws.quickpay.best", "https://sandbox-api.quickpay.best"),
    "production": ("wss://ws.quickpay.best", "https://api.quickpay.best"),
}


def _private_key(value: object) -> str | None:
    problem = secret(value)
    if problem is None and isinstance(value, Secret):
        try:
            read_private_key(value)
        except ConfigError as error:
            return str(error)
    return problem


def _lifetime(value: object) -> str | None:
    right = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_LIFETIME
    return None if right else f"must be a whole number of seconds from 1 to {MAX_LIFETIME}"


def _offset(value: object) -> str | None:
    right = isinstance(value, int | float) and not isinstance(value, bool) and -_YEARS < value < _YEARS
    return None if right else "must be a number of seconds"


_YEARS: Final = 10**9


def _path(value: object) -> str | None:
    return None if isinstance(value, str) and value.startswith("/") else "must be a path that begins with /"


def _codes(value: object) -> str | None:
    right = isinstance(value, tuple) and all(
        type(code) is int and 1000 <= code <= 4999 for code in cast("tuple[object, ...]", value)
    )
    return None if right else "must be close codes (1000 to 4999)"


def _is_texts(value: object) -> TypeGuard[Mapping[str, str]]:
    if not isinstance(value, Mapping):
        return False
    return all(isinstance(part, str) for pair in cast("Mapping[object, object]", value).items() for part in pair)


def _texts(value: object) -> str | None:
    return None if _is_texts(value) else "must map names to names"


def _frozen(value: Mapping[str, str]) -> Mapping[str, str]:
    """The caller's mapping, copied; what is none is left to the check."""
    return MappingProxyType(dict(value)) if _is_texts(value) else value


_NONE: Final[Mapping[str, str]] = MappingProxyType({})


@attrs.frozen(kw_only=True)
class Config(ProtocolConfig):
    """How to reach QuickPay, and as whom. Raises `ConfigError` naming every wrong field.

    `private_key` signs a token of its own for each channel that is authorised. A `jwt` made elsewhere is sent as it is: QuickPay
    takes a token for one request and for less than 55 s, so that it is of use for tests. Without either, public channels
    alone can be subscribed to.
    """

    api_key: Secret = attrs.field(metadata=checked(secret))
    private_key: Secret | None = attrs.field(default=None, metadata=checked(optional(_private_key)))
    """The merchant's RSA key, in PEM form. Needs the extra `quickpay`."""
    jwt: Secret | None = attrs.field(default=None, metadata=checked(optional(secret)))
    environment: Environment = attrs.field(default="production", metadata=checked(one_of("sandbox", "production")))
    app_key: str = attrs.field(default=APP_KEY, metadata=checked(text))
    url: str | None = attrs.field(default=None, metadata=checked(optional(websocket_url)))
    """Instead of the environment's; `/app/KEY` is added where it has no path."""
    query: Mapping[str, str] = attrs.field(default=_NONE, converter=_frozen, metadata=checked(_texts))
    """The query of the URL. The document shows none; Pusher itself wants `protocol`, `client` and `version`."""
    api_url: str | None = attrs.field(default=None, metadata=checked(optional(http_url)))
    """Instead of the environment's."""
    auth_path: str = attrs.field(default="/v1/websocket/auth", metadata=checked(_path))
    auth_body: AuthBody = attrs.field(default="json", metadata=checked(one_of("form", "json")))
    api_key_header: str | None = attrs.field(default="X-API-KEY", metadata=checked(optional(text)))
    """The header for the API key beside the token, which one page shows and the other does not; None: leave it out."""
    token_uri: str | None = attrs.field(default=None, metadata=checked(optional(text)))
    """What a token names as its `uri`; None: the whole path. The sample in the document has no `/v1`."""
    token_lifetime: int = attrs.field(default=50, metadata=checked(_lifetime))
    """Seconds; the limit is 54."""
    clock_offset: float = attrs.field(default=0.0, metadata=checked(_offset))
    """Seconds that QuickPay's clock is ahead of ours; a token's times must be right by theirs."""
    public_auth: bool = attrs.field(default=True, metadata=checked(flag))
    """Whether a subscription to a public channel says `"auth": ""`, as the document's example does."""
    lenient: bool = attrs.field(default=True, metadata=checked(flag))
    """Whether to accept a greeting that is not valid JSON, as the one that the document prints."""
    aliases: Mapping[str, str] = attrs.field(default=_NONE, converter=_frozen, metadata=checked(_texts))
    """Names of events that mean a documented one: `{"PaymentDone": "payment.completed"}`."""
    fatal_closes: tuple[int, ...] = attrs.field(default=(), metadata=checked(_codes))
    """Close codes that end the session, besides those of Pusher's table."""
    passing_closes: tuple[int, ...] = attrs.field(default=(), metadata=checked(_codes))
    """Close codes after which to come back, whatever Pusher's table says."""

    def _mismatches(self) -> Iterable[str]:
        if self.private_key is not None and self.jwt is not None:
            yield "jwt: is of no use beside private_key"
        if not set(self.fatal_closes).isdisjoint(self.passing_closes):
            yield "passing_closes: a code is in fatal_closes too"

    @property
    def provider(self) -> str:
        return "quickpay"

    @property
    def dial_url(self) -> str:
        """The whole URL that is dialled."""
        return app_url(self.url or _HOSTS[self.environment][0], self.app_key, self.query)

    @property
    def auth_url(self) -> str:
        """Where a subscription is authorised."""
        return (self.api_url or _HOSTS[self.environment][1]).rstrip("/") + self.auth_path

    @property
    def namespace(self) -> str:
        return f"quickpay {self.dial_url.partition('?')[0]}"

    def expendable(self, event: object) -> Hashable | None:
        """Of one pair of currencies the latest rate is what counts. A payment is never let go."""
        match event:
            case ExchangeRate():
                return event.channel, event.data.base_currency, event.data.quote_currency
            case Payment() | Kyc() | Notification():
                return None
            case _:
                return super().expendable(event)

    def identity(self, event: object) -> str | None:
        """The channel and the `event_id` of the envelope, where there is one: the documents show it for webhooks alone. One event
        may come on several channels, and does not look the same on all."""
        if isinstance(event, MessageEvent) and event.event_id:
            return json.dumps([event.channel, event.event_id], separators=(",", ":"))
        return None

    def machine(self, *, rng: random.Random, ids: Callable[[], str], restored: Restored | None = None) -> QuickPayMachine:
        """The protocol as a machine; `ids` gives the nonces of tokens."""
        authoriser = QuickPayAuthoriser(key=self.app_key, endpoint=self._endpoint(ids))
        return QuickPayMachine(
            self,
            QuickPayDialect(authoriser, self.limits, public_auth="" if self.public_auth else None),
            url=self.dial_url,
            rng=rng,
            ids=ids,
            lenient=self.lenient,
            aliases=self.aliases,
            fatal_closes=self.fatal_closes,
            passing_closes=self.passing_closes,
        )

    def _endpoint(self, nonce: Callable[[], str]) -> QuickPayEndpoint | None:
        if self.private_key is None and self.jwt is None:
            return None
        signer = None
        if self.private_key is not None:
            key = read_private_key(self.private_key)
            signer = RequestSigner(self.api_key, key, self.token_lifetime, self.clock_offset)
        return QuickPayEndpoint(
            url=self.auth_url,
            headers={} if self.api_key_header is None else {self.api_key_header: self.api_key},
            body=self.auth_body,
            uri=self.token_uri or urlsplit(self.auth_url).path,
            nonce=nonce,
            signer=signer,
            jwt=self.jwt,
        )
