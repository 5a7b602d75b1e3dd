"""What tests that talk to a real server share: waiting for events, which never takes longer than a test's patience."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Final, TypeVar

import trio

from pushwire.core.secrets import Secret
from pushwire.providers import pusher
from tests.soketi.server import KEY, SECRET, Soketi

__all__ = ["MASTER_KEY", "PATIENCE", "config", "member", "next_of"]

PATIENCE: Final = 60
"""Seconds until a test that waits in vain is given up; nothing takes more than a few."""
MASTER_KEY: Final = "OHRXNUZRTG5pUTFzQlFGd3J3N3Q2VFZFc0paZDEweVk="
"""That of a published vector."""

ExpectedT = TypeVar("ExpectedT")


def config(soketi: Soketi) -> pusher.Config:
    """The app's own connection: it signs for itself, and comes back soon."""
    return pusher.Config(
        url=soketi.url,
        key=KEY,
        secret=Secret(SECRET),
        encryption_master_key=Secret(MASTER_KEY),
        backoff_first=0.1,
        backoff_cap=0.5,
    )


def member(user_id: str, **info: str) -> str:
    """The `channel_data` of a user."""
    return json.dumps({"user_id": user_id, "user_info": info})


async def next_of(events: AsyncIterator[object], kind: type[ExpectedT]) -> ExpectedT:
    """The next event of this kind, past all others."""
    with trio.fail_after(PATIENCE):
        async for event in events:
            if isinstance(event, kind):
                return event
    raise AssertionError(f"the stream ended without a {kind.__name__}")
