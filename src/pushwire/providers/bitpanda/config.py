"""The settings of a Bitpanda connection. What the document leaves open, nearly all of the handshake, is one of them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from types import MappingProxyType
from typing import Final, TypeGuard, cast

import attrs

from ...core.config import (
    ConnectionConfig,
    as_websocket_url,
    checked,
    count,
    one_of,
    optional,
    positive,
    seconds,
    text,
    token_or_source,
    websocket_url,
)
from ...core.effects import Restored
from ...core.events import Stale
from ...core.secrets import Secret, revealed
from ...core.tokens import TokenSource
from .dialect import BitpandaDialect, Merge
from .machine import BitpandaMachine
from .prices import Price, PriceChange
from .topics import Topic

__all__ = ["Config"]

IDLE_CLOSE: Final = 60.0
"""Seconds without a ping after which the server closes the connection (seeds/001…, "Ping/Pong")."""

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def _is_texts(value: object) -> TypeGuard[Mapping[str, str | Secret]]:
    if not isinstance(value, Mapping):
        return False
    items = cast("Mapping[object, object]", value).items()
    return all(isinstance(name, str) and isinstance(text, str | Secret) for name, text in items)


def _texts(value: object) -> str | None:
    return None if _is_texts(value) else "must map names to texts or secrets"


def _headers(value: object) -> str | None:
    if not _is_texts(value):
        return _texts(value)
    for name, content in value.items():
        plain = revealed(content)
        if not (_HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(plain)):
            return f"{name!r} cannot be sent as a header"
    return None


def _copied(value: Mapping[str, str | Secret]) -> Mapping[str, str | Secret]:
    """The caller's mapping, which may change; what is none is left to the check."""
    return MappingProxyType(dict(value)) if _is_texts(value) else value


def _nothing() -> dict[str, str | Secret]:
    return {}


@attrs.frozen(kw_only=True)
class Config(ConnectionConfig):
    """How to reach Bitpanda Enterprise and as whom. Raises `ConfigError` naming every wrong field."""

    url: str = attrs.field(metadata=checked(websocket_url))
    """Bitpanda tells it to its partners; it is documented nowhere."""
    token: Secret | TokenSource = attrs.field(metadata=checked(token_or_source))
    """The access token, or what gives a fresh one for every dial: a token lives 10 minutes."""
    headers: Mapping[str, str | Secret] = attrs.field(factory=_nothing, converter=_copied, metadata=checked(_headers))
    """More headers of the handshake."""
    query: Mapping[str, str | Secret] = attrs.field(factory=_nothing, converter=_copied, metadata=checked(_texts))
    """More query parameters of the URL."""
    token_parameter: str | None = attrs.field(default=None, metadata=checked(optional(text)))
    """The query parameter that carries the token; None: it goes as `Authorization: Bearer`, as on the provider's HTTP API."""
    merge: Merge = attrs.field(default="union", metadata=checked(one_of("union", "only_new")))
    """What a second subscribe on a channel names: all that is subscribed to there, which is right whether the provider adds or
    replaces; or what is new alone, for one that adds."""
    items_per_frame: int | None = attrs.field(default=None, metadata=checked(optional(count)))
    """How many pairs, or fiats, one frame may name; only with `merge="only_new"`, since a union cannot be divided."""
    ping_interval: float = attrs.field(default=25.0, metadata=checked(seconds))
    stale_after: float = attrs.field(default=60.0, metadata=checked(positive))
    """Of prices alone: four updates have not come. Pairs heard under a fiat or a whole channel count each for itself."""

    def _mismatches(self) -> Iterable[str]:
        if self.ping_interval >= IDLE_CLOSE:
            yield f"ping_interval: must be below {IDLE_CLOSE:g} seconds, after which the server closes an idle connection"
        if self.items_per_frame is not None and self.merge == "union":
            yield 'items_per_frame: needs merge="only_new"'
        if self.token_parameter is None and "authorization" in map(str.lower, self.headers):
            yield "headers: Authorization carries the token"
        if self.token_parameter is not None and self.token_parameter in self.query:
            yield f"query: {self.token_parameter} carries the token"

    @property
    def provider(self) -> str:
        return "bitpanda"

    @property
    def namespace(self) -> str:
        """Provider and URL, without the query. There is no ledger: nothing is ACKed."""
        return f"bitpanda {as_websocket_url(self.url).partition('?')[0]}"

    def machine(self, *, rng: random.Random, ids: Callable[[], str], restored: Restored | None = None) -> BitpandaMachine:
        """The protocol as a machine; `ids` gives the payloads of pings. Nothing is restored: the provider replays nothing."""
        return BitpandaMachine(
            self,
            BitpandaDialect(self.merge, self.items_per_frame),
            url=as_websocket_url(self.url),
            headers=self.headers,
            query=self.query,
            token_parameter=self.token_parameter,
            rng=rng,
            ids=ids,
        )

    def credential(self, name: str) -> Secret | TokenSource | None:
        return self.token if name == "token" else None

    def expendable(self, event: object) -> Hashable | None:
        """A later update of the same pair on the same channel makes an earlier one superfluous."""
        return event.topics[0] if isinstance(event, Price | PriceChange) else None

    def topics(self, event: object) -> tuple[Topic, ...]:
        """The pair, its fiat, and the whole channel; also for a pair that has fallen silent."""
        if isinstance(event, Price | PriceChange):
            return event.topics
        if isinstance(event, Stale):
            # `isinstance` cannot see the type of the topic, which is ours.
            return cast("Stale[Topic]", event).topic.within
        return ()
