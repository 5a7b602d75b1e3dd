"""Channels by their names: what a name may be, and what its prefix says (providers/pusher.md, 1)."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["SERVER_TO_USER", "SIGN_IN", "is_encrypted", "is_presence", "is_private", "name_problem"]

ENCRYPTED: Final = "private-encrypted-"
"""Also of encrypted cache channels: `private-encrypted-cache-`."""
PRESENCE: Final = "presence-"
PRIVATE: Final = "private-"
SERVER_TO_USER: Final = "#server-to-user-"
"""The channel of a signed-in user begins so. `#` is reserved: nobody may ask for such a channel."""
SIGN_IN: Final = "#user"
"""What a sign-in subscribes to, whichever user it is."""

_NAME: Final = re.compile(r"[-a-zA-Z0-9_=@,.;]+\Z")


def is_private(channel: str) -> bool:
    """Whether subscribing needs an authorisation."""
    return channel.startswith((PRIVATE, PRESENCE))


def is_presence(channel: str) -> bool:
    return channel.startswith(PRESENCE)


def is_encrypted(channel: str) -> bool:
    return channel.startswith(ENCRYPTED)


def name_problem(channel: object) -> str | None:
    """What is wrong with a channel's name, but for its length."""
    if not isinstance(channel, str):
        return "must be a text"
    return None if _NAME.match(channel) else "must be one or more of the letters, digits and - _ = @ , . ;"
