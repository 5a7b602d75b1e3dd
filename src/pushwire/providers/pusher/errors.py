"""Whom a `pusher:error` is about, when it says so only in words.

The words are those of pusher-js#45 and #55, pusher-websocket-java#205 and libPusher#254 (providers/pusher.md, 1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from .channels import SIGN_IN, is_private
from .messages import Failure

__all__ = ["already_subscribed", "refused_by"]

UNAUTHORISED: Final = 4009
_EXISTING: Final = "Existing subscription to channel "
_ABOUT_A_CHANNEL: Final = re.compile(r"subscription to channel \S")
_ABOUT_A_USER: Final = "::user::"
_BEFORE: Final = r"(?<![-a-zA-Z0-9_=@,.;])"
_AFTER: Final = r"(?![-a-zA-Z0-9_=@])"


def already_subscribed(failure: Failure) -> bool:
    """Whether the server says that what was asked for is so already."""
    return (failure.message or "").startswith(_EXISTING)


def refused_by(failure: Failure, pending: Sequence[str], known: Iterable[str]) -> str | None:
    """Which of the `pending` topics an error refuses: the one it names, else the oldest that needed an authorisation.

    `known` are all the channels it could name. None: it is about something else.
    """
    if failure.channel is not None:
        return failure.channel if failure.channel in pending else None
    if failure.code not in {UNAUTHORISED, None}:
        return None
    text = failure.message or ""
    if _ABOUT_A_USER in text:
        return SIGN_IN if SIGN_IN in pending else None
    # The longest: a name may end in what looks like the end of a sentence.
    named = max((channel for channel in known if _names(text, channel)), key=len, default=None)
    if named is not None:
        return named if named in pending else None
    if _ABOUT_A_CHANNEL.search(text):
        return None
    return next((topic for topic in pending if topic == SIGN_IN or is_private(topic)), None)


def _names(text: str, channel: str) -> bool:
    return channel in text and re.search(_BEFORE + re.escape(channel) + _AFTER, text) is not None
