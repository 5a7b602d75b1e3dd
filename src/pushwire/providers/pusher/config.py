"""The settings of a Pusher connection."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from types import MappingProxyType
from typing import Final, TypeVar, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import attrs

from ...core.config import (
    ConnectionConfig,
    as_websocket_url,
    checked,
    count,
    flag,
    http_url,
    one_of,
    optional,
    positive,
    seconds,
    secret,
    websocket_url,
)
from ...core.effects import Restored
from ...core.secrets import Secret
from ...version import release
from .auth import AuthBody, AuthEndpoint, Authoriser
from .channels import SERVER_TO_USER, SIGN_IN
from .dialect import Limits, PusherDialect
from .machine import PusherMachine
from .messages import ChannelEvent, SubscriptionCount, Watchlist
from .signing import decode_key

__all__ = ["Config", "ProtocolConfig", "app_url"]

ValueT = TypeVar("ValueT")

LONGEST_NAME: Final = 200
"""Characters of a channel's name that any known server takes."""
_KEY: Final = re.compile(r"[-\w.~]*\Z", re.ASCII)
_CLUSTER: Final = re.compile(r"[a-z0-9-]+\Z")


def app_url(url: str, key: str, query: Mapping[str, str]) -> str:
    """Where to dial: `url`, with `/app/KEY` where it has no path, and with what it does not say itself of the query."""
    parts = urlsplit(as_websocket_url(url))
    path = parts.path if parts.path.strip("/") else f"/app/{key}"
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    return urlunsplit((parts.scheme, parts.netloc, path, urlencode({**query, **given}), ""))


def _key_in(url: str) -> str:
    """The app key in a URL that ends in `/app/KEY`; empty where it does not."""
    before, _, key = urlsplit(url).path.rstrip("/").rpartition("/")
    return key if before.endswith("/app") else ""


def _plain(value: object) -> str | None:
    """Part of a URL's path."""
    return None if isinstance(value, str) and _KEY.match(value) else "must be an app key: letters, digits, - and _"


def _host(value: object) -> str | None:
    """Part of a host's name."""
    return None if isinstance(value, str) and _CLUSTER.match(value) else "must be a cluster's name, like mt1"


def _key32(value: object) -> str | None:
    problem = secret(value)
    if problem is None and isinstance(value, Secret) and decode_key(value.reveal()) is None:
        return "must be 32 bytes in base64"
    return problem


def _name_limit(value: object) -> str | None:
    wrong = count(value) is not None or not isinstance(value, int) or value > LONGEST_NAME
    return f"must be a whole number from 1 to {LONGEST_NAME}" if wrong else None


def _mapping_of(kind: type | tuple[type, ...], problem: str) -> Callable[[object], str | None]:
    def check(value: object) -> str | None:
        if not isinstance(value, Mapping):
            return problem
        items = cast("Mapping[object, object]", value).items()
        return None if all(isinstance(name, str) and isinstance(one, kind) for name, one in items) else problem

    return check


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping)


def _frozen(value: Mapping[str, ValueT]) -> Mapping[str, ValueT]:
    """The caller's mapping, copied; what is none is left to the check."""
    return MappingProxyType(dict(value)) if _is_mapping(value) else value


def _frozen_secrets(value: Mapping[str, Secret]) -> Mapping[str, Secret]:
    # A converter with a type of its own: mypy makes nothing of a generic one.
    return _frozen(value)


def _frozen_params(value: Mapping[str, str | Secret]) -> Mapping[str, str | Secret]:
    return _frozen(value)


_headers: Final = _mapping_of(Secret, "must map names of headers to pushwire.Secret values")
_params: Final = _mapping_of((str, Secret), "must map names to texts or pushwire.Secret values")
_NO_PARAMS: Final[Mapping[str, str | Secret]] = MappingProxyType({})
_NO_HEADERS: Final[Mapping[str, Secret]] = MappingProxyType({})


@attrs.frozen(kw_only=True)
class ProtocolConfig(ConnectionConfig):
    """What every connection by this protocol needs. Raises `ConfigError` naming every wrong field."""

    ping_interval: float = attrs.field(default=120.0, metadata=checked(seconds))
    """Our own activity timeout: seconds of silence after which to ping; the server's holds where it is shorter."""
    pong_timeout: float = attrs.field(default=30.0, metadata=checked(seconds))
    channel_name_limit: int = attrs.field(default=164, metadata=checked(_name_limit))
    """Characters; the document says 164, servers' SDKs and soketi take 200."""
    client_event_limit: int = attrs.field(default=10_240, metadata=checked(count))
    """Bytes of a client event's data. Not documented; that is the limit of events that a server sends."""
    client_event_rate: float = attrs.field(default=9.0, metadata=checked(positive))
    """Client events a second. The limit is 10, of which the network may make more by bunching."""

    @property
    def limits(self) -> Limits:
        return Limits(self.channel_name_limit, self.client_event_limit, self.client_event_rate)

    def expendable(self, event: object) -> Hashable | None:
        """Of one channel and one name, the latest event is what counts."""
        match event:
            case ChannelEvent():
                return event.channel, event.event
            case SubscriptionCount():
                return event.channel, SubscriptionCount
            case _:
                return None

    def topics(self, event: object) -> tuple[str, ...]:
        """The channel an event came on; a sign-in's for those of its user."""
        channel = getattr(event, "channel", None)
        if isinstance(event, Watchlist) or (isinstance(channel, str) and channel.startswith(SERVER_TO_USER)):
            return (SIGN_IN,)
        return (channel,) if isinstance(channel, str) else ()


@attrs.frozen(kw_only=True)
class Config(ProtocolConfig):
    """How to reach an app, and who authorises what is not public. Raises `ConfigError` naming every wrong field.

    The app's `secret` signs here; with `auth_url` an endpoint that has it is asked instead, for every subscription that is not
    public, on every connection. Without either, public channels alone can be subscribed to.
    """

    key: str = attrs.field(default="", metadata=checked(_plain))
    """The app's key. May be left out where `url` ends in `/app/KEY`."""
    secret: Secret | None = attrs.field(default=None, metadata=checked(optional(secret)))
    cluster: str = attrs.field(default="mt1", metadata=checked(_host))
    url: str | None = attrs.field(default=None, metadata=checked(optional(websocket_url)))
    """Of another server than the cluster's; `/app/KEY` is added where it has no path."""
    protocol_query: bool = attrs.field(default=True, metadata=checked(flag))
    """Whether the URL says which protocol, client and version it is; Pusher refuses without."""
    auth_url: str | None = attrs.field(default=None, metadata=checked(optional(http_url)))
    auth_headers: Mapping[str, Secret] = attrs.field(default=_NO_HEADERS, converter=_frozen_secrets, metadata=checked(_headers))
    auth_params: Mapping[str, str | Secret] = attrs.field(default=_NO_PARAMS, converter=_frozen_params, metadata=checked(_params))
    """Fields that go with every authorisation that is asked for; a `Secret` where one is, a token for one."""
    auth_body: AuthBody = attrs.field(default="form", metadata=checked(one_of("form", "json")))
    user_auth_url: str | None = attrs.field(default=None, metadata=checked(optional(http_url)))
    """Where a sign-in is authorised; the headers, fields and form of the body are those of channels."""
    encryption_master_key: Secret | None = attrs.field(default=None, metadata=checked(optional(_key32)))
    """In base64; for encrypted channels that are signed here."""

    def _mismatches(self) -> Iterable[str]:
        if not self.app_key:
            yield "key: must be set, or be in the url (…/app/KEY)"
        if self.encryption_master_key is not None and self.secret is None and self.auth_url is None:
            yield "encryption_master_key: is of no use without secret"

    @property
    def provider(self) -> str:
        return "pusher"

    @property
    def app_key(self) -> str:
        return self.key or _key_in(self.url or "")

    @property
    def dial_url(self) -> str:
        """The whole URL that is dialled."""
        # The version is looked up no sooner: that takes longer than to import a provider.
        return self._app_url({"protocol": "7", "client": "pushwire", "version": release()} if self.protocol_query else {})

    @property
    def namespace(self) -> str:
        """Provider and URL, which holds the app's key; that is no secret."""
        return f"pusher {self._app_url({}).partition('?')[0]}"

    def _app_url(self, query: Mapping[str, str]) -> str:
        return app_url(self.url or f"wss://ws-{self.cluster}.pusher.com", self.app_key, query)

    def authoriser(self) -> Authoriser:
        return Authoriser(
            key=self.app_key,
            secret=self.secret,
            master_key=self.encryption_master_key,
            endpoint=self._endpoint(self.auth_url),
            user_endpoint=self._endpoint(self.user_auth_url),
        )

    def machine(self, *, rng: random.Random, ids: Callable[[], str], restored: Restored | None = None) -> PusherMachine:
        """The protocol as a machine; `ids` is not needed, messages have none."""
        dialect = PusherDialect(self.authoriser(), self.limits)
        return PusherMachine(self, dialect, url=self.dial_url, rng=rng, ids=ids)

    def _endpoint(self, url: str | None) -> AuthEndpoint | None:
        return None if url is None else AuthEndpoint(url, self.auth_headers, self.auth_body, self.auth_params)
