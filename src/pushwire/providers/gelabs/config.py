"""The settings of gelabs: of its connection and of its REST calls."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Hashable, Mapping
from types import MappingProxyType
from typing import Final, TypeGuard, cast

import attrs

from ...core.acks import AckConfig
from ...core.config import as_websocket_url, checked, flag, http_url, optional, secret, text, websocket_url
from ...core.effects import Identity, Restored
from ...core.events import Delivery
from ...core.ratelimit import RateLimit
from ...core.secrets import Secret
from .machine import GelabsMachine
from .messages import revive
from .paths import API_URL, PATHS, as_paths, paths_problem
from .topics import CHAIN_IDS, topic
from .transactions import Transaction

__all__ = ["BUCKET", "Config"]

BUCKET: Final = "http"
"""The one rate limit that all REST calls count against."""


def _is_chain_ids(value: object) -> TypeGuard[Mapping[str, int]]:
    if not isinstance(value, Mapping):
        return False
    items = cast("Mapping[object, object]", value).items()
    return all(isinstance(k, str) and isinstance(v, int) and not isinstance(v, bool) for k, v in items)


def _chain_ids(value: object) -> str | None:
    return None if _is_chain_ids(value) else "must map chain names to whole numbers"


def _as_chain_ids(value: Mapping[str, int]) -> Mapping[str, int]:
    """The caller's mapping, copied, its names as messages are looked up by; what is none is left to the check."""
    if value is CHAIN_IDS or not _is_chain_ids(value):
        return value
    return MappingProxyType({name.lower(): number for name, number in value.items()})


def _rate_limit(value: object) -> str | None:
    return None if isinstance(value, RateLimit) else "must be a RateLimit"


@attrs.frozen(kw_only=True)
class Config(AckConfig):
    """How to reach gelabs and as whom. Raises `ConfigError` naming every wrong field."""

    api_key: Secret = attrs.field(metadata=checked(secret))
    url: str = attrs.field(default="wss://api.gelabs.org/tx/api/v1/transaction/ws", metadata=checked(websocket_url))
    chain_ids: Mapping[str, int] = attrs.field(default=CHAIN_IDS, converter=_as_chain_ids, metadata=checked(_chain_ids))
    """The id of a chain whose message names none."""
    ack_message_id: bool = attrs.field(default=True, metadata=checked(flag))
    """Whether an ACK names the message beside the transaction. The document's error text accepts it, its sample leaves it out."""

    api_url: str = attrs.field(default=API_URL, metadata=checked(http_url))
    """Of REST; `paths` are added to it."""
    paths: Mapping[str, str] = attrs.field(default=PATHS, converter=as_paths, metadata=checked(paths_problem))
    """Where REST calls go, by their names; those left out go where the document says."""
    rate_limit: RateLimit = attrs.field(default=RateLimit(10, 1.0), metadata=checked(_rate_limit))
    """How many REST calls may be made in how many seconds. The document names no limit; this is ours."""

    account: str | None = attrs.field(default=None, metadata=checked(optional(text)))
    """The business identity's name in the ledger, in place of a digest of the key: with it, a key can be replaced by
    another of the same identity, and the ledger goes on. One that has begun without it has the last word of `namespace` for a
    name."""

    @property
    def provider(self) -> str:
        return "gelabs"

    @property
    def namespace(self) -> str:
        """What this connection's ledger is stored under: provider, URL, and the account or else a digest of the key."""
        whose = self.account or hashlib.sha256(self.api_key.reveal().encode()).hexdigest()[:16]
        return f"gelabs {as_websocket_url(self.url)} {whose}"

    @property
    def rate_limits(self) -> Mapping[str, RateLimit]:
        return {BUCKET: self.rate_limit}

    def machine(self, *, rng: random.Random, ids: Callable[[], str], restored: Restored | None = None) -> GelabsMachine:
        """The protocol as a machine; `ids` gives a new id for each command."""
        return GelabsMachine(
            self,
            api_key=self.api_key,
            url=as_websocket_url(self.url),
            chain_ids=self.chain_ids,
            rng=rng,
            ids=ids,
            restored=restored or Restored(),
            ack_message_id=self.ack_message_id,
        )

    def topics(self, event: object) -> tuple[Hashable, ...]:
        """The monitored addresses that a transaction matched, on its chain."""
        if not isinstance(event, Transaction):
            return ()
        return tuple(topic(event.chain_type, address) for address in event.listen_addresses or ())

    def identity(self, event: object) -> str | None:
        """Chain, its id and the hash; status, height and reorg flag."""
        # Empty where it came as the reply to a command.
        return event.identity.text if isinstance(event, Transaction) else None

    def said_at(self, event: object) -> float | None:
        """When the push was sent, else the time of the transaction."""
        if isinstance(event, Transaction) and event.sent is not None:
            return event.sent / 1000
        return super().said_at(event)

    def acked(self) -> type[Transaction]:
        """The type of the events that are ACKed."""
        return Transaction

    def revive(self, raw: str, identity: Identity, delivery: Delivery, received: float) -> Transaction:
        """The transaction of a push, once more. Raises `ValueError` where it no longer decodes."""
        return revive(raw, identity, delivery, received)
