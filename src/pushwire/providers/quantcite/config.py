"""The config of a QuantCite connection: its settings, and what is made of them."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from ...core.config import as_websocket_url
from ...core.effects import Restored
from .machine import QuantciteMachine
from .settings import Settings
from .topics import Topic
from .transactions import Transaction

if TYPE_CHECKING:
    from .rest import SessionGrant

__all__ = ["Config"]


@attrs.frozen(kw_only=True)
class Config(Settings):
    """How to reach QuantCite and as whom. Raises `ConfigError` naming every wrong field."""

    @property
    def provider(self) -> str:
        return "quantcite"

    @property
    def namespace(self) -> str:
        """Provider, URL, and a digest of the key."""
        digest = hashlib.sha256(self.api_key.reveal().encode()).hexdigest()[:16]
        return f"quantcite {as_websocket_url(self.url)} {digest}"

    def machine(self, *, rng: random.Random, ids: Callable[[], str], restored: Restored | None = None) -> QuantciteMachine:
        """The protocol as a machine. Nothing is restored: the provider's history is what remembers."""
        paced = self if self.send_rate < math.inf else attrs.evolve(self, send_rate=self.requests_a_second)
        return QuantciteMachine(paced, rng=rng, ids=ids)

    def grant(self) -> SessionGrant:
        """Sessions are got with the key."""
        # Whoever follows the stream alone has no use for REST.
        from .rest import SessionGrant

        return SessionGrant(self)

    def topics(self, event: object) -> tuple[Topic, ...]:
        """A transaction may be of any type that was subscribed to on its exchange."""
        if not isinstance(event, Transaction):
            return ()
        networks = (event.testnet, None) if event.testnet is self.testnet else (event.testnet,)
        return tuple(Topic(event.exchange, network, kind) for kind in event.asked_for for network in networks)

    def identity(self, event: object) -> str | None:
        """Exchange, testnet and id; a digest of what it says of time and money."""
        return event.identity.text if isinstance(event, Transaction) else None
