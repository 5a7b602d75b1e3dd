"""Pusher, as those see it who serve any provider."""

from __future__ import annotations

from typing import Final

from ...core.provider import Provider
from .commands import SignIn, Subscribe, Trigger, Unsubscribe
from .config import Config
from .tables import CLOSES, HANDSHAKE

__all__ = ["PROVIDER"]


def parse_spec(text: str) -> Subscribe:
    """A channel's name. Raises `LocalProtocolError` for what cannot be one."""
    return Subscribe(text)


PROVIDER: Final = Provider(
    name="pusher",
    config=Config,
    commands={kind.__name__: kind for kind in (Subscribe, Unsubscribe, Trigger, SignIn)},
    secrets={},
    optional_secrets={
        "secret": "PUSHWIRE_PUSHER_SECRET",
        "encryption_master_key": "PUSHWIRE_PUSHER_ENCRYPTION_MASTER_KEY",
    },
    spec="channel",
    parse_spec=parse_spec,
    tables={"from the open connection to connection_established": HANDSHAKE},
    closes=CLOSES,
)
